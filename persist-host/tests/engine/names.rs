//! Names: one live snapshot for each, found without a listing, whoever else saves at the same time.

use std::collections::BTreeSet;

use persist_host::{
    DeleteTarget, Error, ErrorKind, Expect, SaveRequest, SnapshotInfo, SnapshotName, Store, WriteId,
};

use crate::support::*;

fn name(text: &str) -> SnapshotName {
    SnapshotName::parse(text).unwrap()
}

fn named(step: usize, text: &str) -> SaveRequest {
    let mut request = SaveRequest::new(session("a/s"), state(step));
    request.name = Some(name(text));
    request
}

async fn save_named(store: &Store, step: usize, text: &str) -> Result<SnapshotInfo, Error> {
    store.save(named(step, text)).await
}

async fn find(store: &Store, text: &str) -> Result<u64, Error> {
    store.find_by_name(&session("a/s"), &name(text)).await.map(|info| info.snapshot_index.get())
}

async fn delete(store: &Store, number: u64) {
    let target = DeleteTarget::Indices([index(number)].into());
    store.delete(&session("a/s"), &target).await.unwrap();
}

fn claims(adapter: &Faulty) -> Vec<String> {
    adapter.keys().into_iter().filter(|key| key.contains("/n/")).collect()
}

/// Which of the operations failed, all of them for the reason that the name is taken.
fn conflicts<T>(results: &[Result<T, Error>]) -> usize {
    let failed = results.iter().filter_map(|result| result.as_ref().err());
    failed
        .inspect(|error| assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "name_taken")))
        .count()
}

#[tokio::test]
async fn a_new_name_costs_one_request_more_and_finding_it_a_few() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..40 {
        save(&store, "a/s", step).await.unwrap();
    }
    adapter.shelf().requests.clear();
    assert_eq!(save_named(&store, 40, "N ame").await.unwrap().snapshot_index, index(40));
    let requests = adapter.shelf().requests.clone();
    assert_eq!(requests.into_iter().collect::<Vec<_>>(), [("create", 2), ("load", 2)]);
    for step in 41..80 {
        save(&store, "a/s", step).await.unwrap();
    }
    let cold = adapter.store();
    adapter.shelf().requests.clear();
    assert_eq!(find(&cold, "N ame").await.unwrap(), 40);
    let requests = adapter.shelf().requests.clone();
    // The marker, the claim, the one that does not follow it, the record; then the manifests.
    assert_eq!(requests.into_iter().collect::<Vec<_>>(), [("list", 1), ("load", 5)]);
    let error = find(&cold, "n ame").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "name_not_found"));
}

#[tokio::test]
async fn a_name_is_taken_as_long_as_its_snapshot_lives() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save_named(&store, 0, "x").await.unwrap();
    save(&store, "a/s", 1).await.unwrap();
    for other in [store.clone(), adapter.store()] {
        let error = save_named(&other, 2, "x").await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "name_taken"));
        assert!(error.context().contains(&("snapshot_index", "0".to_owned())), "{:?}", error.context());
    }
    assert_eq!((list(&store, "").await.len(), claims(&adapter).len()), (2, 1));
    // The same name in another session is another name.
    let mut elsewhere = named(0, "x");
    elsewhere.session = session("a/t");
    store.save(elsewhere).await.unwrap();

    for round in 0..5 {
        let holder = find(&store, "x").await.unwrap();
        delete(&store, holder).await;
        assert_eq!(find(&store, "x").await.unwrap_err().kind(), ErrorKind::NotFound);
        let saved = save_named(&adapter.store(), 10 + round, "x").await.unwrap();
        assert_eq!(find(&adapter.store(), "x").await.unwrap(), saved.snapshot_index.get());
        assert_eq!(save_named(&store, 20, "x").await.unwrap_err().code(), "name_taken");
    }
    assert_eq!(claims(&adapter).len(), 7);
}

