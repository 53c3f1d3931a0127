//! Logs: silence on success, text and JSON, files and their rotation, filters, and the request's id on every line.

use std::fs;

use persist_e2e::{Persist, json_lines, servers::plugin_dir};
use serde_json::Value;

/// Adds a table to the config of a store on local disk.
fn with_config(persist: &Persist, table: &str) {
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\n[plugins]\npath = [{:?}]\n{table}",
        persist.store_dir(),
        plugin_dir()
    ));
}

#[test]
fn a_command_that_succeeds_logs_nothing_at_info() {
    let persist = Persist::new();
    for arguments in [&["save", "a/s"][..], &["restore", "a/s"], &["list"], &["verify"], &["doctor"]] {
        let output =
            persist.run_with_input(arguments.iter().chain(&["--log-level", "info", "--quiet"]), "{}");
        let output = output.expect_code(0);
        assert!(output.stderr.is_empty(), "{output}");
    }
}

#[test]
fn every_line_of_an_operation_names_its_request_also_those_of_plugins() {
    let persist = Persist::new().env("PERSIST_REQUEST_ID", "req-77");
    let arguments = ["save", "a/s", "--log-format", "json", "--log-level", "trace"];
    let output = persist.run_with_input(arguments, "{}").expect_code(0);
    let lines = json_lines(output.stderr.as_bytes());
    let within: Vec<&Value> =
        lines.iter().filter(|line| line["target"] != "persist_host::plugins::load").collect();
    let told = |target: &str| within.iter().filter(|line| line["target"] == target).count();
    assert!(told("persist::operation") >= 1, "{output}");
    for line in within.iter().filter(|line| line["spans"].as_array().is_some_and(|spans| !spans.is_empty())) {
        assert_eq!(line["spans"][0]["request_id"], "req-77", "{line}");
        assert_eq!(line["spans"][0]["operation"], "save", "{line}");
    }
    for line in within.iter().filter(|line| line["target"] == "persist::plugin") {
        assert!(line.to_string().contains("req-77"), "{line}");
    }
}

#[test]
fn a_warning_names_its_request_at_the_usual_level() {
    let persist = Persist::new().env("PERSIST_REQUEST_ID", "req-78");
    persist.save("a/s", r#"{"step":0}"#);
    // The snapshot before cannot be read, so the next is stored in full, with a warning.
    let damaged = persist.store_dir().join("agents/a/s/d/0000000000");
    let mut bytes = fs::read(&damaged).expect("the record");
    let at = bytes.len() - 40;
    bytes[at] ^= 1;
    fs::write(&damaged, bytes).expect("it is damaged");
    let output = persist.run_with_input(["save", "a/s"], r#"{"step":1}"#).expect_code(0);
    assert!(output.stderr.contains("WARN") && output.stderr.contains("req-78"), "{output}");
}

#[test]
fn targets_are_filtered_and_files_rotate() {
    let persist = Persist::new();
    with_config(
        &persist,
        "[log]\nfile = \"logs/persist.log\"\nformat = \"json\"\nfilter = \"persist::storage=debug\"\nrotation = \"daily\"\nkeep = 3\n",
    );
    persist.save("a/s", "{}");
    let missing = persist.run(["restore", "a/none"]).expect_code(3);
    assert!(!missing.stderr.contains("persist::storage"), "{missing}");
    let directory = persist.path(".config/persist/logs");
    let files: Vec<_> =
        fs::read_dir(&directory).expect("logs").map(|entry| entry.expect("one").path()).collect();
    assert_eq!(files.len(), 1);
    let name = files[0].file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(name.starts_with("persist.log.20") && name.len() == "persist.log.2026-01-01".len(), "{name}");
    let lines = json_lines(&fs::read(&files[0]).expect("a log"));
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| line["target"] == "persist::storage"), "{lines:?}");
    assert!(lines.iter().all(|line| line["spans"][0]["request_id"].is_string()), "{lines:?}");

    // A flag counts before the config.
    let other = persist.path("other.log");
    let flags = ["--log-file", other.to_str().expect("text"), "--log-level", "debug", "--log-format", "text"];
    drop(persist.run(["list"].iter().chain(&flags)).expect_code(0));
    assert!(
        fs::read_dir(persist.path(""))
            .expect("home")
            .any(|entry| { entry.expect("one").file_name().to_string_lossy().starts_with("other.log") })
    );

    with_config(&persist, "[log]\nfile = \"/proc/nothing/x.log\"\n");
    drop(persist.run(["list"]).expect_code(1).says(["cannot log to /proc/nothing/x.log", "log.file"]));
    with_config(&persist, "[log]\nfilter = \"=loud=\"\n");
    drop(persist.run(["list"]).expect_code(1).says(["log.filter", "not a log filter"]));
    with_config(&persist, "[log]\nrotation = \"weekly\"\n");
    drop(persist.run(["list"]).expect_code(1).says(["log.rotation", "hourly"]));
}
