//! `persist plugins check`, which survives what it checks.

use std::fs;

use persist_e2e::{Persist, servers::plugin_dir};
use persist_test_support::profile_dir;
use serde_json::{Value, json};

const LIBRARIES: [&str; 8] = [
    "libpersist_storage_local.so",
    "libpersist_storage_memory.so",
    "libpersist_storage_s3.so",
    "libpersist_compression_brotli.so",
    "libpersist_compression_gzip.so",
    "libpersist_compression_lz4.so",
    "libpersist_compression_none.so",
    "libpersist_compression_zstd.so",
];

#[test]
fn every_plugin_that_is_shipped_passes() {
    let persist = Persist::new();
    for library in LIBRARIES {
        let path = plugin_dir().join(library);
        let path = path.to_str().unwrap();
        let output = persist.ok(["plugins", "check", path]);
        assert!(!output.text().contains("FAILED"), "{output}");
        let report = persist.ok(["plugins", "check", path, "--json"]).json();
        assert_eq!(report["path"], path);
        let steps = report["steps"].as_array().unwrap();
        assert!(steps.len() >= 5 && steps.iter().all(|step| step["outcome"] == "passed"), "{report}");
        // Some ask for options, and none is wrong for that.
        let adapters = report["adapters"].as_array().unwrap();
        assert!(!adapters.is_empty() && !failed(&report), "{report}");
    }
}

#[test]
fn with_a_config_the_adapters_of_the_store_go_through_the_checks() {
    let persist = Persist::new();
    let config = persist.path(".config/persist/config.toml");
    for (library, kind, checks, claim) in [
        ("libpersist_storage_local.so", "storage", 40, "atomic_create"),
        ("libpersist_compression_gzip.so", "compression", 18, "prefix"),
    ] {
        let path = plugin_dir().join(library);
        let arguments =
            ["plugins", "check", path.to_str().unwrap(), "--json", "--config", config.to_str().unwrap()];
        let report = persist.ok(arguments).json();
        let adapter = &report["adapters"][0];
        assert_eq!(adapter["kind"], kind);
        let passed = steps(&report).iter().filter(|step| step["outcome"] == "passed").count();
        assert!(passed >= checks, "{passed} passed: {report}");
        assert_eq!(adapter["claims"][claim], true, "{report}");
        assert_eq!(report["left_behind"], Value::Null);
    }
    assert_eq!(files(&persist.store_dir()), 0, "the checks remove what they wrote");
    let memory = plugin_dir().join("libpersist_storage_memory.so");
    let arguments = ["plugins", "check", memory.to_str().unwrap(), "--store", "main"];
    let _ = persist.run(arguments).expect_code(2).says(["\"main\" uses no adapter", "memory"]);
}