#[tokio::test]
async fn a_name_survives_the_rewriting_and_collection_of_its_session() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..6 {
        save_named(&store, step, &format!("name {step}")).await.unwrap();
    }
    delete(&store, 0).await;
    delete(&store, 3).await;
    store.compact(&session("a/s")).await.unwrap();
    for kept in [1, 2, 4, 5] {
        assert_eq!(find(&adapter.store(), &format!("name {kept}")).await.unwrap(), kept);
        let error = save_named(&store, 9, &format!("name {kept}")).await.unwrap_err();
        assert_eq!(error.code(), "name_taken");
    }
    let saved = save_named(&store, 9, "name 3").await.unwrap();
    assert_eq!(find(&adapter.store(), "name 3").await.unwrap(), saved.snapshot_index.get());
    store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
    store.collect(&session("a/s")).await.unwrap();
    assert_eq!(find(&adapter.store(), "name 4").await.unwrap_err().kind(), ErrorKind::NotFound);
    let saved = save_named(&adapter.store(), 4, "name 4").await.unwrap();
    assert_eq!(find(&adapter.store(), "name 4").await.unwrap(), saved.snapshot_index.get());
}

#[tokio::test(start_paused = true)]
async fn a_claim_without_a_snapshot_keeps_nobody_out() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    // The claim is made, the record is refused.
    adapter.shelf().create_faults.extend([Fault::LostReply, Fault::Refused]);
    assert_eq!(save_named(&store, 1, "x").await.unwrap_err().code(), "no_space");
    assert_eq!(claims(&adapter).len(), 1);
    assert_eq!(find(&store, "x").await.unwrap_err().code(), "name_not_found");
    save(&store, "a/s", 1).await.unwrap();
    assert_eq!(save_named(&adapter.store(), 2, "x").await.unwrap().snapshot_index, index(2));
    assert_eq!(find(&store, "x").await.unwrap(), 2);
    // A claim that could not be made saves nothing, and says so.
    adapter.fail_creates(&[Fault::LostRequest; 4]);
    let error = save_named(&store, 3, "y").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(list(&store, "").await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_retry_with_its_write_id_finds_its_own_claim_and_its_own_snapshot() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    let mut request = named(1, "x");
    request.write_id = Some(WriteId::random());
    adapter.shelf().create_faults.extend([Fault::LostReply, Fault::Refused]);
    store.save(request.clone()).await.unwrap_err();
    let saved = adapter.store().save(request.clone()).await.unwrap();
    assert_eq!(adapter.store().save(request).await.unwrap(), saved);
    assert_eq!((claims(&adapter).len(), find(&store, "x").await.unwrap()), (1, 1));
}

/// A save is held between its claim and its record while another takes the name over.
#[tokio::test]
async fn a_save_that_lost_its_name_meanwhile_does_not_store_its_snapshot() {
    let adapter = Faulty::default();
    let (ours, theirs) = (adapter.store(), adapter.store());
    save(&ours, "a/s", 0).await.unwrap();
    save(&theirs, "a/s", 1).await.unwrap();
    // `ours` takes index 1 for the next one: it loses it, and looks at the claims again.
    let (first, second) = tokio::join!(save_named(&ours, 2, "x"), save_named(&theirs, 3, "x"));
    let results = [first, second];
    assert_eq!(conflicts(&results), 1);
    let winner = results.into_iter().find_map(Result::ok).unwrap();
    assert_eq!(find(&ours, "x").await.unwrap(), winner.snapshot_index.get());
}

