//! The command over plugins that do not answer, answer wrongly, panic, or do not let themselves be dropped.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::*;

const SAVE: &[&str] = &["save", "a/s", "states/0.json"];
const RESTORE: &[&str] = &["restore", "a/s"];
const BENCH: &[&str] = &["bench", "states"];

/// The keys of snapshots.
const RECORDS: &str = "/d/";

/// A home with the unruly plugin and a state to save.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = directory();
        fs::copy(example("libunruly_plugin.so"), home.path().join("libunruly.so")).unwrap();
        fs::create_dir(home.path().join("states")).unwrap();
        fs::write(home.path().join("states/0.json"), "{}").unwrap();
        Self(home)
    }

    /// Runs the command over a store with this storage adapter and these options, in TOML.
    fn run(&self, adapter: &str, options: &str, arguments: &[&str]) -> Output {
        let storage = format!("storage = {{ adapter = {adapter:?}, {options} }}\n");
        self.run_over(&(storage + "compression = { adapter = \"none\" }\n"), arguments)
    }

    /// Runs the command over the storage "crooked", whose method fails on some keys in one way.
    fn crooked(&self, (method, keys, how): (&str, &str, &str), arguments: &[&str]) -> Output {
        let root = self.0.path().join("store");
        let options = format!("root = {root:?}, method = {method:?}, keys = {keys:?}, how = {how:?}");
        self.run("crooked", &options, arguments)
    }

    /// Runs it over the storage "crooked" where nothing fails.
    fn sound(&self, arguments: &[&str]) -> Output {
        self.crooked(("", "", ""), arguments)
    }

    fn run_over(&self, store: &str, arguments: &[&str]) -> Output {
        let config = self.0.path().join("config.toml");
        fs::write(&config, format!("[stores.main]\ncall_timeout = 1\n{store}")).unwrap();
        Command::new(env!("CARGO_BIN_EXE_persist"))
            .args(arguments)
            .arg("--plugin-dir")
            .arg(self.0.path())
            .arg("--config")
            .arg(&config)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// How many snapshots the session has.
    fn snapshots(&self) -> usize {
        let output = self.sound(&["list", "a/s", "--json"]);
        assert_code(&output, 0);
        output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", text(output));
}

/// Asserts how a command ended, and that it named the plugin and the operation.
#[track_caller]
fn assert_ends(output: &Output, code: i32, operation: &str) {
    let text = text(output);
    assert_code(output, code);
    assert!(text.contains("the storage adapter ") && text.contains("libunruly.so"), "{text}");
    assert!(text.contains(operation), "{operation}: {text}");
    if code == 7 {
        assert!(text.contains("within 1 s, the call_timeout of its store"), "{text}");
    }
}

/// The error of a command that was run with `--json`.
#[track_caller]
fn json_error(output: &Output) -> Value {
    let text = text(output);
    let line = text.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("{text}"));
    serde_json::from_str::<Value>(line).unwrap()["error"].clone()
}

#[test]
fn a_plugin_that_does_not_answer_ends_the_command_with_its_exit_code() {
    let silent =
        |never: &str, arguments: &[&str]| Home::new().run("silent", &format!("never = {never:?}"), arguments);
    assert_ends(&silent("open", SAVE), 7, "did not answer open");
    assert_ends(&silent("capabilities", SAVE), 7, "did not answer capabilities");
    assert_ends(&silent("load", SAVE), 7, "did not answer load");
    assert_ends(&silent("load", RESTORE), 7, "did not answer load");
    assert_ends(&silent("list", SAVE), 7, "did not answer list of");
    assert_ends(&silent("load", BENCH), 7, "did not answer load");
    // The marker of the store, before any snapshot.
    assert_ends(&silent("save_if_absent", SAVE), 7, "did not answer save_if_absent of");
}

#[test]
fn a_snapshot_that_was_written_without_an_answer_is_found_and_counts_as_saved() {
    for how in ["applied", "late"] {
        let home = Home::new();
        let output = home.crooked(("save_if_absent", RECORDS, how), SAVE);
        assert_code(&output, 0);
        assert_eq!(home.snapshots(), 1, "{how}");
        let restored = home.sound(RESTORE);
        assert_eq!(restored.stdout, b"{}", "{how}: {}", text(&restored));
    }
}

#[test]
fn a_snapshot_that_cannot_be_found_is_unknown_and_a_retry_never_stores_it_twice() {
    // Lost on its way, and written while nothing of it can be read.
    for (how, then_blind, stored) in [("lost", false, 0), ("applied", true, 1)] {
        let home = Home::new();
        let root = home.0.path().join("store");
        let options = format!(
            "root = {root:?}, method = \"save_if_absent\", keys = {RECORDS:?}, how = {how:?}, then_blind = {then_blind}"
        );
        let output = home.run("crooked", &options, &[SAVE, &["--json"]].concat());
        assert_code(&output, 8);
        let error = json_error(&output);
        assert_eq!(error["code"], "save_outcome_unknown", "{error}");
        assert!(error.to_string().contains("libunruly.so did not answer save_if_absent of"), "{error}");
        assert_eq!(home.snapshots(), stored, "{how}");
        let write_id = error["context"]["write_id"].as_str().unwrap().to_owned();
        for _ in 0..2 {
            assert_code(&home.sound(&[SAVE, &["--write-id", &write_id]].concat()), 0);
            assert_eq!(home.snapshots(), 1, "{how}: the same write id, the same snapshot");
        }
        assert_eq!(home.sound(RESTORE).stdout, b"{}");
    }
}

