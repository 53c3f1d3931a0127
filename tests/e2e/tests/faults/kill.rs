//! Commands that are killed at each of their system calls in turn.

use std::{os::unix::process::ExitStatusExt as _, path::PathBuf};

use persist_e2e::{
    Output, Persist, json_lines,
    system::{can_inject_faults, skip},
};

use crate::scene::{STATES, is_intact, left_behind, two_snapshots};

/// The calls that change something on the disk.
const CALLS: [&str; 4] =
    ["mkdir,mkdirat", "write,pwrite64,writev", "fsync,fdatasync", "link,linkat,rename,renameat,renameat2"];
/// More calls of one kind than a save makes.
const MOST_CALLS: usize = 60;
const SIGKILL: i32 = 9;

/// Runs a command and kills it at the `number`th call of one kind; whether it was killed.
///
/// Each thread counts its own calls, so one number may stand for several places; the first that is reached counts.
fn kill(persist: &Persist, arguments: &[&str], calls: &str, number: usize) -> bool {
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:signal=KILL:when={number}"));
    let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    let output = Output::of(persist.wrapped(&wrapper, arguments), b"{\"step\":\"killed\"}");
    let killed = output.status.signal() == Some(SIGKILL);
    assert!(killed || output.code() == Some(0), "{output}");
    killed
}

/// Kills saves at one kind of call until one survives; how many were killed.
fn kill_until_one_survives(calls: &str, session: &str) -> usize {
    let place = tempfile::tempdir().expect("a directory for the store");
    let root = place.path().join("store");
    let persist = two_snapshots(&root);
    for number in 1..=MOST_CALLS {
        let killed = kill(&persist, &["save", session, "-"], calls, number);
        is_intact(&persist);
        // A file may be left by a process that had no chance to remove it, but nobody takes it for a snapshot.
        let listed = json_lines(&persist.ok(["list", session, "--json"]).stdout);
        let indices: Vec<_> = listed.iter().filter_map(|row| row["snapshot_index"].as_u64()).collect();
        let expected: Vec<_> = (0..).take(indices.len()).collect();
        assert_eq!(indices, expected, "{calls} {number}: indices without gaps");
        if !killed {
            assert_eq!(left_behind(&root), Vec::<PathBuf>::new(), "{calls} {number}");
            return number - 1;
        }
        let next = persist.save(session, "{\"step\":\"next\"}");
        assert_eq!(
            next["snapshot_index"],
            indices.len(),
            "{calls} {number}: the next save takes the next index"
        );
    }
    panic!("no save survived {MOST_CALLS} calls of {calls}");
}

#[test]
fn a_killed_save_harms_nothing_that_was_saved_before() {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    for calls in &CALLS[1..] {
        let killed = kill_until_one_survives(calls, "a/s");
        assert!(killed > 0, "a save calls one of {calls}");
    }
}

#[test]
fn a_killed_save_into_a_new_session_is_no_session_or_a_whole_one() {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    let killed: Vec<_> = CALLS.iter().map(|calls| kill_until_one_survives(calls, "new/session")).collect();
    assert!(killed.iter().all(|killed| *killed > 0), "{killed:?}");
}

#[test]
fn the_first_save_of_a_store_is_killed_and_the_next_one_makes_it() {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    for calls in CALLS {
        let mut survived = false;
        for number in 1..=MOST_CALLS {
            let persist = Persist::new();
            if !kill(&persist, &["save", "a/s", "-"], calls, number) {
                survived = true;
                break;
            }
            // There is no store yet, or one that is whole.
            let output = persist.run(["verify"]);
            assert!(matches!(output.code(), Some(0 | 3)), "{calls} {number}: {output}");
            persist.save("a/s", "1");
            let _ = persist.ok(["verify"]);
            assert_eq!(persist.ok(["restore", "a/s"]).text(), "1");
        }
        assert!(survived, "{calls}");
    }
}

#[test]
fn a_killed_deletion_is_made_or_not() {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    for calls in &CALLS[1..] {
        let mut survived = false;
        for number in 1..=MOST_CALLS {
            let place = tempfile::tempdir().unwrap();
            let persist = two_snapshots(&place.path().join("store"));
            persist.save("a/s", "\"to be deleted\"");
            let arguments = ["delete", "a/s@2", "--yes"];
            survived = !kill(&persist, &arguments, calls, number);
            is_intact(&persist);
            let code = persist.run(["restore", "a/s@2"]).code();
            assert!(code == Some(3) || (!survived && code == Some(0)), "{calls} {number}: {code:?}");
            let _ = persist.ok(arguments);
            let _ = persist.run(["restore", "a/s@2"]).expect_code(3);
            if survived {
                assert!(number > 1, "a deletion calls one of {calls}");
                break;
            }
        }
        assert!(survived, "{calls}");
    }
}

#[test]
fn a_killed_restore_leaves_the_old_file_or_the_new_one() {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    let place = tempfile::tempdir().unwrap();
    let persist = two_snapshots(&place.path().join("store"));
    for calls in &CALLS[1..] {
        let mut survived = false;
        for number in 1..=MOST_CALLS {
            let target = persist.write("work/state.json", "mine");
            survived = !kill(&persist, &["restore", "a/s@0", "-o", "state.json", "--force"], calls, number);
            let content = std::fs::read_to_string(&target).unwrap();
            assert!(content == STATES[0] || (!survived && content == "mine"), "{calls} {number}: {content}");
            if survived {
                assert!(number > 1, "a restore calls one of {calls}");
                break;
            }
        }
        assert!(survived, "{calls}");
    }
}
