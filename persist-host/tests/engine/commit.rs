//! Commits: one index for one writer, three outcomes, and nothing stored twice.

use std::collections::BTreeSet;

use persist_host::{DeleteTarget, ErrorKind, Expect, SaveRequest, Store, WriteId};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_share_no_index_and_leave_no_gap() {
    let adapter = Faulty::default();
    let writers = (0..8).map(|writer| {
        let store = adapter.store();
        tokio::spawn(async move {
            for step in 0..25 {
                save(&store, "a/s", writer * 100 + step).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let store = adapter.store();
    let expected: Vec<String> = (0..200).map(|number| format!("a/s@{number}")).collect();
    assert_eq!(list(&store, "a/s").await, expected);
    let mut states = BTreeSet::new();
    for reference in &expected {
        states.insert(restore(&store, reference).await.unwrap());
    }
    assert_eq!(states.len(), 200, "every state was saved once");
}

#[tokio::test]
async fn a_warm_save_costs_one_write_and_two_small_reads() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    adapter.shelf().requests.clear();
    save(&store, "a/s", 1).await.unwrap();
    let requests = adapter.shelf().requests.clone();
    assert_eq!(
        requests.into_iter().collect::<Vec<_>>(),
        [("create", 1), ("load", 2)],
        "the marker and the next manifest"
    );
}

/// A store in whose storage a session was begun, and that storage as it was then.
async fn begun(adapter: &Faulty) -> Store {
    let store = adapter.store();
    for step in 0..5 {
        save(&store, "a/s", step).await.unwrap();
    }
    store
}

#[tokio::test]
async fn a_save_into_storage_that_was_emptied_fails_and_leaves_nothing() {
    let adapter = Faulty::default();
    let store = begun(&adapter).await;
    let objects = std::mem::take(&mut adapter.shelf().objects);
    // A session that the process remembers, and one that it does not.
    for name in ["a/s", "a/t", "a/s"] {
        let error = save(&store, name, 5).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Integrity, "store_replaced"), "{error}");
        assert_eq!(adapter.keys(), Vec::<String>::new());
    }
    // The second attempt wrote nothing to begin with.
    adapter.shelf().requests.clear();
    save(&store, "a/s", 5).await.unwrap_err();
    assert_eq!(adapter.shelf().requests.get("create"), None);
    // It is mounted again.
    adapter.shelf().objects = objects;
    assert_eq!(save(&store, "a/s", 5).await.unwrap().snapshot_index, index(5));
    assert_eq!(restore(&adapter.store(), "a/s").await.unwrap(), state(5));
}

#[tokio::test]
async fn a_save_into_another_store_fails_and_leaves_it_as_it_is() {
    for others in [1, 5, 9] {
        let adapter = Faulty::default();
        let store = begun(&adapter).await;
        adapter.shelf().objects.clear();
        let other = adapter.store();
        for step in 0..others {
            save(&other, "a/s", 100 + step).await.unwrap();
        }
        let before = adapter.shelf().objects.clone();
        let error = save(&store, "a/s", 5).await.unwrap_err();
        assert_eq!(error.code(), "store_replaced", "{error}");
        assert!(error.to_string().contains("found the store "), "{error}");
        assert_eq!(adapter.shelf().objects, before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_read_back_and_counts_as_saved() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::LostReply]);
    assert_eq!(save(&store, "a/s", 1).await.unwrap().snapshot_index, index(1));
    assert_eq!(list(&store, "").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_may_be_lost_again_is_unknown_though_it_can_be_read_back() {
    let adapter = Faulty::default();
    let store = adapter.store();
    adapter.fail_creates(&[Fault::NotDurable]);
    // The store marker comes first, and without it there is no store.
    assert_eq!(save(&store, "a/s", 0).await.unwrap_err().kind(), ErrorKind::Other);
    assert_eq!(adapter.keys(), ["persist-store.json"]);

    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::NotDurable]);
    let error = save(&store, "a/s", 1).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::OutcomeUnknown, "save_outcome_unknown"));
    assert_eq!(list(&store, "").await.len(), 2, "it can be read all the same");

    // The retry finds it, and reports it as saved only once it lasts.
    let mut retry = SaveRequest::new(session("a/s"), state(1));
    let write_id = error.context().iter().find(|(name, _)| *name == "write_id").unwrap().1.parse().unwrap();
    retry.write_id = Some(write_id);
    adapter.fail_creates(&[Fault::NotDurable]);
    let error = adapter.store().save(retry.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(adapter.store().save(retry).await.unwrap().snapshot_index, index(1));
    assert_eq!(list(&store, "").await.len(), 2);

    adapter.fail_creates(&[Fault::NotDurable]);
    let target = DeleteTarget::All;
    let error = store.delete(&session("a/s"), &target).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::OutcomeUnknown, "decision_outcome_unknown"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_sent_again_with_the_same_bytes() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::LostRequest, Fault::LostRequest]);
    assert_eq!(save(&store, "a/s", 1).await.unwrap().snapshot_index, index(1));
    assert_eq!(list(&store, "").await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_found_out_is_unknown_and_never_stored_twice() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::LostReply]);
    adapter.fail_loads(&[Fault::Unreachable]);
    let error = save(&store, "a/s", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    let fact = |name: &str| error.context().iter().find(|(known, _)| *known == name).unwrap().1.clone();
    assert_eq!(fact("snapshot_index"), "1");
    let write_id: WriteId = fact("write_id").parse().unwrap();

    // Another writer goes on; the retry still finds what the first attempt stored.
    save(&adapter.store(), "a/s", 2).await.unwrap();
    let mut retry = SaveRequest::new(session("a/s"), state(1));
    retry.write_id = Some(write_id);
    let info = adapter.store().save(retry.clone()).await.unwrap();
    assert_eq!(info.snapshot_index, index(1));
    assert_eq!(list(&store, "").await.len(), 3);

    retry.state = state(9);
    assert_eq!(store.save(retry).await.unwrap_err().code(), "write_id_reused");
}