/// Yields a different number of times at each step, so that every run of a race is another interleaving.
async fn dawdle(seed: u64) {
    for _ in 0..seed % 7 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn of_many_saves_with_one_name_exactly_one_wins_and_is_found() {
    let mut outcomes = BTreeSet::new();
    for round in 0..150_u64 {
        let adapter = Faulty::default();
        save(&adapter.store(), "a/s", 0).await.unwrap();
        let stale = adapter.store();
        save(&stale, "a/s", 1).await.unwrap();
        save(&adapter.store(), "a/s", 2).await.unwrap();
        let contenders = (0..6_u64).map(|contender| {
            // Some know an old head, some none, and some save without a name in between.
            let store = if contender % 2 == 0 { adapter.store() } else { stale.clone() };
            tokio::spawn(async move {
                dawdle(round.wrapping_mul(2_654_435_761).wrapping_add(contender * 0x9e37) >> (contender % 5))
                    .await;
                if contender == 5 {
                    save(&store, "a/s", 100).await.unwrap();
                    return None;
                }
                Some(save_named(&store, 10 + contender as usize, "x").await)
            })
        });
        let mut results = Vec::new();
        for contender in contenders.collect::<Vec<_>>() {
            results.extend(contender.await.unwrap());
        }
        assert_eq!(conflicts(&results), 4, "round {round}");
        let winner = results.into_iter().find_map(Result::ok).unwrap().snapshot_index.get();
        outcomes.insert((winner, claims(&adapter).len()));
        assert_eq!(find(&adapter.store(), "x").await.unwrap(), winner, "round {round}");
        assert_eq!(list(&adapter.store(), "").await.len(), 5, "round {round}");
    }
    assert!(outcomes.len() > 3, "the rounds were alike: {outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_comes_and_goes_is_never_held_twice() {
    let adapter = Faulty::default();
    save(&adapter.store(), "a/s", 0).await.unwrap();
    let tasks = (0..6).map(|task| {
        let store = adapter.store();
        tokio::spawn(async move {
            let mut won = 0;
            for step in 0..20 {
                match save_named(&store, task * 100 + step, "x").await {
                    Ok(info) => {
                        won += 1;
                        // Nobody else can hold it until this one lets go of it.
                        assert_eq!(find(&store, "x").await.unwrap(), info.snapshot_index.get());
                        delete(&store, info.snapshot_index.get()).await;
                    }
                    Err(error) => assert_eq!(error.code(), "name_taken"),
                }
            }
            won
        })
    });
    let mut won = 0;
    for task in tasks.collect::<Vec<_>>() {
        won += task.await.unwrap();
    }
    assert!(won > 0);
    assert_eq!(list(&adapter.store(), "").await.len(), 1);
    save_named(&adapter.store(), 0, "x").await.unwrap();
}

#[tokio::test]
async fn a_snapshot_that_was_stored_without_a_claim_is_found_and_can_get_one() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..4 {
        save_named(&store, step, &format!("name {step}")).await.unwrap();
    }
    // As releases before 0.2.0 left it.
    for claim in claims(&adapter) {
        adapter.shelf().objects.remove(&claim);
    }
    let old = adapter.store();
    assert_eq!(find(&old, "name 2").await.unwrap(), 2);
    old.claim_name(&session("a/s"), index(2)).await.unwrap();
    old.claim_name(&session("a/s"), index(2)).await.unwrap();
    assert_eq!(claims(&adapter), ["agents/a/s/n/name!0202/0000000000"]);
    assert_eq!(find(&old, "name 2").await.unwrap(), 2);
    assert_eq!(save_named(&store, 9, "name 2").await.unwrap_err().code(), "name_taken");
    // Another that has the name too does not get it.
    save_named(&store, 9, "name 1").await.unwrap();
    assert_eq!(old.claim_name(&session("a/s"), index(1)).await.unwrap_err().code(), "name_taken");
    assert_eq!(find(&old, "name 1").await.unwrap(), 4);
}

#[tokio::test]
async fn a_damaged_claim_is_reported_and_refuses_the_name_alone() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save_named(&store, 0, "x").await.unwrap();
    let key = claims(&adapter).remove(0);
    let object = adapter.shelf().objects[&key].clone();
    for at in 0..object.len() {
        let mut damaged = object.to_vec();
        damaged[at] ^= 4;
        adapter.shelf().objects.insert(key.clone(), damaged.into());
        assert_eq!(find(&store, "x").await.unwrap_err().kind(), ErrorKind::Integrity, "byte {at}");
    }
    assert_eq!(save_named(&store, 1, "x").await.unwrap_err().kind(), ErrorKind::Integrity);
    save_named(&store, 1, "y").await.unwrap();
    // A claim of another name in its place.
    let other = adapter.shelf().objects["agents/a/s/n/y/0000000000"].clone();
    adapter.shelf().objects.insert(key, other);
    assert_eq!(find(&store, "x").await.unwrap_err().kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn a_conflict_of_the_parent_comes_before_a_claim() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    let mut request = named(1, "x");
    request.expect_parent = Expect::Empty;
    assert_eq!(store.save(request).await.unwrap_err().code(), "parent_conflict");
    assert!(claims(&adapter).is_empty());
}

#[tokio::test]
async fn a_name_that_is_not_claimed_is_taken_at_the_callers_word() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..2 {
        let mut request = named(step, "same");
        request.claim_name = false;
        store.save(request).await.unwrap();
    }
    assert!(claims(&adapter).is_empty());
    assert_eq!(find(&store, "same").await.unwrap(), 0);
    delete(&store, 0).await;
    assert_eq!(find(&adapter.store(), "same").await.unwrap(), 1);
}