#[test]
fn a_body_of_another_length_than_its_header_says_is_damage_and_nothing_is_given_back() {
    let home = Home::new();
    assert_code(&home.sound(SAVE), 0);
    for how in ["longer", "shorter"] {
        let output = home.crooked(("load", RECORDS, how), &[RESTORE, &["--json"]].concat());
        assert_code(&output, 4);
        assert!(output.stdout.is_empty(), "nothing of a wrong state is given back");
        assert_eq!(json_error(&output)["code"], "object_damaged", "{how}");
        let verified = home.crooked(("load", RECORDS, how), &["verify", "--read-data"]);
        assert_code(&verified, 4);
        // The sizes of a listing are a hint, and nobody believes them.
        let list: &[&str] = &["list", "a/s", "--json"];
        assert_eq!(home.crooked(("list", RECORDS, how), list).stdout, home.sound(list).stdout, "{how}");
        assert_code(&home.crooked(("list", RECORDS, how), &["verify", "--read-data"]), 0);
        assert_eq!(home.crooked(("list", RECORDS, how), RESTORE).stdout, b"{}", "{how}");
    }
    assert_eq!(home.sound(RESTORE).stdout, b"{}", "the store itself is as it was");
}

#[test]
fn answers_that_cannot_be_are_the_plugins_fault() {
    let home = Home::new();
    assert_code(&home.sound(SAVE), 0);
    for (fault, operation) in [
        (("list", RECORDS, "twice"), "list of"),
        (("list", RECORDS, "other_key"), "list of"),
        (("load_range", RECORDS, "longer"), "load_range of"),
    ] {
        let list: &[&str] = &["list", "a/s", "--json"];
        let output = home.crooked(fault, list);
        assert_ends(&output, 6, operation);
        let error = json_error(&output);
        assert_eq!((&error["kind"], &error["code"]), (&"plugin".into(), &"adapter_answer_wrong".into()));
        assert!(error.to_string().contains("answered what the interface does not allow"), "{error}");
    }
    assert_eq!(home.snapshots(), 1);
}

#[test]
fn a_panic_in_a_write_ends_each_command_with_its_exit_code() {
    let error = |output: &Output| {
        let error = json_error(output);
        assert!(error.to_string().contains("the plugin panicked in save_if_absent"), "{error}");
        error["code"].as_str().unwrap().to_owned()
    };
    let json = |arguments: &[&'static str]| [arguments, &["--json"]].concat();
    // Before any snapshot: the marker of the store.
    let marker = ("save_if_absent", "persist-store.json", "panic");
    for arguments in [SAVE, BENCH] {
        let output = Home::new().crooked(marker, &json(arguments));
        assert_code(&output, 6);
        assert_eq!(error(&output), "plugin_panicked");
    }
    // A snapshot may have been written before the panic.
    for arguments in [SAVE, BENCH] {
        let home = Home::new();
        let output = home.crooked(("save_if_absent", RECORDS, "panic"), &json(arguments));
        assert_code(&output, 8);
        assert_eq!(error(&output), "save_outcome_unknown");
        assert_eq!(home.snapshots(), 0);
        assert_code(&home.sound(SAVE), 0);
    }
}

#[test]
fn a_drop_that_does_not_end_keeps_no_command() {
    let home = Home::new();
    let left = "to be dropped and is left to a thread of its own";
    let output = home.crooked(("drop", "", ""), SAVE);
    assert_ends(&output, 0, left);
    assert_eq!(home.snapshots(), 1);
    // The future of a call that was given up.
    let output = home.crooked(("load", RECORDS, "slow_drop"), RESTORE);
    assert_ends(&output, 7, "did not answer load of");
    // A codec: it is asked only on the way back.
    let root = home.0.path().join("other");
    let store = format!(
        "storage = {{ adapter = \"crooked\", root = {root:?} }}\n\
         compression = {{ adapter = \"unruly\", slow_drop = true }}\n"
    );
    let output = home.run_over(&store, &["config", "check"]);
    assert_code(&output, 0);
    let text = text(&output);
    assert!(text.contains("the compression adapter \"unruly\"") && text.contains(left), "{text}");
}

#[test]
fn a_check_over_storage_that_refuses_every_write_stops_at_the_first() {
    let root = directory();
    let options = serde_json::json!({ "root": root.path(), "at": "save", "how": "deny" }).to_string();
    let run = |rest: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_persist"));
        command.args(["plugins", "check"]).arg(example("libfatal_plugin.so")).args(["--options", &options]);
        let output = command.args(rest).current_dir(root.path()).output().unwrap();
        assert_code(&output, 6);
        output
    };
    let report: Value = serde_json::from_slice(&run(&["--json"]).stdout).unwrap();
    let steps = report["adapters"][0]["steps"].as_array().unwrap();
    let count = |outcome: &str| steps.iter().filter(|step| step["outcome"] == outcome).count();
    assert_eq!(count("failed"), 1, "{report}");
    assert!(count("skipped") > 38, "every check is in the report: {report}");
    let failed = steps.iter().find(|step| step["outcome"] == "failed").unwrap();
    assert!(failed["detail"].as_str().unwrap().contains("wrong credentials"), "{report}");
    assert!(report["left_behind"].is_null(), "{report}");
    let text = run(&[]);
    assert!(!String::from_utf8_lossy(&text.stdout).contains("left in the storage"), "{text:?}");
}
