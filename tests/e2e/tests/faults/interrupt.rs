//! Ctrl-C.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use persist_e2e::{Persist, contents, files, json_lines};
use rustix::process::{Pid, Signal, kill_process};

use crate::scene::{STATES, is_intact, left_behind, noise};

const INTERRUPTED: i32 = 130;

fn interrupt(child: &Child) {
    signal(child, Signal::INT);
}

fn signal(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).expect("a process id");
    // It may have ended already, which the caller sees from how.
    let _ = kill_process(Pid::from_raw(id).expect("a process id"), signal);
}

fn two_snapshots() -> Persist {
    let persist = Persist::new();
    for state in STATES {
        persist.save("a/s", state);
    }
    persist
}

fn start(persist: &Persist, arguments: &[&str]) -> Child {
    let mut command = persist.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the command starts")
}

#[test]
fn a_save_that_still_reads_its_state_stores_nothing() {
    let persist = two_snapshots();
    let before = contents(&persist.store_dir());
    for (sent, code) in [(Signal::INT, INTERRUPTED), (Signal::TERM, 143)] {
        let mut child = start(&persist, &["save", "a/s", "-"]);
        let mut stdin = child.stdin.take().unwrap();
        // More than a pipe holds: when it is written, the command is reading, and so listens to signals.
        stdin.write_all(&vec![b' '; 1 << 20]).unwrap();
        signal(&child, sent);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stderr.is_empty(), "it says that it was interrupted");
        drop(stdin);
        assert_eq!(contents(&persist.store_dir()), before);
    }
    is_intact(&persist);
}

/// The arguments of a save.
fn save_noise<'a>(session: &'a str, file: &'a str) -> [&'a str; 5] {
    ["save", session, file, "--media-type", "application/octet-stream"]
}

#[test]
fn a_save_that_is_interrupted_anywhere_is_whole_or_not_there() {
    let persist = two_snapshots();
    let state = noise(24 << 20);
    let file = persist.write("state.bin", &state);
    let file = file.to_str().unwrap();
    // Each save has a session of its own: stored against an equal state, it would take no time.
    let start_time = Instant::now();
    let _ = persist.ok(save_noise("b/whole", file));
    let duration = start_time.elapsed();
    let mut interrupted = 0;
    for part in 1..=8_u32 {
        let session = format!("b/part-{part}");
        let child = start(&persist, &save_noise(&session, file));
        thread::sleep(duration * part / 9);
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        interrupted += u32::from(output.status.code() == Some(INTERRUPTED));
        // Before it listens, the signal ends it as any program; after the end it is done.
        assert!(matches!(output.status.code(), None | Some(0 | INTERRUPTED)), "{}", output.status);
        assert_eq!(left_behind(&persist.store_dir()), Vec::<PathBuf>::new());
    }
    assert!(interrupted > 0, "not one of eight was interrupted");
    is_intact(&persist);
    let listed = json_lines(&persist.ok(["list", "b", "--json"]).stdout);
    assert!(listed.iter().all(|row| row["content_length"] == state.len()), "{listed:?}");
    let next = usize::from(listed.iter().any(|row| row["session_id"] == "part-8"));
    assert_eq!(persist.save("b/part-8", "1")["snapshot_index"], next);
}

#[test]
fn a_restore_that_is_interrupted_anywhere_leaves_a_whole_file_or_the_old_one() {
    let persist = Persist::new();
    let state = noise(24 << 20);
    let arguments = ["save", "a/s", "-", "--media-type", "application/octet-stream"];
    let _ = persist.run_with_input(arguments, &state).expect_code(0);
    let restore = ["restore", "a/s", "-o", "state.bin", "--force"];
    let start_time = Instant::now();
    let _ = persist.ok(restore);
    let duration = start_time.elapsed();
    let mut interrupted = 0;
    for part in 1..=8_u32 {
        let target = persist.write("work/state.bin", "mine");
        let child = start(&persist, &restore);
        thread::sleep(duration * part / 9);
        interrupt(&child);
        let output = child.wait_with_output().unwrap();
        interrupted += u32::from(output.status.code() == Some(INTERRUPTED));
        assert!(matches!(output.status.code(), None | Some(0 | INTERRUPTED)), "{}", output.status);
        assert_eq!(files(&persist.work_dir()), std::slice::from_ref(&target), "part {part}");
        let content = fs::read(&target).unwrap();
        assert!(content == b"mine" || content == state, "part {part}: {} bytes", content.len());
    }
    assert!(interrupted > 0, "not one of eight was interrupted");
}

#[test]
fn a_second_signal_ends_a_command_that_does_not_end() {
    let persist = Persist::new();
    let mut child = start(&persist, &["save", "a/s", "-"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&vec![b' '; 1 << 20]).unwrap();
    interrupt(&child);
    thread::sleep(Duration::from_millis(5));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(INTERRUPTED));
}