#[test]
fn options_and_exceptions_are_taken_from_the_command_line() {
    let persist = Persist::new();
    let memory = plugin_dir().join("libpersist_storage_memory.so");
    let check = |rest: &[&str]| {
        let arguments = ["plugins", "check", memory.to_str().unwrap(), "--json"];
        persist.run(arguments.iter().chain(rest))
    };
    let report = check(&["--options", "{}", "--except", "create::one_winner"]).expect_code(0).json();
    let skipped: Vec<_> = steps(&report).into_iter().filter(|step| step["outcome"] == "skipped").collect();
    assert_eq!(skipped.len(), 1, "{report}");
    assert_eq!(skipped[0]["step"], "create::one_winner");
    let report = check(&["--options", r#"{"max_byte": 5}"#]).expect_code(6).json();
    assert_eq!(steps(&report)[0]["outcome"], "failed", "options that were given are not asked for: {report}");
    // Too little room for the checks: they fail, and none of it stays.
    let report = check(&["--options", r#"{"max_bytes": 70000}"#]).expect_code(6).json();
    assert!(failed(&report) && report["left_behind"].is_null(), "{report}");
    for wrong in [
        &["--except", "x"][..],
        &["--options", "{}", "--except", "x"],
        &["--options", "{}", "--adapter", "x"],
    ] {
        let _ = check(wrong).expect_code(2);
    }
}

#[test]
fn a_plugin_that_ends_or_stops_its_process_is_reported() {
    let persist = Persist::new();
    let library = profile_dir().join("examples/libfatal_plugin.so");
    for (at, how, step, expected) in [
        ("open", "abort", "open", "signal 6"),
        ("open", "segfault", "open", "signal 11"),
        ("open", "exit", "open", "as if all were well"),
        ("open", "hang", "open", "longer than 1 s"),
        ("open", "panic", "open", "the moment has come (panic)"),
        ("load", "segfault", "round_trip::every_size_comes_back", "signal 11"),
        ("load", "hang", "round_trip::every_size_comes_back", "longer than 1 s"),
        ("load", "panic", "round_trip::every_size_comes_back", "(panic)"),
        ("drop", "abort", "handles::objects_outlive_their_writer", "signal 6"),
    ] {
        let root = persist.path("fatal");
        fs::create_dir(&root).unwrap();
        let options = json!({ "root": root, "at": at, "how": how }).to_string();
        let timeout = if how == "hang" { "1" } else { "60" };
        let arguments =
            ["plugins", "check", library.to_str().unwrap(), "--options", &options, "--timeout", timeout];
        let output = persist.run(arguments.iter().chain(&["--json"])).expect_code(6);
        let report = output.json();
        let found = steps(&report).into_iter().find(|found| found["step"] == step);
        let found = found.unwrap_or_else(|| panic!("{at} {how}: {report}"));
        assert_eq!(found["outcome"], "failed", "{at} {how}: {found}");
        assert!(found["detail"].as_str().unwrap().contains(expected), "{at} {how}: {found}");
        assert!(steps(&report).len() > 38, "every check is in the report: {report}");
        assert_eq!(files(&root), 0, "{at} {how}: another process removes what was left: {report}");
        assert_eq!(report["left_behind"], Value::Null);
        fs::remove_dir_all(&root).unwrap();
    }
}

#[test]
fn what_cannot_be_removed_is_named() {
    let persist = Persist::new();
    let library = profile_dir().join("examples/libfatal_plugin.so");
    let options = json!({ "root": persist.work_dir(), "at": "list", "how": "abort" }).to_string();
    let arguments = ["plugins", "check", library.to_str().unwrap(), "--options", &options];
    let report = persist.run(arguments.iter().chain(&["--json"])).expect_code(6).json();
    let prefix = report["left_behind"].as_str().unwrap();
    assert!(prefix.starts_with("conformance/"), "{report}");
    assert!(files(&persist.work_dir()) > 0);
    let output = persist.run(arguments).expect_code(6);
    assert!(output.text().contains("may have been left in the storage"), "{output}");
}

/// Every step with an adapter.
fn steps(report: &Value) -> Vec<Value> {
    let adapters = report["adapters"].as_array().into_iter().flatten();
    adapters.flat_map(|adapter| adapter["steps"].as_array().cloned().unwrap_or_default()).collect()
}

fn failed(report: &Value) -> bool {
    steps(report).iter().any(|step| step["outcome"] == "failed")
}

/// How many files lie below a directory, which need not exist.
fn files(directory: &std::path::Path) -> usize {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries.flatten().map(|entry| entry.path()).map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

#[test]
fn bad_files_are_refused_with_the_step_that_failed() {
    let persist = Persist::new();
    let plugin = fs::read(plugin_dir().join(LIBRARIES[0])).unwrap();
    for (name, bytes, reason) in [
        ("text.so", b"no library".as_slice(), "not a shared library"),
        ("empty.so", b"", "not a shared library"),
        ("truncated.so", &plugin[..plugin.len() - 5_000], "truncated"),
    ] {
        let path = persist.write(name, bytes);
        let path = path.to_str().unwrap();
        let output = persist.run(["plugins", "check", path]).expect_code(6);
        assert!(output.text().contains("FAILED"), "{output}");
        let _ = output.says([name, reason]);
        let output = persist.run(["plugins", "check", path, "--json"]).expect_code(6);
        let failed = output.json()["steps"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|step| step["outcome"] == "failed")
            .count();
        assert_eq!(failed, 1, "{output}");
        assert_eq!(output.json_error()["exit_code"], 6);
    }
    let _ = persist.run(["plugins", "check", "absent.so"]).expect_code(6).says(["absent.so"]);
}

#[test]
fn code_that_was_overwritten_is_tried_in_a_process_of_its_own() {
    let persist = Persist::new();
    let mut plugin = fs::read(plugin_dir().join(LIBRARIES[0])).unwrap();
    // All that lies between the first and the last tenth: whatever it was, it is no program any more.
    let middle = plugin.len() / 10..plugin.len() / 10 * 9;
    plugin[middle].fill(0xcc);
    let path = persist.write("overwritten.so", plugin);
    let output = persist.run(["plugins", "check", path.to_str().unwrap()]);
    assert_eq!(output.code(), Some(6), "the command itself neither crashes nor accepts it: {output}");
}
