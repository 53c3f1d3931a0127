//! Real states through the command, on local disk and on S3, byte for byte; and what is and is not JSON.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::{fs, sync::Mutex};

use persist_e2e::{
    Persist,
    data::{self, Expected, Sample, Session, in_parallel},
    json_lines,
    s3::Bucket,
};
use persist_host::ContentHash;

#[test]
fn states_come_back_from_local_disk() {
    round_trip_states(&Persist::new());
}

#[test]
fn states_come_back_from_s3() {
    let bucket = Bucket::new("states");
    round_trip_states(&bucket.persist());
}

#[test]
fn sessions_come_back_from_local_disk() {
    round_trip_sessions(&Persist::new());
}

#[test]
fn sessions_come_back_from_s3() {
    let bucket = Bucket::new("sessions");
    round_trip_sessions(&bucket.persist());
}

#[test]
fn json_is_accepted_and_anything_else_is_refused() {
    let cases = data::json_cases();
    let persist = Persist::new();
    let accepted = Mutex::new(Vec::new());
    in_parallel(&cases, |number, case| {
        let session = format!("json/{number:03}");
        let output = persist.run_with_input(["save", &session, "--json"], &case.bytes);
        match (output.code(), case.expected) {
            (Some(0), Expected::Accept | Expected::Either) => {
                let restored = persist.ok(["restore", &session]).stdout;
                assert!(restored == case.bytes, "{} came back changed", case.name);
                accepted.lock().expect("no panic before").push(session);
            }
            (Some(1), Expected::Refuse | Expected::Either) => {
                let error = output.json_error();
                assert_eq!(error["code"], "invalid_json", "{}: {output}", case.name);
                for place in ["line", "column"] {
                    let text = error["context"][place].as_str().unwrap_or_default();
                    assert!(
                        text.parse::<u64>().is_ok_and(|count| count > 0),
                        "{}: no {place}: {output}",
                        case.name
                    );
                }
            }
            (_, expected) => panic!("{} should be: {expected:?}; {output}", case.name),
        }
    });
    // Nothing of what was refused is there.
    let mut accepted = accepted.into_inner().expect("no panic before");
    accepted.sort();
    let listed: Vec<String> = json_lines(&persist.ok(["list", "--json"]).stdout)
        .iter()
        .map(|row| format!("json/{}", row["session_id"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(listed, accepted);
}

/// Every state gets a session of its own, from standard input and back to standard output.
fn round_trip_states(persist: &Persist) {
    let samples = data::states();
    in_parallel(&samples, |number, sample| {
        let session = format!("states/{number:03}");
        save_state(persist, &session, sample);
        let restored = persist.ok(["restore", &session]).stdout;
        assert!(restored == sample.bytes, "{} came back changed", sample.name);
    });
    let listed = json_lines(&persist.ok(["list", "states", "--json"]).stdout);
    assert_eq!(listed.len(), samples.len());
    for (row, sample) in listed.iter().zip(&samples) {
        assert_eq!(row["content_hash"], ContentHash::of(&sample.bytes).to_string(), "{}", sample.name);
    }
    let verified = json_lines(&persist.ok(["verify", "--json"]).stdout);
    assert_eq!(verified.iter().filter(|row| !row["snapshot_index"].is_null()).count(), samples.len());
}

fn save_state(persist: &Persist, session: &str, sample: &Sample) {
    let mut arguments = vec!["save", session, "-", "--json"];
    arguments.extend(sample.media_type.iter().flat_map(|media_type| ["--media-type", media_type]));
    let saved = persist.run_with_input(arguments, &sample.bytes).expect_code(0).json();
    assert_eq!(saved["content_length"], sample.bytes.len(), "{}", sample.name);
    assert_eq!(saved["media_type"], sample.media_type.unwrap_or("application/json"), "{}", sample.name);
    assert_eq!(saved["codec"], "gzip");
}

/// Every step is saved from a file, in order; then every step comes back into a file.
fn round_trip_sessions(persist: &Persist) {
    let sessions = data::sessions();
    in_parallel(&sessions, |number, session| {
        for (step, state) in session.states.iter().enumerate() {
            let file = persist.write(&format!("states/{number}-{step}"), state);
            let reference = format!("sessions/{number}");
            let saved = persist.ok(["save", &reference, &file.display().to_string(), "--json"]).json();
            assert_eq!(saved["snapshot_index"], step, "{}", session.name);
            assert_eq!(saved["parent_index"].as_u64(), step.checked_sub(1).map(|parent| parent as u64));
        }
    });
    let steps: Vec<(usize, usize, &Session)> = sessions
        .iter()
        .enumerate()
        .flat_map(|(number, session)| (0..session.states.len()).map(move |step| (number, step, session)))
        .collect();
    in_parallel(&steps, |_, (number, step, session)| {
        let file = persist.path(&format!("restored-{number}-{step}"));
        persist.ok(["restore", &format!("sessions/{number}@{step}"), "-o", &file.display().to_string()]);
        let restored = fs::read(file).expect("the restored file");
        assert!(restored == session.states[*step], "step {step} of {} came back changed", session.name);
    });
    let listed = json_lines(&persist.ok(["list", "sessions", "--json"]).stdout);
    assert_eq!(listed.len(), steps.len());
}
