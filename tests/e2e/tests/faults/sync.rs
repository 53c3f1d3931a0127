//! `fsync` that fails: what is not on the disk is not reported as saved.

use std::{fs, path::Path};

use persist_e2e::{
    Output, Persist, contents, json_lines,
    system::{can_inject_faults, skip},
};

use crate::scene::{is_intact, left_behind, two_snapshots};

/// More calls than a save makes.
const MOST_CALLS: usize = 40;

/// Runs a save whose `fsync` calls fail as `which` says; whether one did, and what came of it.
fn save_with_failing_fsync(persist: &Persist, session: &str, which: &str, more: &[&str]) -> (bool, Output) {
    let log = persist.path("strace.log");
    let inject = format!("inject=fsync,fdatasync:error=EIO{which}");
    let wrapper = [
        "strace",
        "-f",
        "-qq",
        "-o",
        log.to_str().unwrap_or("?"),
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        &inject,
    ];
    let save = ["save", session, "-", "--json"];
    let output = Output::of(persist.wrapped(&wrapper, save.iter().chain(more)), b"\"unsure\"");
    let failed = fs::read_to_string(&log).is_ok_and(|log| log.contains("(INJECTED)"));
    (failed, output)
}

fn count(persist: &Persist, session: &str) -> usize {
    json_lines(&persist.ok(["list", session, "--json"]).stdout).len()
}

#[test]
fn a_disk_that_never_syncs_stores_nothing() {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    let persist = Persist::new();
    let root = persist.store_dir();
    for state in crate::scene::STATES {
        persist.save("a/s", state);
    }
    let before = contents(&root);
    let (failed, output) = save_with_failing_fsync(&persist, "a/s", "", &[]);
    assert!(failed, "a save syncs: {output}");
    let output = output.expect_code(1).says([root.to_str().unwrap(), "Input/output error"]);
    assert_eq!(output.text(), "");
    assert_eq!(contents(&root), before);
    is_intact(&persist);
}

#[test]
fn a_sync_that_fails_once_is_never_taken_for_success() {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("store");
    let persist = two_snapshots(&root);
    let mut failures = 0;
    // A session that exists, a new one whose directories are to be synced too, and one in a new store.
    for kind in ["a/s", "new"] {
        for call in 1..=MOST_CALLS {
            let session = if kind == "new" { format!("new{call}/s") } else { kind.to_owned() };
            let before = count(&persist, &session);
            let (failed, output) = save_with_failing_fsync(&persist, &session, &format!(":when={call}"), &[]);
            if !failed {
                let _ = output.expect_code(0);
                break;
            }
            failures += 1;
            check_failed_save(&persist, &root, &session, before, &output);
        }
    }
    assert!(failures >= 4, "a save syncs its file and its directories: {failures}");
    assert_eq!(persist.save("a/s", "3")["agent_id"], "a");
    is_intact(&persist);
}

/// A failed save either certainly stored nothing, or says that it does not know and how to find out.
fn check_failed_save(persist: &Persist, root: &Path, session: &str, before: usize, output: &Output) {
    assert_eq!(left_behind(root), Vec::<std::path::PathBuf>::new(), "{output}");
    is_intact(persist);
    let error = output.json_error();
    match output.code() {
        Some(1) => {
            assert!(
                error.to_string().contains(root.to_str().unwrap_or("?")),
                "the path is missing: {output}"
            );
            assert_eq!(count(persist, session), before, "{output}");
        }
        Some(8) => {
            let context = &error["context"];
            let (id, index) = (context["write_id"].as_str(), context["snapshot_index"].as_str());
            let (Some(id), Some(_)) = (id, index) else {
                panic!("the write id or the index is missing: {output}")
            };
            let id_option = ["--write-id", id];
            let (failed, again) = save_with_failing_fsync(persist, session, "", &id_option);
            assert!(failed && again.code() == Some(8), "what is there is synced before it counts: {again}");
            for _ in 0..2 {
                let arguments = ["save", session, "-", "--write-id", id];
                let _ = persist.run_with_input(arguments, "\"unsure\"").expect_code(0);
            }
            assert_eq!(
                count(persist, session),
                before + 1,
                "saving again with the write id stores once: {output}"
            );
        }
        code => panic!("a failed sync ended with {code:?}: {output}"),
    }
}
