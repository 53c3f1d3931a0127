//! Eight processes save fifty snapshots each into one session. Their names begin with `heavy_`, since each of these
//! tests keeps the whole machine busy.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::{collections::BTreeSet, process::Command, thread};

use persist_e2e::{
    Output, Persist,
    concurrency::{STEPS, WRITERS, check_session, state},
    s3::Bucket,
};
use serde_json::{Value, json};

const SESSION: &str = "shared/session";

#[test]
fn heavy_commands_share_a_session_on_local_disk() {
    let persist = Persist::new();
    run_commands(&persist);
    check_session(&persist, SESSION);
}

#[test]
#[ignore = "takes a minute; `cargo xtask test --full` runs it"]
fn heavy_commands_share_a_session_on_s3() {
    let bucket = Bucket::new("commands");
    let persist = bucket.persist();
    run_commands(&persist);
    check_session(&persist, SESSION);
}

#[test]
fn heavy_library_processes_share_a_session_on_local_disk() {
    let persist = Persist::new();
    run_library_processes("local", &json!({ "root": persist.store_dir() }), &[]);
    check_session(&persist, SESSION);
}

#[test]
fn heavy_library_processes_share_a_session_on_s3() {
    let bucket = Bucket::new("processes");
    run_library_processes("s3", &bucket.options(), &bucket.credentials());
    check_session(&bucket.persist(), SESSION);
}

/// Eight at a time, each save a process of its own, as eight shell scripts would do it.
fn run_commands(persist: &Persist) {
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                for step in 0..STEPS {
                    persist.save(SESSION, state(writer, step));
                }
            });
        }
    });
}

/// Eight processes that live through their fifty saves, and remember between them how far the session was.
fn run_library_processes(adapter: &str, options: &Value, environment: &[(&str, &str)]) {
    let indices: Vec<u64> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let mut command = Command::new(env!("CARGO_BIN_EXE_library-client"));
                command
                    .args(["save", adapter, &options.to_string(), SESSION])
                    .args([writer.to_string(), STEPS.to_string()])
                    .envs(environment.iter().copied());
                scope.spawn(move || Output::of(command, b"").expect_code(0).text())
            })
            .collect();
        let outputs = writers.into_iter().map(|writer| writer.join().expect("its saves succeed"));
        outputs
            .flat_map(|output| output.lines().map(|line| line.parse().expect("an index")).collect::<Vec<_>>())
            .collect()
    });
    // Each process was told an index of its own for each state.
    assert_eq!(indices.iter().collect::<BTreeSet<_>>().len(), WRITERS * STEPS);
}
