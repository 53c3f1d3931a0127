//! Writers that take longer than chunks are kept for them, and others that clear away meanwhile.
//!
//! A day passes by setting back the time that a mark shows.

use futures_util::join;
use mongodb::bson::{DateTime, doc};
use persist_plugin_api::{ErrorCode, StorageAdapter as _};
use persist_test_support::{Fault, Rule, SecantusDb, Strikes, with_causes};
use serde_json::json;

use crate::{MIB, collection, command, leftovers, open, proxied, sample, until};

/// What only the request holds by which a writer shows that it is still there.
const RENEWAL: &[u8] = b"$exists\0";
/// What only requests hold by which somebody claims a set of chunks.
const CLAIM: &[u8] = b"\x08sweeping\0\x01";

/// Makes all marks a day older than they are.
async fn a_day_passes(server: &SecantusDb, database: &str) {
    let marks = collection(server, database, "persist_marks").await;
    let day_ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 25 * 60 * 60 * 1000);
    marks.update_many(doc! {}, doc! {"$set": {"at": day_ago}}).await.expect("an answer");
}

/// Lets another process clear away.
async fn clear_away(server: &SecantusDb, database: &str) {
    let other = open(server, json!({"database": database})).await;
    assert!(other.capabilities().await.expect("an answer").durable);
}

/// Lets a day pass and another process clear away while a request is held.
async fn sleep_over(held: &Strikes, server: &SecantusDb, database: &str) {
    until(|| held.count() == 1).await;
    a_day_passes(server, database).await;
    clear_away(server, database).await;
    held.release();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_took_too_long_fails_and_leaves_nothing() {
    let server = SecantusDb::shared();
    let (proxy, uri) = proxied(&server);
    let database = SecantusDb::database("slow");
    let store = open(&server, json!({"uri": uri, "database": database})).await;
    let held = proxy.arm(Rule::holding(RENEWAL, Fault::Hold));
    let (outcome, ()) =
        join!(store.save_if_absent("k", sample(3 * MIB, 1)), sleep_over(&held, &server, &database));
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
    assert!(error.is_retryable() && error.is_not_applied());
    assert!(error.message().contains("took so long"), "{error}");
    assert!(!store.exists("k").await.unwrap());
    assert_eq!(leftovers(&server, &database).await, (0, 0));
    // The key is free.
    store.save_if_absent("k", sample(3 * MIB, 2)).await.unwrap();
    assert!(store.load("k").await.unwrap() == sample(3 * MIB, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_took_too_long_is_made_anew() {
    let server = SecantusDb::shared();
    let (proxy, uri) = proxied(&server);
    let database = SecantusDb::database("slow");
    let store = open(&server, json!({"uri": uri, "database": database})).await;
    store.save("k", sample(2 * MIB, 1)).await.unwrap();
    let held = proxy.arm(Rule::holding(RENEWAL, Fault::Hold));
    let (outcome, ()) = join!(store.save("k", sample(3 * MIB, 2)), async {
        until(|| held.count() == 1).await;
        a_day_passes(&server, &database).await;
        clear_away(&server, &database).await;
        // What is still named stays, although it was marked as well.
        assert!(
            open(&server, json!({"database": database})).await.load("k").await.unwrap() == sample(2 * MIB, 1)
        );
        held.release();
    });
    outcome.unwrap_or_else(|error| panic!("{}", with_causes(&error)));
    assert!(store.load("k").await.unwrap() == sample(3 * MIB, 2));
    assert_eq!(leftovers(&server, &database).await, (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_shows_itself_in_time_keeps_its_chunks() {
    let server = SecantusDb::shared();
    let (proxy, uri) = proxied(&server);
    let (other_proxy, other_uri) = proxied(&server);
    let database = SecantusDb::database("slow");
    let store = open(&server, json!({"uri": uri, "database": database})).await;
    let other = open(&server, json!({"uri": other_uri, "database": database})).await;
    // The writer is held before it shows itself, and then before its document; the other between seeing the old mark and
    // claiming it.
    let renewal = proxy.arm(Rule::holding(RENEWAL, Fault::Hold));
    let document = proxy.arm(Rule::holding(command("insert", "persist"), Fault::Hold));
    let claim = other_proxy.arm(Rule::holding(CLAIM, Fault::Hold));
    let (outcome, cleared, ()) = join!(
        store.save_if_absent("k", sample(3 * MIB, 1)),
        async {
            until(|| renewal.count() == 1).await;
            a_day_passes(&server, &database).await;
            other.capabilities().await
        },
        async {
            until(|| claim.count() == 1).await;
            renewal.release();
            until(|| document.count() == 1).await;
            claim.release();
            until(|| claim.answered() == 1).await;
            // Whatever the other removes, it has removed when it is done with its next request.
            clear_away(&server, &database).await;
            document.release();
        }
    );
    assert!(cleared.unwrap().durable);
    outcome.unwrap_or_else(|error| panic!("{}", with_causes(&error)));
    assert!(store.load("k").await.unwrap() == sample(3 * MIB, 1));
    assert_eq!(leftovers(&server, &database).await, (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_and_came_yet_keeps_its_chunks() {
    let server = SecantusDb::shared();
    let (proxy, uri) = proxied(&server);
    let database = SecantusDb::database("slow");
    let store = open(&server, json!({"uri": uri, "database": database})).await;
    let lost = proxy.arm(Rule::holding(command("insert", "persist"), Fault::DropReply));
    let error = store.save_if_absent("k", sample(3 * MIB, 1)).await.unwrap_err();
    assert!(!error.is_not_applied(), "{}", with_causes(&error));
    assert_eq!((lost.count(), leftovers(&server, &database).await), (1, (3, 1)));
    a_day_passes(&server, &database).await;
    clear_away(&server, &database).await;
    assert!(store.load("k").await.unwrap() == sample(3 * MIB, 1));
    assert_eq!(leftovers(&server, &database).await, (3, 0));
}
