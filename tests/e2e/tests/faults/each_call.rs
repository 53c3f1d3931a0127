//! Saves, collections and compactions that are killed, or refused, at each of their system calls in turn.
//!
//! The tracer counts calls by thread and by kind; one thread of `linked-client` makes all those that change the store,
//! so that every kind and number stands for one place. A call that is killed is not made.

use std::os::unix::process::ExitStatusExt as _;

use persist_e2e::system::{can_inject_faults, skip};

use crate::work::{ALL, COLLECT, COLLECT_ALL, COMPACT, SAVE_DELTA, SAVE_NEW, Scene, Work};

/// The calls that change something on the disk, by their kinds.
const CALLS: [&str; 7] = [
    "mkdir,mkdirat",
    "write,pwrite64,writev",
    "fsync,fdatasync",
    "link,linkat",
    "rename,renameat,renameat2",
    "unlink,unlinkat",
    "truncate,ftruncate",
];
/// More calls of one kind than any work makes.
const MOST_CALLS: usize = 200;
const SIGKILL: i32 = 9;

/// Kills the work at each call; how many were killed.
fn kill_at_each_call(work: Work) -> usize {
    let scene = Scene::new(work);
    CALLS.iter().map(|calls| kill_at_each(&scene, calls)).sum()
}

fn kill_at_each(scene: &Scene, calls: &str) -> usize {
    for number in 1..=MOST_CALLS {
        let copy = scene.copy();
        let inject = format!("inject={calls}:signal=KILL:when={number}");
        let output = copy.traced(&["-e", &format!("trace={calls}"), "-e", &inject]);
        let killed = output.status.signal() == Some(SIGKILL);
        assert!(killed || output.code() == Some(0), "{output}");
        copy.check(!killed);
        copy.finish();
        if !killed {
            return number - 1;
        }
    }
    panic!("the work survived {MOST_CALLS} calls of {calls}");
}

/// Lets each call fail once, and all of them; how many did.
fn fail_at_each_call(work: Work, calls: &str, error: &str, text: &str) -> usize {
    let scene = Scene::new(work);
    let every = "1+".to_owned();
    let numbers = (1..=MOST_CALLS).map(|number| number.to_string());
    for (failed, when) in std::iter::once(every).chain(numbers).enumerate() {
        let copy = scene.copy();
        let inject = format!("inject={calls}:error={error}:when={when}");
        let output = copy.traced(&["-e", &format!("trace={calls}"), "-e", &inject]);
        let injected = copy.trace().contains("(INJECTED)");
        let done = output.code() == Some(0);
        if !done {
            assert!(injected && output.code() == Some(1), "{output}");
            let root = copy.root();
            let _ = output.says([root.to_str().unwrap_or("?"), text]);
        }
        copy.check(done);
        copy.finish();
        if !injected {
            return failed;
        }
    }
    panic!("the work made {MOST_CALLS} calls of {calls}");
}

fn killed(work: Work, at_least: usize) {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    let count = kill_at_each_call(work);
    println!("{work:?}: killed {count} times");
    assert!(count >= at_least, "killed {count} times only");
}

#[test]
fn a_delta_is_saved_or_not() {
    killed(SAVE_DELTA, 4);
}

#[test]
fn the_first_snapshot_of_a_session_is_saved_or_not() {
    killed(SAVE_NEW, 10);
}

#[test]
fn a_killed_collection_loses_nothing_and_is_finished_by_the_next() {
    killed(COLLECT, 20);
}

#[test]
fn a_killed_collection_of_a_whole_session_is_finished_by_the_next() {
    killed(COLLECT_ALL, 10);
}

#[test]
fn a_killed_compaction_loses_nothing_and_is_finished_by_the_next() {
    killed(COMPACT, 40);
}

/// Writes to a file; `linked-client` reports errors by another call.
const WRITES: &str = "write,pwrite64";

/// The errors of a disk that is full or breaks, at each kind of call that may meet them.
fn refused(calls: &str, error: &str, text: &str) {
    if !can_inject_faults() {
        return skip("strace is missing or may not trace");
    }
    let failed: usize = ALL.iter().map(|work| fail_at_each_call(*work, calls, error, text)).sum();
    println!("{error} at {calls}: {failed} times");
    assert!(failed > ALL.len(), "failed {failed} times only");
}

const FULL: (&str, &str) = ("ENOSPC", "No space left on device");
const BROKEN: (&str, &str) = ("EIO", "Input/output error");

#[test]
fn writes_to_a_full_disk_lose_nothing() {
    refused(WRITES, FULL.0, FULL.1);
}

#[test]
fn links_on_a_full_disk_lose_nothing() {
    refused(CALLS[3], FULL.0, FULL.1);
}

#[test]
fn renames_on_a_full_disk_lose_nothing() {
    refused(CALLS[4], FULL.0, FULL.1);
}

#[test]
fn syncs_of_a_full_disk_lose_nothing() {
    refused(CALLS[2], FULL.0, FULL.1);
}

#[test]
fn writes_to_a_broken_disk_lose_nothing() {
    refused(WRITES, BROKEN.0, BROKEN.1);
}

#[test]
fn links_on_a_broken_disk_lose_nothing() {
    refused(CALLS[3], BROKEN.0, BROKEN.1);
}

#[test]
fn renames_on_a_broken_disk_lose_nothing() {
    refused(CALLS[4], BROKEN.0, BROKEN.1);
}

#[test]
fn syncs_of_a_broken_disk_lose_nothing() {
    refused(CALLS[2], BROKEN.0, BROKEN.1);
}

#[test]
fn removals_on_a_broken_disk_lose_nothing() {
    refused(CALLS[5], BROKEN.0, BROKEN.1);
}
