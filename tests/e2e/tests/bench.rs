//! `persist bench`.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use persist_e2e::{Persist, contents, files, json_lines, servers::plugin_dir};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// The keys of the figures.
const KEYS: [&str; 19] = [
    "storage",
    "codec",
    "snapshots",
    "raw_bytes",
    "stored_bytes",
    "allocated_bytes",
    "ideal_bytes",
    "gzip_bytes",
    "ratio_to_ideal",
    "bytes_per_snapshot",
    "save_ms_p50",
    "save_ms_p99",
    "save_cpu_ms_mean",
    "restore_ms_p50",
    "restore_ms_p99",
    "max_objects_per_restore",
    "codec_ratio",
    "compress_mb_s",
    "decompress_mb_s",
];

const SYNTHETIC: &str = "6,4k,1Ki";

/// Three states in a directory, of which the second is not JSON and begins like the third.
fn states(persist: &Persist) -> u64 {
    let states =
        [("00.json", "[1]"), ("01.bin", "[1, no JSON"), ("02.json", r#"["end"]"#), (".hidden", "no state")];
    for (name, state) in states {
        persist.write(&format!("work/states/{name}"), state);
    }
    persist.write("work/states/deeper/03.json", "no state");
    states[..3].iter().map(|(_, state)| state.len() as u64).sum()
}

fn number(figures: &Value, key: &str) -> f64 {
    figures[key].as_f64().unwrap_or_else(|| panic!("{key} is no number: {figures}"))
}

fn keys(figures: &Value) -> BTreeSet<&str> {
    figures.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn listed(persist: &Persist) -> Vec<Value> {
    json_lines(&persist.ok(["list", "--json"]).stdout)
}

/// What the store directory holds beside its marker.
fn stored_bytes(persist: &Persist) -> u64 {
    let files = files(&persist.store_dir());
    let objects = files.iter().filter(|path| !path.ends_with("persist-store.json"));
    objects.map(|path| fs::metadata(path).unwrap().len()).sum()
}

#[test]
fn a_made_up_session_is_measured() {
    let persist = Persist::new();
    let report = persist.ok(["bench", "--generate", SYNTHETIC, "--compare", "--json"]).json();
    assert_eq!(keys(&report), KEYS.into_iter().chain(["sessions"]).collect());
    let [session] = report["sessions"].as_array().expect("a list").as_slice() else { panic!("{report}") };
    assert_eq!(keys(session), KEYS.into_iter().chain(["session", "directory"]).collect());
    for key in KEYS {
        assert_eq!(session[key], report[key], "{key}");
    }
    assert_eq!((&report["storage"], &report["codec"]), (&json!("local"), &json!("gzip")));
    assert_eq!((&report["snapshots"], &session["directory"]), (&json!(6), &Value::Null));
    let raw = number(&report, "raw_bytes");
    assert!((raw - 6.0 * 4_000.0 - 15.0 * 1_024.0).abs() < 2_000.0, "{raw}");
    for (smaller, larger) in [
        ("ideal_bytes", "gzip_bytes"),
        ("ideal_bytes", "stored_bytes"),
        ("gzip_bytes", "raw_bytes"),
        ("stored_bytes", "allocated_bytes"),
        ("save_ms_p50", "save_ms_p99"),
        ("restore_ms_p50", "restore_ms_p99"),
    ] {
        assert!(number(&report, smaller) <= number(&report, larger), "{smaller} > {larger}: {report}");
    }
    let ratio = number(&report, "stored_bytes") / number(&report, "ideal_bytes");
    assert!((number(&report, "ratio_to_ideal") - ratio).abs() < 0.001, "{report}");
    assert!((1.0..=16.0).contains(&number(&report, "max_objects_per_restore")), "{report}");
    assert!(number(&report, "save_cpu_ms_mean") > 0.0, "{report}");
    assert_eq!(number(&report, "allocated_bytes") % 4_096.0, 0.0);

    let again = persist.ok(["bench", "--generate", SYNTHETIC, "--json"]).json();
    for key in ["raw_bytes", "ideal_bytes"] {
        assert_eq!(again[key], report[key], "the same states");
    }
    assert_eq!(again["gzip_bytes"], Value::Null, "it was not asked for");
    assert!(listed(&persist).is_empty());
}

#[test]
fn directories_are_sessions_and_leave_nothing() {
    let persist = Persist::new();
    let raw = states(&persist);
    persist.write("work/other/a.json", "[]");
    let report = persist.ok(["bench", "states", "other", "--json"]).json();
    assert_eq!((&report["snapshots"], &report["raw_bytes"]), (&json!(4), &json!(raw + 2)));
    let sessions = report["sessions"].as_array().expect("a list");
    assert_eq!(sessions.iter().map(|session| &session["directory"]).collect::<Vec<_>>(), ["states", "other"]);
    let stored = |session: &Value| session["stored_bytes"].as_u64().expect("a number");
    assert_eq!(sessions.iter().map(stored).sum::<u64>(), stored(&report));
    assert!(listed(&persist).is_empty());

    let table = persist.ok(["bench", "states", "other"]).text();
    for word in ["states", "other", "ideal", "4"] {
        assert!(table.contains(word), "{word} is missing: {table}");
    }
}

#[test]
fn a_kept_session_is_what_was_counted_and_restores() {
    let persist = Persist::new();
    states(&persist);
    let report = persist.ok(["bench", "states", "--keep", "--steps", "2", "--json"]).json();
    assert_eq!((&report["snapshots"], &report["stored_bytes"]), (&json!(2), &json!(stored_bytes(&persist))));
    let rows = listed(&persist);
    assert_eq!(rows.iter().map(|row| &row["agent_id"]).collect::<Vec<_>>(), ["persist-bench"; 2]);
    assert_eq!(rows[0]["media_type"], "application/json");
    assert_eq!(rows[1]["media_type"], "application/octet-stream");
    let session = report["sessions"][0]["session"].as_str().expect("a reference");
    assert_eq!(persist.ok(["restore", &format!("{session}@0")]).text(), "[1]");
    assert_eq!(persist.ok(["restore", session]).text(), "[1, no JSON");
}

#[test]
fn storage_that_forgets_can_be_measured() {
    let persist = Persist::new();
    persist.write_config(&format!(
        "[stores.main]\nstorage = {{ adapter = \"memory\" }}\ncompression = {{ adapter = \"none\" }}\n\
         [plugins]\npath = [{:?}]\n",
        plugin_dir()
    ));
    let report = persist.ok(["bench", "--generate", SYNTHETIC, "--json"]).json();
    assert_eq!((&report["storage"], &report["codec"]), (&json!("memory"), &Value::Null));
    assert!(number(&report, "stored_bytes") > 0.0);
}

#[test]
fn what_cannot_be_replayed_is_refused_before_anything_is_stored() {
    let persist = Persist::new();
    states(&persist);
    persist.write("work/broken/00.json", "[1]");
    persist.write("work/broken/01.json", "[1,");
    fs::create_dir(persist.path("work/empty")).unwrap();
    for (arguments, code, text) in [
        (&["bench", "absent"][..], 1, "absent"),
        (&["bench", "empty"], 1, "no files in empty"),
        (&["bench", "states", "empty"], 1, "no files in empty"),
        (&["bench", "states/00.json"], 1, "states/00.json"),
        (&["bench", "broken"], 1, "01.json is not valid JSON"),
        (&["bench"], 2, "DIR"),
        (&["bench", "states", "--steps", "0"], 2, "--steps"),
        (&["bench", "states", "--generate", SYNTHETIC], 2, "--generate"),
        (&["bench", "--generate", "6,4k"], 2, "STEPS,BYTES,CHANGE"),
        (&["bench", "--generate", "0,4k,1k"], 2, "number of steps"),
        (&["bench", "--generate", "6,4 kilobytes,1k"], 2, "number of bytes"),
        (&["bench", "--generate", "6,5G,1k"], 2, "1 GiB"),
    ] {
        let output = persist.run(arguments).expect_code(code).says([text]);
        assert!(output.stdout.is_empty(), "{output}");
    }
    assert!(contents(&persist.store_dir()).is_empty());
}

#[test]
fn a_cancelled_run_names_what_may_be_left() {
    let persist = Persist::new();
    // Small states, so that it is soon done with looking at them, and far more than are saved before the signal.
    let mut command = persist.command(["bench", "--generate", "20000,0,0", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the command starts");
    let start = Instant::now();
    while files(&persist.store_dir()).len() < 3 {
        assert!(start.elapsed() < Duration::from_secs(100), "nothing is ever saved");
        thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_raw(child.id().cast_signed()).expect("a process id"), Signal::INT)
        .expect("it runs");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(output.stdout.is_empty(), "no half report");
    let error: Value = serde_json::from_slice(&output.stderr).expect("JSON");
    let hint = error["error"]["hint"].as_str().expect("a hint");
    let rows = listed(&persist);
    let session = rows[0]["session_id"].as_str().expect("an id");
    assert!(hint.contains(&format!("persist-bench/{session}")), "{hint}");
}