#[tokio::test(start_paused = true)]
async fn a_write_id_whose_attempt_never_arrived_saves_now() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    adapter.fail_creates(&[Fault::LostRequest; 4]);
    let error = save(&store, "a/s", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    let write_id = error.context().iter().find(|(name, _)| *name == "write_id").unwrap().1.parse().unwrap();
    let mut retry = SaveRequest::new(session("a/s"), state(1));
    retry.write_id = Some(write_id);
    assert_eq!(store.save(retry).await.unwrap().snapshot_index, index(1));
}

#[tokio::test]
async fn a_certain_failure_changes_nothing_and_is_not_unknown() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    let before = adapter.keys();
    adapter.fail_creates(&[Fault::Refused]);
    let error = save(&store, "a/s", 1).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Other, "no_space"));
    assert_eq!(adapter.keys(), before);
}

async fn save_expecting(store: &Store, expect: Expect) -> persist_host::Result<u64> {
    let mut request = SaveRequest::new(session("a/s"), state(7));
    request.expect_parent = expect;
    store.save(request).await.map(|info| info.snapshot_index.get())
}

#[tokio::test]
async fn an_expected_parent_that_is_not_the_newest_is_a_conflict() {
    let adapter = Faulty::default();
    let (ours, theirs) = (adapter.store(), adapter.store());
    assert_eq!(save_expecting(&ours, Expect::Empty).await.unwrap(), 0);
    assert_eq!(save_expecting(&theirs, Expect::Index(index(0))).await.unwrap(), 1);
    let before = adapter.keys();
    // `ours` remembers index 0 as the newest and finds out while it commits.
    let error = save_expecting(&ours, Expect::Index(index(0))).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "parent_conflict"));
    assert_eq!(error.context(), [("expected_index", "0".to_owned()), ("found_index", "1".to_owned())]);
    assert_eq!(save_expecting(&ours, Expect::Empty).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(save_expecting(&ours, Expect::Index(index(5))).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(adapter.keys(), before);
    // Appending without a condition goes on.
    assert_eq!(save_expecting(&ours, Expect::Any).await.unwrap(), 2);
}

#[tokio::test]
async fn a_logical_parent_must_exist() {
    let store = Faulty::default().store();
    save(&store, "a/s", 0).await.unwrap();
    let mut request = SaveRequest::new(session("a/s"), state(1));
    request.parent = Some(index(3));
    assert_eq!(store.save(request).await.unwrap_err().code(), "snapshot_not_found");
}

#[tokio::test]
async fn storage_that_forgets_is_refused_unless_it_was_asked_for() {
    let mut adapter = Faulty::default();
    adapter.capabilities.durable = false;
    let error = save(&adapter.store(), "a/s", 0).await.unwrap_err();
    assert_eq!(error.code(), "storage_not_durable");
    // True of memory as well as of a server that keeps what it is given for a while.
    assert!(error.to_string().contains("when this process ends, or when a server crashes"), "{error}");
    assert!(error.hint().unwrap().contains("the option that the adapter's page names"));
    assert!(adapter.keys().is_empty());
    let mut options = adapter.options();
    options.allow_volatile = true;
    save(&Store::new(options), "a/s", 0).await.unwrap();
}

#[tokio::test]
async fn storage_without_atomic_creation_needs_the_users_word() {
    let mut adapter = Faulty::default();
    adapter.capabilities.atomic_create = false;
    let error = save(&adapter.store(), "a/s", 0).await.unwrap_err();
    assert_eq!(error.code(), "no_atomic_create");
    assert!(error.hint().unwrap().contains("single_writer = true"));
    assert!(adapter.keys().is_empty());
    let mut options = adapter.options();
    options.single_writer = true;
    let store = Store::new(options);
    for step in 0..3 {
        assert_eq!(save(&store, "a/s", step).await.unwrap().snapshot_index, index(step as u64));
    }
    assert_eq!(restore(&store, "a/s@1").await.unwrap(), state(1));
}

#[tokio::test]
async fn a_store_that_lost_its_marker_is_not_adopted_in_silence() {
    let adapter = Faulty::default();
    save(&adapter.store(), "a/s", 0).await.unwrap();
    adapter.shelf().objects.remove("persist-store.json");
    let error = save(&adapter.store(), "a/s", 1).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Integrity, "marker_missing"));
    assert_eq!(adapter.keys(), ["agents/a/s/d/0000000000"]);
}
