//! `persist doctor`: what it finds, the remedies, the exit code, and that it leaves nothing behind.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use persist_e2e::{
    Persist, contents,
    s3::{Bucket, configure},
    servers::plugin_dir,
    system::{SmallDisk, skip},
};
use serde_json::Value;

/// The Python package's module, which the build puts beside the plugins, where the command rightly finds it strange.
const NO_PLUGIN: &str = "/lib_persist.so: a shared library, but not a Persist plugin";

/// The findings that are not `ok`, each as `CHECK STATUS`, after it was made sure that each has a remedy.
fn wrong(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().expect("findings");
    let is_expected =
        |finding: &Value| finding["message"].as_str().is_some_and(|text| text.contains(NO_PLUGIN));
    let wrong: Vec<&Value> =
        findings.iter().filter(|finding| finding["status"] != "ok" && !is_expected(finding)).collect();
    for finding in &wrong {
        assert!(finding["remedy"].as_str().is_some_and(|remedy| remedy.len() > 10), "{finding}");
    }
    let told = |finding: &&Value| {
        format!("{} {}", finding["check"].as_str().unwrap_or(""), finding["status"].as_str().unwrap_or(""))
    };
    wrong.iter().map(told).collect()
}

/// The message of a finding.
fn message<'a>(report: &'a Value, check: &str) -> &'a str {
    let findings = report["findings"].as_array().expect("findings");
    let found = findings.iter().find(|finding| finding["check"] == check && finding["status"] != "ok");
    found.and_then(|finding| finding["message"].as_str()).unwrap_or_else(|| panic!("no {check}: {report}"))
}

fn local(root: &Path) -> Persist {
    let persist = Persist::without_config();
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {root:?} }}\n[plugins]\npath = [{:?}]\n",
        plugin_dir()
    ));
    persist
}

#[test]
fn a_healthy_setup_is_told_of_and_nothing_is_left_behind() {
    let persist = Persist::new();
    persist.save("a/s", "{}");
    let before = contents(&persist.store_dir());
    let report = persist.ok(["doctor", "--json"]).json();
    assert_eq!(report["healthy"], true);
    assert!(wrong(&report).is_empty(), "{report}");
    let checks: Vec<&str> = report["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter_map(|finding| finding["check"].as_str())
        .collect();
    for check in
        ["config", "plugins", "compression", "storage", "space", "create", "write", "read", "clock", "delete"]
    {
        assert!(checks.contains(&check), "{check} is missing: {checks:?}");
    }
    assert_eq!(contents(&persist.store_dir()), before);
    assert!(persist.ok(["doctor"]).text().contains("ok      write       main: an object can be written ("));
    assert!(!persist.ok(["doctor", "--quiet"]).text().contains("ok      "));
}

#[test]
fn a_bucket_is_tried_and_left_as_it_was_and_a_wrong_one_is_named() {
    let bucket = Bucket::new("doctor");
    let persist = bucket.persist();
    persist.save("a/s", "{}");
    let report = persist.ok(["doctor", "--json"]).json();
    assert!(wrong(&report).is_empty(), "{report}");
    assert_eq!(persist.ok(["verify", "--json"]).code(), Some(0));

    let mut options = bucket.options();
    options["bucket"] = "no-such-bucket-here".into();
    configure(&persist, &options);
    let output = persist.run(["doctor", "--json"]).expect_code(7);
    let report = output.json();
    assert_eq!(report["healthy"], false);
    assert!(wrong(&report)[0].ends_with(" failed"), "{report}");
    assert!(report.to_string().contains("no-such-bucket-here"), "{report}");
    assert!(report.to_string().contains("create the bucket"), "{report}");
}

#[test]
fn a_missing_plugin_is_named_with_where_it_was_looked_for() {
    let persist = Persist::without_config();
    let config = persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"tape\" }}\n[plugins]\npath = [{:?}]\n",
        plugin_dir()
    ));
    fs::set_permissions(&config, fs::Permissions::from_mode(0o666)).expect("its mode is changed");
    let report = persist.run(["doctor", "--json"]).expect_code(6).json();
    assert_eq!(wrong(&report), ["config warning", "storage failed"]);
    assert!(message(&report, "storage").contains("there is no storage adapter \"tape\""));
    assert!(report.to_string().contains("use one of the storage adapters that were found"), "{report}");

    let none = Persist::without_config().far_from_plugins();
    let report = none.run(["doctor", "--json"]).expect_code(6).json();
    assert!(message(&report, "plugins").contains("no plugin was found"));
    drop(persist.run(["doctor", "--store", "other"]).expect_code(3));
    persist.write_config("[stores.main]\nstorage = 5\n");
    let report = persist.run(["doctor", "--json"]).expect_code(1).json();
    assert!(message(&report, "config").contains("stores.main.storage"));
}

#[test]
fn disks_that_are_full_or_cannot_be_written_are_found() {
    let place = tempfile::tempdir().expect("a directory");
    let root = place.path().join("disk");
    let Some(disk) = SmallDisk::mount(&root, 1024) else { return skip("mounting needs root") };
    let persist = local(&root);
    // A megabyte is less than the next save may need.
    let report = persist.run(["doctor", "--json"]).expect_code(1).json();
    assert_eq!(wrong(&report), ["space failed"], "{report}");

    let ballast = root.join("ballast");
    assert!(fs::write(&ballast, vec![1; 2 << 20]).is_err(), "the disk is full now");
    let report = persist.run(["doctor", "--json"]).expect_code(1).json();
    assert_eq!(wrong(&report), ["space failed", "write failed"], "{report}");
    assert!(message(&report, "write").contains("No space left"), "{report}");
    fs::remove_file(&ballast).expect("it was there");

    disk.set_read_only(true);
    let report = persist.run(["doctor", "--json"]).expect_code(1).json();
    assert!(message(&report, "write").contains("Read-only file system"), "{report}");
    assert!(report.to_string().contains("check that the storage is not read-only"), "{report}");
    disk.set_read_only(false);
    assert!(contents(&root).is_empty(), "{:?}", contents(&root));
}

#[test]
fn files_that_cannot_be_written_are_found() {
    let persist = Persist::without_config();
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"local\", root = {:?} }}\n[plugins]\npath = [{:?}]\n\
         [audit]\nfile = \"missing/audit.jsonl\"\n",
        persist.store_dir(),
        plugin_dir()
    ));
    let report = persist.run(["doctor", "--json"]).expect_code(1).json();
    assert_eq!(wrong(&report), ["audit failed"], "{report}");
    assert!(message(&report, "audit").contains("missing/audit.jsonl"));
}
