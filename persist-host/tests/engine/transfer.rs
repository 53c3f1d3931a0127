//! Forking sessions and copying them between stores.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use persist_host::{
    AttachMode, AttachRequest, Copied, CopyOptions, DeleteTarget, ErrorKind, Result, SaveRequest, Store,
    StoreOptions,
};
use proptest::prelude::*;

use crate::support::{Fault, Faulty, index, list, reference, restore, session, verify};

/// A state of which most is the one before.
fn grown(step: u64) -> String {
    let lines: Vec<String> = (0..=step).map(|at| format!("\"line {at} {}\"", at * 7919 % 1000)).collect();
    format!("{{\"own\":{},\"pad\":\"{}\",\"lines\":[{}]}}", step * 104_729, "p".repeat(3000), lines.join(","))
}

async fn grow(store: &Store, steps: std::ops::Range<u64>) {
    for step in steps {
        let mut request = SaveRequest::new(session("a/s"), grown(step));
        request.labels.insert("step".to_owned(), step.to_string());
        store.save(request).await.unwrap();
    }
}

async fn delete(store: &Store, indices: impl IntoIterator<Item = u64>) {
    let target = DeleteTarget::Indices(indices.into_iter().map(index).collect());
    store.delete(&session("a/s"), &target).await.unwrap();
}

async fn copy(from: &Store, to: &Store) -> Result<Copied> {
    from.copy_session(to, &session("a/s"), CopyOptions::default(), &|_| {}).await
}

/// A store over another adapter that writes its objects in another way.
fn plain(adapter: &Faulty) -> Store {
    Store::new(StoreOptions { name: "plain".to_owned(), codec_name: None, ..adapter.options() })
}

/// Checks that two stores give the same for every index up to `end`.
async fn expect_equal(from: &Store, to: &Store, end: u64) {
    for number in 0..=end {
        let name = reference(&format!("a/s@{number}"));
        match (from.restore(&name).await, to.restore(&name).await) {
            (Ok(from), Ok(to)) => {
                assert_eq!(from.state, to.state, "{name}");
                let (mut expected, mut found) = (from.info, to.info);
                expected.stored_bytes = 0;
                found.stored_bytes = 0;
                found.codec.clone_from(&expected.codec);
                assert_eq!(expected, found);
            }
            (Err(from), Err(to)) => {
                assert_eq!((from.kind(), to.kind()), (ErrorKind::NotFound, ErrorKind::NotFound), "{to:?}");
            }
            (from, to) => panic!("{name}: {:?}, {:?}", from.map(drop), to.map(drop)),
        }
    }
    assert_eq!(list(from, "a/s").await, list(to, "a/s").await);
    assert!(verify(to, "a/s").await.iter().all(|row| row.error.is_none()));
}

/// What `future` comes to if it is polled at most `polls` times, and dropped then as by a crash.
fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..polls).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

#[tokio::test]
async fn a_copy_is_the_session_in_another_form() {
    let (from, to) = (Faulty::default(), Faulty::default());
    grow(&from.store(), 0..30).await;
    let copied = copy(&from.store(), &plain(&to)).await.unwrap();
    assert_eq!((copied.copied, copied.present, copied.deleted), (30, 0, 0));
    assert_eq!((copied.newest, copied.verified), (Some(index(29)), Some(30)));
    expect_equal(&from.store(), &to.store(), 31).await;
    // It is stored as deltas there too.
    let raw: usize = (0..30).map(|step| grown(step).len()).sum();
    assert!(copied.copied_bytes * 3 < raw as u64, "{} bytes for {raw}", copied.copied_bytes);
    // Both go on by themselves from here.
    grow(&to.store(), 30..32).await;
    assert_eq!(restore(&to.store(), "a/s").await.unwrap(), grown(31));
}

