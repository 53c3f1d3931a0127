//! Answers of servers that step down, shut down, or are not followed by a majority, and of upserts that collide.

use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use persist_plugin_api::{ErrorCode, StorageAdapter as _};
use persist_storage_mongodb::MongoStorage;
use persist_test_support::{SecantusDb, with_causes};
use serde_json::json;

use crate::middleman::{Middleman, When, failure, refusal, unacknowledged};
use crate::{MIB, leftovers, open, sample};

/// No primary: the command was not begun.
const REFUSED: [i32; 4] = [10107, 10058, 13435, 13436];
/// The command was interrupted, begun or not.
const INTERRUPTED: [i32; 4] = [91, 189, 11600, 11602];
/// What passes, besides; reads meet it only.
const PASSING: [i32; 3] = [43, 134, 262];

/// A place on the server that is reached through a middleman.
struct Scene {
    database: String,
    middleman: Middleman,
    store: MongoStorage,
}

impl Scene {
    async fn new(server: &SecantusDb) -> Self {
        let middleman = Middleman::start(server.port());
        let database = SecantusDb::database("answers");
        let store = open(server, json!({"uri": middleman.uri(), "database": database})).await;
        store.capabilities().await.unwrap_or_else(|error| panic!("{}", with_causes(&error)));
        Self { database, middleman, store }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_repeated() {
    let server = SecantusDb::shared();
    let tries = [&REFUSED[..], &INTERRUPTED, &PASSING].concat().into_iter().map(async |code| {
        let scene = Scene::new(&server).await;
        scene.store.save("k", sample(10, 1)).await.unwrap();
        let said = scene.middleman.answer(("find", "persist"), When::Instead, 1, failure(code));
        let loaded =
            scene.store.load("k").await.unwrap_or_else(|error| panic!("{code}: {}", with_causes(&error)));
        assert_eq!((loaded, said.load(Ordering::SeqCst)), (sample(10, 1), 1), "{code}");
    });
    join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_was_not_begun_is_repeated() {
    let server = SecantusDb::shared();
    let tries = REFUSED.map(async |code| {
        let scene = Scene::new(&server).await;
        let said = scene.middleman.answer(("insert", "persist"), When::Instead, 1, failure(code));
        let outcome = scene.store.save_if_absent("k", sample(2 * MIB, 1)).await;
        outcome.unwrap_or_else(|error| panic!("{code}: {}", with_causes(&error)));
        assert_eq!(said.load(Ordering::SeqCst), 1, "{code}");
        assert!(scene.store.load("k").await.unwrap() == sample(2 * MIB, 1), "{code}");
        assert_eq!(leftovers(&server, &scene.database).await, (2, 0), "{code}");
    });
    join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_is_always_refused_did_nothing() {
    let server = SecantusDb::shared();
    let scene = Scene::new(&server).await;
    let said = scene.middleman.answer(("insert", "persist"), When::Instead, 3, failure(10107));
    let error = scene.store.save_if_absent("k", sample(2 * MIB, 1)).await.unwrap_err();
    assert_eq!(
        (error.code(), said.load(Ordering::SeqCst)),
        (ErrorCode::UNAVAILABLE, 3),
        "{}",
        with_causes(&error)
    );
    assert!(error.is_retryable() && error.is_not_applied());
    assert!(!scene.store.exists("k").await.unwrap());
    assert_eq!(leftovers(&server, &scene.database).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_was_interrupted_is_left_open() {
    let server = SecantusDb::shared();
    let tries = INTERRUPTED.iter().flat_map(|code| [(*code, When::Instead), (*code, When::After)]);
    let tries = tries.map(async |(code, when)| {
        let scene = Scene::new(&server).await;
        // A second attempt would get the answer as well, and be counted.
        let said = scene.middleman.answer(("insert", "persist"), when, 2, failure(code));
        let error = scene.store.save_if_absent("k", sample(2 * MIB, 1)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{code}, {when:?}: {}", with_causes(&error));
        assert!(error.is_retryable() && !error.is_not_applied(), "{code}, {when:?}");
        assert_eq!(said.load(Ordering::SeqCst), 1, "{code}, {when:?}");
        if when == When::After {
            assert!(scene.store.load("k").await.unwrap() == sample(2 * MIB, 1), "{code}");
        } else {
            assert!(!scene.store.exists("k").await.unwrap(), "{code}");
        }
    });
    join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_without_a_majority_is_left_open() {
    let server = SecantusDb::shared();
    let tries = [&[64][..], &REFUSED, &INTERRUPTED].concat().into_iter().map(async |code| {
        let scene = Scene::new(&server).await;
        let said = scene.middleman.answer(("insert", "persist"), When::After, 2, unacknowledged(code));
        let error = scene.store.save_if_absent("k", sample(2 * MIB, 1)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::TIMEOUT, "{code}: {}", with_causes(&error));
        assert!(error.is_retryable() && !error.is_not_applied(), "{code}");
        assert_eq!(said.load(Ordering::SeqCst), 1, "{code}");
        assert!(scene.store.load("k").await.unwrap() == sample(2 * MIB, 1), "{code}");
    });
    join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_replaced_or_removed_without_a_clear_answer_counts_once() {
    let server = SecantusDb::shared();
    let answers = INTERRUPTED.map(failure).into_iter().chain([unacknowledged(64), unacknowledged(189)]);
    let tries = answers.map(async |answer| {
        let scene = Scene::new(&server).await;
        scene.store.save("k", sample(2 * MIB, 1)).await.unwrap();
        let said = scene.middleman.answer(("update", "persist"), When::After, 1, answer.clone());
        let outcome = scene.store.save("k", sample(3 * MIB, 2)).await;
        outcome.unwrap_or_else(|error| panic!("{answer}: {}", with_causes(&error)));
        assert!(scene.store.load("k").await.unwrap() == sample(3 * MIB, 2), "{answer}");
        assert_eq!(leftovers(&server, &scene.database).await, (3, 0), "{answer}");
        let removed = scene.middleman.answer(("delete", "persist"), When::After, 1, answer.clone());
        scene.store.delete("k").await.unwrap_or_else(|error| panic!("{answer}: {}", with_causes(&error)));
        assert!(!scene.store.exists("k").await.unwrap(), "{answer}");
        assert_eq!(leftovers(&server, &scene.database).await, (0, 0), "{answer}");
        assert_eq!((said.load(Ordering::SeqCst), removed.load(Ordering::SeqCst)), (1, 1), "{answer}");
    });
    join_all(tries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upserts_that_collide_are_no_conflict() {
    let server = SecantusDb::shared();
    let scene = Scene::new(&server).await;
    scene.store.save("k", sample(2 * MIB, 1)).await.unwrap();
    // Another made the same mark at the same moment, and an earlier attempt at the same chunk arrived.
    let mark = scene.middleman.answer(("update", "persist_marks"), When::Instead, 1, refusal(11000));
    let chunk = scene.middleman.answer(("update", "persist_chunks"), When::After, 1, refusal(11000));
    let outcome = scene.store.save("k", sample(3 * MIB, 2)).await;
    outcome.unwrap_or_else(|error| panic!("{}", with_causes(&error)));
    assert_eq!((mark.load(Ordering::SeqCst), chunk.load(Ordering::SeqCst)), (1, 1));
    assert!(scene.store.load("k").await.unwrap() == sample(3 * MIB, 2));
    assert_eq!(leftovers(&server, &scene.database).await, (3, 0));

    let always = scene.middleman.answer(("update", "persist_marks"), When::Instead, 3, refusal(11000));
    let error = scene.store.save("k", sample(2 * MIB, 3)).await.unwrap_err();
    assert_eq!(always.load(Ordering::SeqCst), 3);
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
    assert!(error.is_retryable() && error.is_not_applied());
    assert!(scene.store.load("k").await.unwrap() == sample(3 * MIB, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_unseen_is_not_reported_as_there() {
    let server = SecantusDb::shared();
    let scene = Scene::new(&server).await;
    // A document that no majority has yet is in the way of insertions, and not shown. It may vanish again.
    let said = scene.middleman.answer(("insert", "persist"), When::Instead, 1, refusal(11000));
    scene.store.save_if_absent("k", sample(2 * MIB, 1)).await.unwrap();
    assert_eq!(said.load(Ordering::SeqCst), 1);
    assert!(scene.store.load("k").await.unwrap() == sample(2 * MIB, 1));

    let always = scene.middleman.answer(("insert", "persist"), When::Instead, 3, refusal(11000));
    let error = scene.store.save_if_absent("other", sample(2 * MIB, 1)).await.unwrap_err();
    assert_eq!(
        (error.code(), always.load(Ordering::SeqCst)),
        (ErrorCode::UNAVAILABLE, 3),
        "{}",
        with_causes(&error)
    );
    assert!(error.is_retryable() && error.is_not_applied());
    assert_eq!(leftovers(&server, &scene.database).await, (2, 0));
}
