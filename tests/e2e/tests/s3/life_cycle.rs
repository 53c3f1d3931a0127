use persist_e2e::{Persist, contents, json_lines, s3::Bucket};
use persist_test_support::agent_state;

#[test]
fn a_session_lives_and_ends() {
    let bucket = Bucket::new("life");
    let persist = bucket.persist();
    for step in 0..3_u64 {
        let saved = persist.save("agent/session", format!(r#"{{"step":{step}}}"#));
        assert_eq!(saved["snapshot_index"], step);
        assert_eq!(saved["storage"], "s3");
    }
    assert_eq!(indices(&persist), [0, 1, 2]);
    let shown = persist.ok(["show", "agent/session@1", "--json"]).json();
    assert_eq!(shown, json_lines(&persist.ok(["list", "--json"]).stdout)[1]);
    assert_eq!(persist.ok(["restore", "agent/session@1"]).stdout, br#"{"step":1}"#);
    assert_eq!(persist.ok(["restore", "agent/session"]).stdout, br#"{"step":2}"#);
    drop(persist.ok(["verify"]));

    drop(persist.ok(["delete", "agent/session@1", "--yes"]));
    assert_eq!(indices(&persist), [0, 2]);
    drop(persist.run(["restore", "agent/session@1"]).expect_code(3));
    drop(persist.ok(["verify"]));

    // A number is never used again, not even after all is gone.
    assert_eq!(persist.save("agent/session", "[]")["snapshot_index"], 3);
    drop(persist.ok(["delete", "agent/session", "--all", "--yes"]));
    assert!(indices(&persist).is_empty());
    drop(persist.run(["restore", "agent/session"]).expect_code(3));
    assert_eq!(persist.save("agent/session", "[]")["snapshot_index"], 4);
}

#[test]
fn a_large_state_goes_up_in_parts() {
    let bucket = Bucket::new("large");
    let persist = bucket.persist();
    let mut options = super::options(&bucket, &serde_json::json!({ "attempt_timeout_ms": 60_000 }));
    for (option, value) in [("multipart_threshold_mb", 5), ("multipart_part_mb", 5)] {
        options[option] = value.into();
    }
    persist_e2e::s3::configure(&persist, &options);
    // Compressed, this is several parts long.
    let state = agent_state(40_000_000);
    let saved = persist.save("agent/session", &state);
    assert!(saved["stored_bytes"].as_u64() > Some(6_000_000), "{saved}");
    assert!(persist.ok(["restore", "agent/session"]).stdout == state, "the state came back changed");
    drop(persist.ok(["verify"]));
}

#[test]
fn odd_ids_are_ordinary_ids() {
    let bucket = Bucket::new("odd");
    let persist = bucket.persist();
    let sessions =
        ["../..", "CON/.hidden", "a%2Fb/x%40y", "Ähre/名前 ☃", "A/s", "a/s", "a+b/c&d=e?f#g", r"a\b/..\up"];
    for session in sessions {
        persist.save(session, format!("{session:?}"));
    }
    for session in sessions {
        assert_eq!(persist.ok(["restore", session]).text(), format!("{session:?}"), "{session}");
    }
    assert_eq!(json_lines(&persist.ok(["list", "--json"]).stdout).len(), sessions.len());
}

#[test]
fn credentials_come_from_the_environment_and_go_nowhere() {
    let bucket = Bucket::new("secret");
    let persist = bucket.persist();
    persist.save("agent/session", "{}");
    let shown = persist.ok(["config", "show", "--json"]);
    let logged = persist.ok(["list", "--json", "--log-level", "trace"]);
    let secret = bucket.server().secret_key();
    for output in [shown, logged] {
        assert!(!output.text().contains(secret) && !output.stderr.contains(secret), "{}", output.line);
    }
    for (path, content) in contents(&persist.path("")) {
        let content = content.unwrap_or_default();
        let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "the secret key is in {}", path.display());
    }
}

fn indices(persist: &Persist) -> Vec<u64> {
    let listed = json_lines(&persist.ok(["list", "agent/session", "--json"]).stdout);
    listed.iter().filter_map(|row| row["snapshot_index"].as_u64()).collect()
}
