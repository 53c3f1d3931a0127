//! The archive of `cargo xtask dist`, unpacked where there is no source tree and no environment.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use persist_test_support::profile_dir;
use serde_json::Value;
use tempfile::TempDir;

const ZSTD: &str = "lib/persist/plugins/libpersist_compression_zstd.so";

/// An archive, unpacked; and a home of its own.
struct Unpacked {
    directory: TempDir,
    root: PathBuf,
}

impl Unpacked {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let made = directory.path().join("made");
        ok(xtask().args(["dist", "--profile", "dev"]).arg(&made));
        let archive = files(&made, ".tar.gz").pop().expect("an archive");
        ok(Command::new("sha256sum").arg("-c").args(files(&made, ".sha256")).current_dir(&made));
        ok(Command::new("tar").arg("-xzf").arg(archive).current_dir(directory.path()));
        fs::remove_dir_all(&made).expect("only what was unpacked is left");
        let root = files(directory.path(), "").pop().expect("the archive's directory");
        Self { directory, root }
    }

    /// Writes a config; the codec is the one line that differs.
    fn configure(&self, codec: &str) {
        let store = self.directory.path().join("store");
        let text = format!(
            "[stores.main]\nstorage = {{ adapter = \"local\", root = {store:?} }}\ncompression = {{ adapter = \"{codec}\" }}\n"
        );
        fs::write(self.directory.path().join("persist.toml"), text).expect("the config is written");
    }

    fn persist(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.root.join("bin/persist"));
        command.args(arguments).env_clear().env("HOME", self.directory.path());
        command.current_dir(self.directory.path());
        command
    }

    fn save(&self, state: &str) {
        fs::write(self.directory.path().join("state.json"), state).expect("the state is written");
        ok(&mut self.persist(&["save", "agent/session", "state.json"]));
    }

    fn restore(&self, index: u64) -> String {
        let output = ok(&mut self.persist(&["restore", &format!("agent/session@{index}")]));
        String::from_utf8(output.stdout).expect("a state")
    }

    fn codec(&self, index: u64) -> Value {
        let output = ok(&mut self.persist(&["show", &format!("agent/session@{index}"), "--json"]));
        let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        shown["codec"].clone()
    }
}

#[test]
fn an_unpacked_archive_works_and_takes_another_plugin() {
    let unpacked = Unpacked::new();
    ok(Command::new("sha256sum").args(["-c", "--quiet", "SHA256SUMS"]).current_dir(&unpacked.root));
    for file in [
        "README.md",
        "LICENSE-MIT",
        "lib/persist/plugins/libpersist_storage_s3.so",
        "share/man/man1/persist-save.1",
        "share/bash-completion/completions/persist",
        "share/zsh/site-functions/_persist",
        "share/fish/vendor_completions.d/persist.fish",
    ] {
        assert!(fs::metadata(unpacked.root.join(file)).expect(file).len() > 0, "{file}");
    }

    let aside = unpacked.directory.path().join("aside.so");
    fs::rename(unpacked.root.join(ZSTD), &aside).expect("an installation without zstd");
    unpacked.configure("gzip");
    unpacked.save(r#"{"step":1}"#);
    assert_eq!(unpacked.restore(0), r#"{"step":1}"#);

    unpacked.configure("zstd");
    let refused = unpacked.persist(&["save", "agent/session", "state.json"]).output().expect("it runs");
    let error = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(6), "{error}");
    assert!(error.contains("zstd"), "{error}");

    fs::copy(&aside, unpacked.root.join(ZSTD)).expect("the plugin is copied in");
    unpacked.save(r#"{"step":2}"#);
    assert_eq!(
        (unpacked.restore(0).as_str(), unpacked.restore(1).as_str()),
        (r#"{"step":1}"#, r#"{"step":2}"#)
    );
    assert_eq!((unpacked.codec(0), unpacked.codec(1)), ("gzip".into(), "zstd".into()));
}

#[test]
fn an_installation_holds_what_the_archive_holds() {
    let prefix = tempfile::tempdir().expect("a temporary directory");
    ok(xtask().args(["install", "--profile", "dev", "--prefix"]).arg(prefix.path()));
    let output = ok(Command::new(prefix.path().join("bin/persist")).args(["plugins", "list"]).env_clear());
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    for adapter in ["local", "s3", "memory", "gzip"] {
        assert!(listed.contains(adapter), "{listed}");
    }
    assert!(prefix.path().join("share/man/man1/persist.1").is_file());
    assert!(!prefix.path().join("README.md").exists());
}

fn xtask() -> Command {
    let mut xtask = Command::new(profile_dir().join("xtask"));
    // It would take this package's directory for its own.
    xtask.env_remove("CARGO_MANIFEST_DIR");
    xtask
}

fn ok(command: &mut Command) -> Output {
    let output = command.output().expect("the command starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {error}", output.status);
    output
}

/// The entries of a directory whose names end like this.
fn files(directory: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.to_string_lossy().ends_with(end)).collect()
}
