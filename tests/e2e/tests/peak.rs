//! How much memory a save and a restore of a large state take. The figures are the operating system's, for the
//! process of the command alone.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::{fs, process::Stdio, thread, time::Duration};

use persist_e2e::{Persist, s3::Bucket, system::skip};
use persist_test_support::agent_state;

const STATE_BYTES: usize = 50_000_000;
const MOST_BYTES: usize = 4 * STATE_BYTES;

#[test]
fn heavy_a_large_state_takes_less_than_four_times_its_size_on_local_disk() {
    check_peaks(&Persist::new());
}

#[test]
fn heavy_a_large_state_takes_less_than_four_times_its_size_on_s3() {
    let bucket = Bucket::new("peak");
    check_peaks(&bucket.persist());
}

fn check_peaks(persist: &Persist) {
    if fs::read_to_string("/proc/self/status").is_err() {
        return skip("there is no /proc to read the peak from");
    }
    let state = agent_state(STATE_BYTES);
    let file = persist.write("state.json", &state);

    let save = peak_of(persist, &["save", "agent/session", &file.display().to_string()]);
    let restored = persist.path("restored.json");
    let restore = peak_of(persist, &["restore", "agent/session", "-o", &restored.display().to_string()]);
    println!("peak memory for a state of {} bytes: save {save}, restore {restore}", state.len());

    assert!(fs::read(restored).expect("the restored file") == state, "the state came back changed");
    for (what, peak) in [("saving", save), ("restoring", restore)] {
        assert!(peak < MOST_BYTES, "{what} took {peak} bytes of memory, more than {MOST_BYTES}");
        // A figure below the state's size would mean that something else was measured.
        assert!(peak > STATE_BYTES, "{what} took only {peak} bytes");
    }
}

/// Runs a command that must succeed and returns the most resident memory it had, in bytes.
fn peak_of(persist: &Persist, arguments: &[&str]) -> usize {
    let mut command = persist.command(arguments);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("the command starts");
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // The figure only grows, and is gone when the process has ended: the last one that was seen counts.
        peak =
            fs::read_to_string(&status_file).ok().and_then(|status| high_water_mark(&status)).unwrap_or(peak);
        if let Some(status) = child.try_wait().expect("a child of this process") {
            assert!(status.success(), "{arguments:?}: {status}");
            return peak;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn high_water_mark(status: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