#[tokio::test]
async fn a_copy_is_continued_with_what_is_new() {
    let (from, to) = (Faulty::default(), Faulty::default());
    grow(&from.store(), 0..5).await;
    copy(&from.store(), &to.store()).await.unwrap();
    let again = copy(&from.store(), &to.store()).await.unwrap();
    assert_eq!((again.copied, again.present), (0, 5));
    grow(&from.store(), 5..9).await;
    delete(&from.store(), [1, 6]).await;
    let more = copy(&from.store(), &to.store()).await.unwrap();
    assert_eq!((more.copied, more.present, more.deleted), (3, 5, 1));
    expect_equal(&from.store(), &to.store(), 9).await;
    // What was deleted in the target stays deleted there.
    delete(&to.store(), [3]).await;
    copy(&from.store(), &to.store()).await.unwrap();
    assert_eq!(restore(&to.store(), "a/s@3").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn collected_and_compacted_sessions_are_copied() {
    let (from, to) = (Faulty::default(), Faulty::default());
    let store = from.store();
    grow(&store, 0..10).await;
    store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
    store.collect(&session("a/s")).await.unwrap();
    grow(&store, 10..24).await;
    delete(&store, [13, 14, 20]).await;
    store.compact(&session("a/s")).await.unwrap();
    grow(&store, 24..27).await;
    delete(&store, [26]).await;
    let copied = copy(&store, &to.store()).await.unwrap();
    assert_eq!(copied.copied, 13);
    // Nothing lies below where the source begins.
    assert!(!to.keys().iter().any(|key| key.ends_with("d/0000000003")), "{:?}", to.keys());
    expect_equal(&store, &to.store(), 32).await;
    // The copy can be collected, compacted and written to like any session.
    to.store().compact(&session("a/s")).await.unwrap();
    expect_equal(&store, &to.store(), 32).await;
    grow(&to.store(), 40..42).await;
    assert_eq!(restore(&to.store(), "a/s").await.unwrap(), grown(41));
}

#[tokio::test]
async fn a_second_copy_of_a_session_of_marks_writes_nothing() {
    let (from, to) = (Faulty::default(), Faulty::default());
    let store = from.store();
    grow(&store, 0..1).await;
    delete(&store, [0]).await;
    store.collect(&session("a/s")).await.unwrap();
    grow(&store, 1..2).await;
    // The mark that the collection left, and the snapshot after it.
    delete(&store, [1, 2]).await;
    copy_as_foretold(&store, &to).await.unwrap();
    copy_as_foretold(&store, &to).await.unwrap();
}

#[tokio::test]
async fn a_copied_deletion_leaves_nothing_even_of_a_whole_session() {
    let (from, to) = (Faulty::default(), Faulty::default());
    let store = from.store();
    grow(&store, 0..6).await;
    copy(&store, &to.store()).await.unwrap();
    store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
    store.collect(&session("a/s")).await.unwrap();
    // The source has collected all that the two had in common, so nothing shows that the target is a copy.
    let error = copy(&store, &to.store()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "copy_diverged"));
    to.store().delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
    let copied = copy(&store, &to.store()).await.unwrap();
    assert_eq!((copied.copied, copied.newest), (0, None));
    grow(&store, 6..8).await;
    copy(&store, &to.store()).await.unwrap();
    expect_equal(&store, &to.store(), 9).await;
}

#[tokio::test]
async fn a_target_that_went_its_own_way_is_a_conflict_and_stays() {
    for own in [1, 3, 5] {
        let (from, to) = (Faulty::default(), Faulty::default());
        grow(&from.store(), 0..3).await;
        copy(&from.store(), &to.store()).await.unwrap();
        grow(&from.store(), 3..6).await;
        delete(&from.store(), [0]).await;
        grow(&to.store(), 100..100 + own).await;
        let before = to.shelf().objects.clone();
        let error = copy(&from.store(), &to.store()).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "copy_diverged"));
        assert_eq!(to.shelf().objects, before);
    }
    // The same states saved twice are two sessions.
    let (from, to) = (Faulty::default(), Faulty::default());
    grow(&from.store(), 0..3).await;
    grow(&to.store(), 0..3).await;
    let error = copy(&from.store(), &to.store()).await.unwrap_err();
    assert!(error.to_string().contains("at index 0, the two are different"), "{error}");
}

