//! A server that stands still, refuses, is far away, and is back.

use std::time::Duration;

use persist_test_support::{Fault, Mode, Rule};

use super::{
    lost::write_id,
    scene::{SESSION, Scene},
};

/// Long enough for a busy machine, and shorter than any adapter's own limits.
const LIMIT_MS: u64 = 2_000;

pub(super) fn a_stall_ends_with_the_time_limit(adapter: &str) {
    let scene = Scene::new(adapter, "stall");
    let mut client = scene.client();
    client.open_with_limit(LIMIT_MS);
    client.restore("agent/session@0").expect("it is restored");
    for kept in [true, false] {
        scene.proxy.switch(Mode::Stall);
        if !kept {
            client.open_with_limit(LIMIT_MS);
        }
        let failed = client.restore("agent/session@0").expect_err("nothing answers");
        assert_eq!((failed.kind.as_str(), failed.exit_code), ("unavailable", 7), "{failed:?}");
        assert!(failed.text.contains(&format!("{adapter:?} did not answer load")), "{failed:?}");
        // The first thing that a save does is to read.
        let state = scene.state();
        let failed = client.save(SESSION, &state, None).expect_err("nothing answers");
        assert_eq!((failed.kind.as_str(), failed.exit_code), ("unavailable", 7), "{failed:?}");
        assert_eq!(scene.times_stored(SESSION, &state), 0);

        scene.proxy.switch(Mode::Forward);
        client.restore("agent/session@0").expect("it goes on without being opened again");
    }
}

pub(super) fn a_stall_in_a_commit_leaves_it_unknown(adapter: &str) {
    let scene = Scene::new(adapter, "unknown");
    let mut client = scene.client();
    client.open_with_limit(LIMIT_MS);
    client.restore("agent/session@0").expect("it is restored");
    let state = scene.state();
    let rule = Rule::holding(scene.marker(), Fault::StallReply).then(Mode::Stall);
    let strikes = scene.proxy.arm(rule);
    let failed = client.save(SESSION, &state, None).expect_err("nothing answers");
    assert_eq!(strikes.count(), 1);
    assert_eq!((failed.kind.as_str(), failed.exit_code), ("outcome_unknown", 8), "{failed:?}");

    scene.proxy.switch(Mode::Forward);
    let write_id = failed.write_id.expect("a write id");
    for _ in 0..2 {
        assert_eq!(client.save(SESSION, &state, Some(&write_id)).expect("it is saved"), 1);
    }
    assert_eq!(scene.times_stored(SESSION, &state), 1);
    drop(scene.direct.ok(["verify", SESSION]));
}

pub(super) fn an_answer_that_never_comes_is_read_back(adapter: &str) {
    let scene = Scene::new(adapter, "never");
    let mut client = scene.client();
    client.open_with_limit(LIMIT_MS);
    let state = scene.state();
    let strikes = scene.proxy.arm(Rule::holding(scene.marker(), Fault::StallReply));
    let saved = client.save(SESSION, &state, None);
    assert_eq!(strikes.count(), 1);
    assert_eq!(saved.expect("it is read back over another connection"), 1);
    assert_eq!(scene.times_stored(SESSION, &state), 1);
}

pub(super) fn a_server_that_refuses_is_unavailable_until_it_is_back(adapter: &str) {
    let scene = Scene::new(adapter, "refused");
    let mut client = scene.client();
    client.restore("agent/session@0").expect("it is restored");
    let mut states = Vec::new();
    for (round, mode) in [Mode::Refuse, Mode::Close].into_iter().enumerate() {
        scene.proxy.switch(mode);
        let failed = client.restore("agent/session@0").expect_err("nobody is there");
        assert_eq!((failed.kind.as_str(), failed.exit_code), ("unavailable", 7), "{mode:?}: {failed:?}");
        let state = scene.state();
        let failed = client.save(SESSION, &state, Some(&write_id(round))).expect_err("nobody is there");
        assert_eq!((failed.kind.as_str(), failed.exit_code), ("unavailable", 7), "{mode:?}: {failed:?}");
        assert_eq!(scene.times_stored(SESSION, &state), 0, "{mode:?}");

        scene.proxy.switch(Mode::Forward);
        client.restore("agent/session@0").expect("it goes on without being opened again");
        let saved = client.save(SESSION, &state, Some(&write_id(round)));
        assert_eq!(saved.expect("it is saved"), round as u64 + 1, "{mode:?}");
        states.push(state);
    }
    assert!(states.iter().all(|state| scene.times_stored(SESSION, state) == 1));
}

pub(super) fn latency_changes_nothing(adapter: &str) {
    let scene = Scene::new(adapter, "latency");
    let late = Duration::from_millis(15);
    scene.proxy.delay(late, late);
    let mut client = scene.client();
    for index in 1..4 {
        let state = scene.state();
        assert_eq!(client.save(SESSION, &state, None).expect("it is saved"), index);
        assert_eq!(client.restore(&format!("{SESSION}@{index}")).expect("it is restored"), state);
    }
    drop(scene.direct.ok(["verify", SESSION]));
}
