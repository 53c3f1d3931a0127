//! Listing a large store: 100,000 snapshots in 1,000 sessions. It prints what it measures:
//! `cargo test -p persist-e2e --test list -- --ignored --nocapture`.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use persist_e2e::{Persist, library};
use persist_host::{SaveRequest, SessionRef};
use serde_json::json;

const SESSIONS: usize = 1_000;
const SNAPSHOTS: usize = 100;

/// How many sessions are made at once.
const AT_ONCE: usize = 8;

/// How often each listing is measured; the fastest run counts.
const RUNS: usize = 5;

#[test]
#[ignore = "makes 100,000 snapshots first, which takes minutes"]
fn heavy_a_large_store_is_listed_at_once() {
    let persist = Persist::new();
    let begin = Instant::now();
    fill(&persist);
    println!("{SESSIONS} sessions of {SNAPSHOTS} snapshots, made in {:.1} s", begin.elapsed().as_secs_f64());
    for arguments in [&["list"][..], &["list", "agent/s0500"], &["list", "agent"]] {
        let (first, whole, rows) =
            (0..RUNS).map(|_| measure(&persist, arguments)).min().expect("at least one run");
        println!(
            "persist {:<16}  first line {:>7.1} ms  all {rows:>6} rows {:>9.1} ms",
            arguments.join(" "),
            first.as_secs_f64() * 1e3,
            whole.as_secs_f64() * 1e3
        );
        let expected = if arguments.len() > 1 && arguments[1].contains('/') { 1 } else { SESSIONS };
        assert_eq!(rows, expected * SNAPSHOTS);
    }
}

/// The time to the first line and to the end, and the number of snapshots.
fn measure(persist: &Persist, arguments: &[&str]) -> (Duration, Duration, usize) {
    let begin = Instant::now();
    let mut command = persist.command(arguments.iter().copied().chain(["--json"]));
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the command starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output"));
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    let first = begin.elapsed();
    let mut rest = Vec::new();
    lines.read_to_end(&mut rest).expect("the other lines");
    let status = child.wait().expect("it ends");
    assert!(status.success() && line.contains("snapshot_index"), "{status}: {line}");
    (first, begin.elapsed(), 1 + rest.iter().filter(|byte| **byte == b'\n').count())
}

fn fill(persist: &Persist) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let options = json!({ "root": persist.store_dir(), "fsync": false });
        let store = library::store("local", &options).await;
        let sessions = stream::iter(0..SESSIONS).map(|session| {
            let store = store.clone();
            tokio::spawn(async move {
                let name: SessionRef = format!("agent/s{session:04}").parse().expect("a session");
                for step in 0..SNAPSHOTS {
                    let state = format!("{{\"session\":{session},\"step\":{step}}}");
                    store.save(SaveRequest::new(name.clone(), state)).await.expect("it saves");
                }
            })
        });
        let mut sessions = sessions.buffer_unordered(AT_ONCE);
        while let Some(session) = sessions.next().await {
            session.expect("no panic");
        }
    });
}
