//! The plugin author's guide, followed to the letter: its commands are taken from the document itself.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use persist_e2e::{Output, Persist};
use persist_test_support::{persist_bin, profile_dir};

/// Two plugins and all that they depend on are compiled, perhaps beside other tests.
const TIME_LIMIT: Duration = Duration::from_secs(540);

#[test]
fn heavy_the_guide_leads_from_nothing_to_tested_plugins() {
    let guide = fs::read_to_string(root().join("docs/plugin-guide.md")).unwrap();
    let commands = shell_blocks(&guide);
    assert_eq!(commands.len(), 7, "{commands:#?}");
    let persist = Persist::without_config();
    persist.write("work/.cargo/config.toml", cargo_config());

    // The one thing that is not in the guide: the new crates get the versions that were downloaded for Persist itself.
    let lock = root().join("Cargo.lock");
    let prelude =
        format!("cargo() {{ test -e Cargo.lock || cp '{}' .; command cargo \"$@\"; }}\n", lock.display());
    let script = prelude + &commands.concat();
    let mut shell = Command::new("bash");
    shell
        .args(["-euxc", &script])
        .current_dir(persist.work_dir())
        .env_clear()
        .envs(rust_environment())
        .env("HOME", persist.path(""))
        .env("PATH", path())
        .env("PERSIST_SOURCE", root());
    let output = Output::within(TIME_LIMIT, shell, b"").expect_code(0);

    let text = output.text();
    for expected in [
        "wrote the crate persist-storage-shelf into persist-storage-shelf",
        "storage shelf  open: needs options",
        "storage shelf  create::one_winner",
        "storage shelf  handles::objects_outlive_their_writer",
        "guide/first@0",
        "compression squeeze  bombs_are_bounded",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{output}");
    }
    assert!(!text.contains("FAILED"), "{output}");
    let state = persist.work_dir().join("persist-storage-shelf/target/state.json");
    assert_eq!(fs::read_to_string(state).unwrap(), "{\"step\": 1}\n");
    let objects = persist.work_dir().join("persist-storage-shelf/target/snapshots/objects");
    assert!(objects.join("agents/guide/first").is_dir());
    assert_eq!(files(&objects.join("conformance")), 0, "what the checks wrote is gone");
}

/// How many files lie below a directory, which need not exist.
fn files(directory: &Path) -> usize {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

/// The commands of the blocks that are marked as shell, in order.
fn shell_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        match (&mut block, line) {
            (None, "```sh") => block = Some(String::new()),
            (Some(_), "```") => blocks.extend(block.take()),
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

/// Nothing is downloaded, and the dependencies are compiled once for all crates outside the workspace.
fn cargo_config() -> String {
    let build = profile_dir().with_file_name("outside");
    format!(
        "[build]\nbuild-dir = {build:?}\n[net]\noffline = true\n[profile.dev]\ndebug = 0\nincremental = false\n"
    )
}

/// What cargo and rustup need to know of the real home directory.
fn rust_environment() -> Vec<(&'static str, PathBuf)> {
    let home = env::home_dir().unwrap_or_default();
    let or_default = |name, directory| env::var_os(name).map_or_else(|| home.join(directory), PathBuf::from);
    let mut variables = vec![
        ("CARGO_HOME", or_default("CARGO_HOME", ".cargo")),
        ("RUSTUP_HOME", or_default("RUSTUP_HOME", ".rustup")),
    ];
    variables.extend(env::var_os("RUSTUP_TOOLCHAIN").map(|toolchain| ("RUSTUP_TOOLCHAIN", toolchain.into())));
    variables
}

/// The command under test before all others.
fn path() -> std::ffi::OsString {
    let own = persist_bin().parent().map(PathBuf::from);
    let others = env::var_os("PATH").unwrap_or_default();
    env::join_paths(own.into_iter().chain(env::split_paths(&others))).unwrap()
}

fn root() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}
