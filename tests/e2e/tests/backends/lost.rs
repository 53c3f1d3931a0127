//! One request or answer that is lost or breaks off.

use persist_test_support::{Fault, Rule};

use super::scene::{SESSION, Scene};

pub(super) fn an_answer_that_is_lost_is_read_back(adapter: &str) {
    stored_once_in_spite_of(adapter, "lost", &[Fault::DropReply]);
}

pub(super) fn an_answer_that_breaks_off_is_read_back(adapter: &str) {
    stored_once_in_spite_of(adapter, "broken", &[0, 1, 5, 20].map(Fault::CutReply));
}

/// A save whose own request gets a fault is saved, and told so.
fn stored_once_in_spite_of(adapter: &str, prefix: &str, faults: &[Fault]) {
    let scene = Scene::new(adapter, prefix);
    let mut client = scene.client();
    for (count, fault) in faults.iter().enumerate() {
        let state = scene.state();
        let strikes = scene.proxy.arm(Rule::holding(scene.marker(), *fault));
        let saved = client.save(SESSION, &state, None);
        assert_eq!(strikes.count(), 1, "{fault:?}");
        assert_eq!(saved.expect("it is saved"), count as u64 + 1, "{fault:?}");
        assert_eq!(scene.times_stored(SESSION, &state), 1, "{fault:?}");
    }
    drop(scene.direct.ok(["verify", SESSION]));
}

pub(super) fn a_request_that_breaks_off_does_nothing(adapter: &str) {
    let scene = Scene::new(adapter, "request");
    let mut client = scene.client();
    let state = scene.state();
    let strikes = scene.proxy.arm(Rule::holding(scene.marker(), Fault::CutRequest(10)).always());
    let failed = client.save(SESSION, &state, Some(&write_id(1))).expect_err("no request arrives");
    assert!(strikes.count() > 0);
    // The adapter cannot know that the server threw away what it got of the request, and need not.
    assert!(["unavailable", "outcome_unknown"].contains(&failed.kind.as_str()), "{failed:?}");
    assert_eq!(scene.times_stored(SESSION, &state), 0);

    scene.proxy.disarm();
    assert_eq!(client.save(SESSION, &state, Some(&write_id(1))).expect("it is saved"), 1);
    assert_eq!(scene.times_stored(SESSION, &state), 1);
}

pub(super) fn a_read_that_breaks_off_never_gives_wrong_bytes(adapter: &str) {
    let scene = Scene::new(adapter, "read");
    // No codec makes it smaller than the answers that are cut.
    let state = format!("{:?}", persist_test_support::agent_state(300_000).escape_ascii().to_string());
    let mut client = scene.client();
    assert_eq!(client.save(SESSION, &state, None).expect("it is saved"), 1);
    let (mut struck, mut failed) = (0, 0);
    for always in [false, true] {
        for cut in [0, 1, 100, 700, 5_000, 100_000, 250_000] {
            client.open();
            let rule = Rule::seen(|_| true, Fault::CutReply(cut));
            let strikes = scene.proxy.arm(if always { rule.always() } else { rule });
            match client.restore("agent/session@1") {
                Ok(restored) => assert!(restored == state, "{cut} bytes: other bytes came back"),
                Err(error) => {
                    assert!(always, "{cut} bytes: one broken answer is asked for again: {error:?}");
                    assert_eq!((error.kind.as_str(), error.exit_code), ("unavailable", 7), "{error:?}");
                    failed += 1;
                }
            }
            struck += strikes.count();
            scene.proxy.disarm();
        }
    }
    assert!(struck >= 14 && failed >= 5, "{struck} faults, {failed} failed");
    assert_eq!(client.restore("agent/session@1").expect("it is restored"), state);
}

/// The id of a save that may be tried several times.
pub(super) fn write_id(number: usize) -> String {
    format!("{number:032x}")
}