#[tokio::test]
async fn a_copy_may_end_at_a_snapshot() {
    let (from, to) = (Faulty::default(), Faulty::default());
    grow(&from.store(), 0..8).await;
    delete(&from.store(), [2]).await;
    let mut options = CopyOptions::default();
    options.until = Some(index(4));
    let copied = from.store().copy_session(&to.store(), &session("a/s"), options, &|_| {}).await.unwrap();
    assert_eq!((copied.copied, copied.newest), (4, Some(index(4))));
    assert_eq!(list(&to.store(), "a/s").await, ["a/s@0", "a/s@1", "a/s@3", "a/s@4"]);
    for until in [2, 8] {
        options.until = Some(index(until));
        let error =
            from.store().copy_session(&to.store(), &session("a/s"), options, &|_| {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    copy(&from.store(), &to.store()).await.unwrap();
    expect_equal(&from.store(), &to.store(), 8).await;
}

#[tokio::test]
async fn a_copy_that_was_interrupted_anywhere_is_continued() {
    let from = Faulty::default();
    let store = from.store();
    grow(&store, 0..4).await;
    store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
    store.collect(&session("a/s")).await.unwrap();
    grow(&store, 4..9).await;
    delete(&store, [6, 8]).await;
    let mut crashes = 0;
    for polls in 1.. {
        let to = Faulty::default();
        if polled(copy(&store, &to.store()), polls).is_some() {
            break;
        }
        crashes += 1;
        copy(&store, &to.store()).await.unwrap();
        expect_equal(&store, &to.store(), 10).await;
    }
    assert!(crashes >= 7, "only {crashes} crashes");
}

#[tokio::test(start_paused = true)]
async fn lost_replies_and_requests_do_no_harm() {
    let (from, to) = (Faulty::default(), Faulty::default());
    grow(&from.store(), 0..12).await;
    delete(&from.store(), [3, 7]).await;
    to.fail_creates(&[
        Fault::LostReply,
        Fault::LostReply,
        Fault::LostRequest,
        Fault::LostReply,
        Fault::LostRequest,
        Fault::LostRequest,
        Fault::LostReply,
    ]);
    copy(&from.store(), &to.store()).await.unwrap();
    expect_equal(&from.store(), &to.store(), 12).await;
}

#[tokio::test]
async fn two_copies_at_once_make_one() {
    let (from, to) = (Faulty::default(), Faulty::default());
    grow(&from.store(), 0..12).await;
    let (one, other) = (from.store(), from.store());
    let (first, second) = (to.store(), plain(&to));
    let (one, other) = tokio::join!(copy(&one, &first), copy(&other, &second));
    assert_eq!(one.unwrap().newest, other.unwrap().newest);
    expect_equal(&from.store(), &to.store(), 12).await;
}

#[tokio::test]
async fn names_and_attachments_go_along() {
    let (from, to) = (Faulty::default(), Faulty::default());
    let store = from.store();
    for (step, name) in [(0, None), (1, Some("one")), (2, None), (3, Some("three"))] {
        let mut request = SaveRequest::new(session("a/s"), grown(step));
        request.name = name.map(|name| name.parse().unwrap());
        store.save(request).await.unwrap();
    }
    let attach = async |snapshot: &str, content: &str| {
        let mut request =
            AttachRequest::new(reference(snapshot), "notes".parse().unwrap(), content.to_owned());
        request.mode = AttachMode::Upsert;
        store.attach(request).await.unwrap();
    };
    attach("a/s@1", "first").await;
    attach("a/s@2", "goes").await;
    delete(&store, [2]).await;
    copy(&store, &to.store()).await.unwrap();
    attach("a/s@1", "second").await;
    copy(&store, &to.store()).await.unwrap();
    let target = to.store();
    for (name, expected) in [("one", 1), ("three", 3)] {
        let found = target.find_by_name(&session("a/s"), &name.parse().unwrap()).await.unwrap();
        assert_eq!(found.snapshot_index, index(expected));
        let mut again = SaveRequest::new(session("a/s"), "{}");
        again.name = Some(name.parse().unwrap());
        assert_eq!(target.save(again).await.unwrap_err().code(), "name_taken");
    }
    let read = target.read_attachment(&reference("a/s@1"), &"notes".parse().unwrap()).await.unwrap();
    assert_eq!(read.1, "second");
    assert!(!to.keys().iter().any(|key| key.contains("/w/0000000002/")), "{:?}", to.keys());
    expect_equal(&store, &target, 4).await;
}

#[tokio::test]
async fn a_damaged_source_is_named_and_nothing_wrong_is_copied() {
    let (from, to) = (Faulty::default(), Faulty::default());
    grow(&from.store(), 0..6).await;
    let key = "agents/a/s/d/0000000004";
    let mut object = from.shelf().objects[key].to_vec();
    let at = object.len() - 40;
    object[at] ^= 1;
    from.shelf().objects.insert(key.to_owned(), object.into());
    let error = copy(&from.store(), &to.store()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity);
    assert!(error.to_string().contains("a/s@4"), "{error}");
    assert_eq!(list(&to.store(), "a/s").await.len(), 4);
    let options = CopyOptions::default();
    let nothing = from.store().copy_session(&to.store(), &session("a/t"), options, &|_| {}).await;
    assert_eq!(nothing.unwrap_err().code(), "session_not_found");
}

#[tokio::test]
async fn a_fork_begins_with_the_state_and_names_its_origin() {
    let adapter = Faulty::default();
    let store = adapter.store();
    grow(&store, 0..4).await;
    let forked = store.fork(&reference("a/s@2"), &session("b/t")).await.unwrap();
    assert_eq!((forked.snapshot_index, forked.parent_index), (index(0), None));
    assert_eq!(forked.labels["step"], "2");
    assert_eq!(restore(&adapter.store(), "b/t").await.unwrap(), grown(2));
    let shown = adapter.store().show(&reference("b/t@0")).await.unwrap();
    assert_eq!(shown, forked);
    assert_eq!(shown.forked_from, Some(reference("a/s@2")));
    assert_eq!(store.show(&reference("a/s@2")).await.unwrap().forked_from, None);
    // It depends on nothing of where it came from.
    store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
    store.compact(&session("a/s")).await.unwrap();
    store.save(SaveRequest::new(session("b/t"), grown(9))).await.unwrap();
    assert_eq!(restore(&adapter.store(), "b/t@0").await.unwrap(), grown(2));
    let error = store.fork(&reference("a/s@2"), &session("b/u")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_fork_needs_a_session_that_never_was() {
    let adapter = Faulty::default();
    let store = adapter.store();
    grow(&store, 0..2).await;
    store.fork(&reference("a/s"), &session("a/t")).await.unwrap();
    let refused = |result: Result<_>| {
        let error: persist_host::Error = result.map(|_: persist_host::SnapshotInfo| ()).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "session_exists"));
    };
    refused(store.fork(&reference("a/s"), &session("a/t")).await);
    refused(store.fork(&reference("a/s"), &session("a/s")).await);
    store.delete(&session("a/t"), &DeleteTarget::All).await.unwrap();
    store.collect(&session("a/t")).await.unwrap();
    refused(store.fork(&reference("a/s"), &session("a/t")).await);
    // Of two at once, one comes first.
    let (one, other) = (adapter.store(), adapter.store());
    let (source, target) = (reference("a/s"), session("a/v"));
    let (one, other) = tokio::join!(one.fork(&source, &target), other.fork(&source, &target));
    assert!(one.is_ok() != other.is_ok());
    refused(if one.is_err() { one } else { other });
}

/// Copies; what the cheap look and the full check say before and after must be true.
async fn copy_as_foretold(from: &Store, to: &Faulty) -> Result<()> {
    let complete = from.copy_state(&to.store(), &session("a/s")).await.is_ok_and(|state| state.complete);
    let before = to.shelf().objects.clone();
    copy(from, &to.store()).await?;
    assert!(!complete || to.shelf().objects == before, "a complete copy had something to copy");
    let state = from.copy_state(&to.store(), &session("a/s")).await?;
    assert!(state.complete && state.missing == 0, "{state:?}");
    from.check_copy(&to.store(), &session("a/s")).await.map(drop)
}

#[derive(Clone, Debug)]
enum Step {
    Save,
    Delete(Vec<prop::sample::Index>),
    Collect,
    Compact,
    Copy,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Save),
        2 => prop::collection::vec(any::<prop::sample::Index>(), 1..4).prop_map(Step::Delete),
        1 => Just(Step::Collect),
        1 => Just(Step::Compact),
        2 => Just(Step::Copy),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_copy_gives_what_the_source_gives(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (from, to) = (Faulty::default(), Faulty::default());
            let store = from.store();
            let mut saved = 0;
            let mut end = 0;
            for step in steps {
                if saved == 0 {
                    grow(&store, 0..1).await;
                    saved = 1;
                }
                match step {
                    Step::Save => {
                        let request = SaveRequest::new(session("a/s"), grown(saved));
                        end = store.save(request).await.unwrap().snapshot_index.get();
                        saved += 1;
                    }
                    Step::Delete(chosen) => {
                        delete(&store, chosen.iter().map(|at| at.index(end as usize + 1) as u64)).await;
                    }
                    Step::Collect => drop(store.collect(&session("a/s")).await.unwrap()),
                    Step::Compact => drop(store.compact(&session("a/s")).await.unwrap()),
                    Step::Copy => match copy_as_foretold(&store, &to).await {
                        Ok(()) => expect_equal(&store, &to.store(), end + 2).await,
                        // All that both had was collected in the source.
                        Err(error) => {
                            assert_eq!(error.code(), "copy_diverged");
                            to.store().delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
                        }
                    },
                }
            }
            if copy(&store, &to.store()).await.is_ok() {
                expect_equal(&store, &to.store(), end + 2).await;
            }
        });
    }
}
