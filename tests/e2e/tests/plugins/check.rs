//! `persist plugins check`, which survives what it checks.

use std::fs;

use persist_e2e::{Persist, servers::plugin_dir};

const LIBRARIES: [&str; 4] = [
    "libpersist_storage_local.so",
    "libpersist_storage_memory.so",
    "libpersist_storage_s3.so",
    "libpersist_compression_gzip.so",
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
    }
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
