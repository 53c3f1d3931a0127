//! Sessions saved to local storage go from backend to backend and back, and are the same at the end.

use std::time::Duration;

use persist_e2e::{contents, library};
use persist_test_support::{Backend, Place};
use serde_json::json;

use crate::history;
use crate::journey::Journey;

/// Where they go between local storage and local storage.
fn places() -> Vec<Place> {
    ["s3", "postgres", "azblob"].map(|adapter| (Backend::of(adapter).place)("migrate")).to_vec()
}

/// How much longer each attempt to kill the command amid the long session waits than the one before.
const STEP: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn sessions_travel_over_all_backends_with_a_kill_on_every_leg() {
    let journey = Journey::over(places());
    let first = library::store("local", &json!({ "root": journey.first() })).await;
    history::write(&first).await;
    let saved = contents(journey.first());

    for (from, to) in journey.legs() {
        // What one attempt copied stays, so that some attempt ends amid the session.
        let whole = journey.missing(from, to, history::LONG);
        let mut wait = Duration::ZERO;
        let left = loop {
            journey.kill(from, to, wait);
            let left = journey.missing(from, to, history::LONG);
            if left < whole {
                break left;
            }
            wait += STEP;
        };
        assert!(left > 0, "{from} to {to}: no attempt was killed amid the session");
        // And once more when it has just been continued.
        journey.kill(from, to, Duration::ZERO);
        let rows = journey.finish(from, to);
        assert_eq!(rows.len(), history::sessions().len(), "{from} to {to}");
        // Everything is recognised from now on.
        let rows = journey.finish(from, to);
        assert!(rows.iter().all(|row| row["result"]["migration"] == "present"), "{from} to {to}: {rows:?}");
        assert_eq!(journey.list(from), journey.list(to), "{from} to {to}");
    }
    assert_eq!(contents(journey.first()), saved, "the source was written to");

    let last = library::store("local", &json!({ "root": journey.last() })).await;
    history::expect_same(&first, &last).await;
}
