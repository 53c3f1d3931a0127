//! The command itself, as far as no plugin is needed: streams, exit codes, errors in text and JSON.

#![cfg(feature = "cli")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A command in a directory of its own, with nothing of the user's environment.
struct Cli {
    directory: TempDir,
}

impl Cli {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_persist"));
        command.args(arguments).current_dir(self.directory.path()).stdin(Stdio::null());
        command.env_clear().env("HOME", self.directory.path().join("home"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn json_error(output: &Output) -> Value {
    assert!(output.stdout.is_empty(), "{output:?}");
    let object: Value = serde_json::from_slice(&output.stderr).unwrap();
    object["error"].clone()
}

#[test]
fn malformed_references_are_usage_errors_in_text_and_json() {
    let cli = Cli::new();
    let output = cli.run(&["restore", "agent"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("\"agent\" has no '/': expected AGENT/SESSION or AGENT/SESSION@INDEX"));
    let output = cli.run(&["--json", "restore", "a/b@x"]);
    assert_eq!(code(&output), 2);
    let error = json_error(&output);
    assert_eq!((error["kind"].as_str(), error["exit_code"].as_i64()), (Some("usage"), Some(2)));
    assert_eq!(
        error["message"],
        "invalid value 'a/b@x' for '<REF>': \"x\" is not a snapshot index: expected a decimal number from 0 to 9999999999"
    );
}

#[test]
fn a_hostile_file_in_the_working_directory_is_refused() {
    let cli = Cli::new();
    cli.write(
        "persist.toml",
        "[stores.a]\nstorage = { adapter = \"local\" }\n[plugins]\npath = [\"/evil\"]\n",
    );
    for arguments in [&["list"][..], &["plugins", "list"], &["config", "show"], &["save", "a/b", "/dev/null"]]
    {
        let output = cli.run(arguments);
        assert_eq!(code(&output), 1, "{arguments:?}");
        let text = stderr(&output);
        assert!(
            text.starts_with("error: ./persist.toml:3: `plugins` is refused because the file was only"),
            "{text}"
        );
        assert!(text.contains("hint: if you trust the file, name it: --config ./persist.toml"), "{text}");
    }
    // The same file counts when the user names it, by flag or by variable.
    let named = cli.run(&["config", "show", "--config", "./persist.toml"]);
    assert_eq!(code(&named), 0, "{named:?}");
    assert!(stdout(&named).contains("path = [\"/evil\"]"), "{named:?}");
    let named =
        cli.command(&["config", "show", "--json"]).env("PERSIST_CONFIG", "persist.toml").output().unwrap();
    let object: Value = serde_json::from_slice(&named.stdout).unwrap();
    assert_eq!(object["source"]["kind"], "environment");
}

#[test]
fn an_unknown_adapter_lists_where_it_was_looked_for() {
    let cli = Cli::new();
    let empty = tempfile::tempdir().unwrap();
    cli.write("c.toml", "[stores.a]\nstorage = { adapter = \"nowhere\" }\n");
    let directory = empty.path().to_str().unwrap();
    let output = cli.run(&["list", "--config", "c.toml", "--plugin-dir", directory, "--json"]);
    assert_eq!(code(&output), 6, "{output:?}");
    let error = json_error(&output);
    assert_eq!((error["kind"].as_str(), error["code"].as_str()), (Some("plugin"), Some("plugin_missing")));
    assert!(error["hint"].as_str().unwrap().contains(directory), "{error}");
}

#[test]
fn an_unknown_store_is_not_found() {
    let output = Cli::new().run(&["list", "--store", "other"]);
    assert_eq!(code(&output), 3);
    assert_eq!(
        stderr(&output),
        "error: there is no store \"other\" in the built-in config; its stores: main\n"
    );
}

#[test]
fn secrets_are_not_shown() {
    let cli = Cli::new();
    cli.write(
        "c.toml",
        "[stores.a.storage]\nadapter = \"x\"\napi_token = \"visible?\"\nbucket = \"b-${PRIVATE}\"\n",
    );
    for arguments in
        [&["config", "show", "--config", "c.toml"][..], &["config", "show", "--json", "--config", "c.toml"]]
    {
        let output = cli.command(arguments).env("PRIVATE", "hidden").output().unwrap();
        let text = stdout(&output);
        assert!(text.contains("***") && text.contains("b-${PRIVATE}"), "{text}");
        assert!(!text.contains("visible?") && !text.contains("hidden"), "{text}");
    }
}

#[test]
fn passwords_in_urls_are_not_shown() {
    let cli = Cli::new();
    cli.write(
        "c.toml",
        r#"
[stores.a.storage]
adapter = "x"
uri = "mongodb://u:SECRET@h1,h2/d"
[stores.b.storage]
adapter = "tiered"
cache = { adapter = "x", url = "redis://:SECRET@h:6379/0" }
remote = { adapter = "replicated", replicas = [{ adapter = "y", url = "postgresql://h/d?password=SECRET&user=u" }] }
[traces]
endpoint = "http://u:SECRET@127.0.0.1:1"
"#,
    );
    for format in [None, Some("--json")] {
        let mut arguments = vec!["config", "show", "--config", "c.toml"];
        arguments.extend(format);
        let output = cli.run(&arguments);
        assert_eq!(code(&output), 0, "{output:?}");
        let text = stdout(&output);
        assert!(!text.contains("SECRET"), "{text}");
        for shown in [
            "mongodb://u:***@h1,h2/d",
            "redis://:***@h:6379/0",
            "postgresql://h/d?password=***&user=u",
            "http://u:***@127.0.0.1:1",
        ] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
    }
}

#[test]
fn deletion_wants_an_index_and_a_confirmation() {
    let cli = Cli::new();
    let output = cli.run(&["delete", "a/b@1", "a/b@2"]);
    assert_eq!(code(&output), 2);
    assert_eq!(
        stderr(&output),
        "error: this would delete a/b@1, a/b@2 for good; nothing was deleted\n  hint: confirm with --yes\n"
    );
    assert_eq!(code(&cli.run(&["delete", "a/b", "--yes"])), 2);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let cli = Cli::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = cli.command(&["completions", "bash"]).stdout(writer).output().unwrap();
    assert_eq!((code(&output), stderr(&output)), (0, ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Cli::new().command(&["completions", "bash"]).stdout(full).output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).starts_with("error: cannot write to standard output\n  cause: "), "{output:?}");
}
