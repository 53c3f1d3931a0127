//! Running other programs.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
};

use crate::error::{Error, Result};

/// The directory of the workspace.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable when it runs xtask; the build's own value serves when it is run directly.
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let mut root = PathBuf::from(package);
    root.pop();
    root
}

/// `program`, to be run in the workspace's directory.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root()).stdin(Stdio::null());
    // `cargo run` describes the package of xtask in the environment. A build script that watches
    // such a variable would run again, and its package be compiled again, for every caller.
    for (variable, _) in env::vars_os() {
        let bytes = variable.as_encoded_bytes();
        if bytes.starts_with(b"CARGO_PKG_") || bytes.starts_with(b"CARGO_MANIFEST_") {
            command.env_remove(&variable);
        }
    }
    command
}

/// The cargo that runs xtask, with the words of `arguments`.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments.split_whitespace());
    command
}

/// Runs to the end; anything but success is an error that shows the command line.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Failed { line: line(command), status }),
        Err(source) => Err(Error::Start { line: line(command), source }),
    }
}

/// pip, told to install whole packages into a directory of their own.
pub(crate) fn pip_install(directory: &Path) -> Command {
    let mut command = program("python3");
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"])
        .args(["--only-binary", ":all:", "--target"])
        .arg(directory)
        // Nothing else is installed there, so root harms nothing.
        .env("PIP_ROOT_USER_ACTION", "ignore");
    command
}

/// Makes a directory that appears only when it is complete. Another run may make it at the same time.
pub(crate) fn make_whole(directory: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let partial = directory.with_extension(format!("partial-{}", process::id()));
    let attempt = || format!("make {}", directory.display());
    let outcome = fs::create_dir_all(&partial)
        .map_err(Error::io(attempt()))
        .and_then(|()| fill(&partial))
        .and_then(|()| fs::rename(&partial, directory).map_err(Error::io(attempt())));
    if outcome.is_ok() {
        return Ok(());
    }
    // The error is what matters; a later run makes a directory of its own.
    let _ = fs::remove_dir_all(&partial);
    if directory.is_dir() { Ok(()) } else { outcome }
}

/// Whether `cargo SUBCOMMAND` is installed.
pub(crate) fn has_cargo_subcommand(subcommand: &str) -> bool {
    cargo(subcommand)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as one would type it, with the variables that it sets. Persist's own are left out: they are as
/// long as they are obvious, and one is a key.
pub(crate) fn line(command: &Command) -> String {
    let set = command
        .get_envs()
        .filter(|(name, _)| !name.as_encoded_bytes().starts_with(b"PERSIST_"))
        .filter_map(|(name, value)| Some((name, value?)));
    let mut words: Vec<String> =
        set.map(|(name, value)| format!("{}={}", name.display(), quoted(value))).collect();
    let program = Path::new(command.get_program());
    words.push(quoted(
        program.file_name().filter(|_| program.ends_with("cargo")).unwrap_or(program.as_os_str()),
    ));
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |character: char| character.is_alphanumeric() || "-_=./:,+@%".contains(character);
    if !word.is_empty() && word.chars().all(plain) { word.into_owned() } else { format!("{word:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command
            .args(["doc", "--no-deps", "a b"])
            .env("RUSTDOCFLAGS", "-D warnings")
            .env_remove("CARGO_PKG_NAME");
        command.env("PERSIST_TEST_S3_SECRET_KEY", "secret");
        assert_eq!(line(&command), r#"RUSTDOCFLAGS="-D warnings" cargo doc --no-deps "a b""#);
    }

    #[test]
    fn a_failure_shows_its_command_line() {
        let error = run(&mut program("false")).expect_err("it fails");
        assert_eq!(error.to_string(), "`false` failed (exit status: 1)");
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("Cargo.lock").is_file());
    }
}
