//! Migrating whole stores, and the two questions that it asks of each session.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use persist_host::observe::{Observer, Operation, Subject};
use persist_host::{
    AttachRequest, DeleteTarget, ErrorKind, MigrateOptions, Migrated, Migration, MigrationRow,
    MigrationSummary, Result, SaveRequest, Store, StoreOptions,
};

use crate::support::{Fault, Faulty, index, reference, save, session, verify};

fn checked() -> MigrateOptions {
    let mut options = MigrateOptions::default();
    options.verify = true;
    options
}

fn dry() -> MigrateOptions {
    let mut options = MigrateOptions::default();
    options.dry_run = true;
    options
}

/// A store with sessions of all sorts: `a/s` with `snapshots` of them, all with a name and a label.
async fn filled(snapshots: usize) -> Faulty {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..snapshots {
        let mut request = SaveRequest::new(session("a/s"), format!("{{\"step\":{step},\"of\":\"a/s\"}}"));
        request.name = Some(format!("step {step}").parse().unwrap());
        request.labels.insert("step".to_owned(), step.to_string());
        store.save(request).await.unwrap();
    }
    for (at, text) in [(1, "first"), (1, "second"), (3, "kept")] {
        let name = format!("note {at}").parse().unwrap();
        store.attach(AttachRequest::new(reference(&format!("a/s@{at}")), name, text)).await.unwrap();
    }
    let changes = BTreeMap::from([("state".to_owned(), Some("good".to_owned()))]);
    store.label(&reference("a/s@1"), changes).await.unwrap();
    store.delete(&session("a/s"), &DeleteTarget::Indices([index(2)].into())).await.unwrap();
    store.fork(&reference("a/s@1"), &session("a/fork")).await.unwrap();
    for step in 0..3 {
        save(&store, "b/t", step).await.unwrap();
    }
    store.delete(&session("b/t"), &DeleteTarget::All).await.unwrap();
    store.collect(&session("b/t")).await.unwrap();
    save(&store, &format!("b/{}", "long".repeat(40)), 7).await.unwrap();
    adapter
}

/// The sessions of a filled store.
const SESSIONS: usize = 4;

async fn rows(from: &Store, to: &Store, options: MigrateOptions) -> Vec<MigrationRow> {
    from.migrate(to, options, &|_| {}).await.unwrap().try_collect().await.unwrap()
}

async fn migrate(from: &Store, to: &Store, options: MigrateOptions) -> Vec<Result<Migrated>> {
    rows(from, to, options).await.into_iter().map(|row| row.result).collect()
}

fn kinds(rows: &[Result<Migrated>]) -> Vec<Migration> {
    rows.iter().map(|row| row.as_ref().unwrap().migration).collect()
}

fn plain(adapter: &Faulty) -> Store {
    Store::new(StoreOptions { name: "plain".to_owned(), codec_name: None, ..adapter.options() })
}

#[tokio::test]
async fn a_store_is_migrated_once_and_then_recognised() {
    let (from, to) = (filled(40).await, Faulty::default());
    let before = from.shelf().objects.clone();
    let rows = rows(&from.store(), &plain(&to), MigrateOptions::default()).await;
    let mut sums = MigrationSummary::default();
    rows.iter().for_each(|row| sums.add(row));
    assert_eq!((sums.sessions, sums.copied_sessions, sums.failed_sessions), (SESSIONS as u64, 4, 0));
    assert_eq!((sums.copied, sums.verified), (39 + 1 + 1, 39 + 1 + 1));
    assert!(sums.state_bytes > 0 && sums.copied_bytes > 0);
    let names: Vec<String> =
        rows.iter().filter_map(|row| row.session.as_ref()).map(ToString::to_string).collect();
    assert_eq!(names[..3], ["a/fork", "a/s", &format!("b/{}", "long".repeat(40))].map(str::to_owned));

    // Again it reads a few objects of each session, however long that is, and writes none.
    let held = to.shelf().objects.clone();
    let created = to.shelf().created;
    let loads = |adapter: &Faulty| adapter.shelf().requests.get("load").copied().unwrap_or(0);
    let read = loads(&from) + loads(&to);
    let again = migrate(&from.store(), &plain(&to), MigrateOptions::default()).await;
    assert_eq!(kinds(&again), [Migration::Present; SESSIONS]);
    assert!(loads(&from) + loads(&to) - read <= 16 * SESSIONS, "{} reads", loads(&from) + loads(&to) - read);
    assert_eq!(to.shelf().objects, held);
    assert_eq!(to.shelf().created, created);

    let verified = migrate(&from.store(), &plain(&to), checked()).await;
    assert_eq!(kinds(&verified), [Migration::Present; SESSIONS]);
    let verified: u64 = verified.iter().filter_map(|row| row.as_ref().ok()?.verified).sum();
    assert_eq!(verified, 41);
    assert_eq!(from.shelf().objects, before, "the source was written to");
}

#[tokio::test]
async fn a_migration_that_dies_anywhere_is_continued() {
    let from = filled(6).await;
    let mut died = 0;
    for polls in 1.. {
        let to = Faulty::default();
        let (source, target) = (from.store(), to.store());
        let future = migrate(&source, &target, MigrateOptions::default());
        let ended = polled(future, polls).await.is_some();
        // Another process goes on.
        let rows = migrate(&from.store(), &to.store(), checked()).await;
        assert!(rows.iter().all(Result::is_ok), "after {polls}: {rows:?}");
        assert!(verify(&to.store(), "").await.iter().all(|row| row.error.is_none()));
        let name = "step 5".parse().unwrap();
        let found = to.store().find_by_name(&session("a/s"), &name).await.unwrap();
        assert_eq!(found.snapshot_index, index(5));
        let again = migrate(&from.store(), &to.store(), MigrateOptions::default()).await;
        assert_eq!(kinds(&again), [Migration::Present; SESSIONS], "after {polls}");
        if ended {
            break;
        }
        died += 1;
    }
    assert!(died > 10, "it died {died} times");
}

/// What `future` comes to if it is polled at most `polls` times, and dropped then as by a crash.
async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| match left.checked_sub(1) {
        Some(less) => {
            left = less;
            future.as_mut().poll(context).map(Some)
        }
        None => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn writes_that_fail_leave_what_the_next_run_completes() {
    let from = filled(5).await;
    for fault in [Fault::Refused, Fault::LostReply, Fault::LostRequest] {
        let to = Faulty::default();
        to.fail_creates(&[fault; 9]);
        let first = rows(&from.store(), &to.store(), MigrateOptions::default()).await;
        assert_eq!(first.len(), SESSIONS);
        to.shelf().create_faults.clear();
        let second = migrate(&from.store(), &to.store(), checked()).await;
        assert!(second.iter().all(Result::is_ok), "{fault:?}: {second:?}");
    }
}

#[tokio::test]
async fn what_is_saved_meanwhile_is_told_and_moved_by_the_next_run() {
    let (from, to) = (Faulty::default(), Faulty::default());
    for step in 0..20 {
        save(&from.store(), "a/s", step).await.unwrap();
    }
    for options in [MigrateOptions::default(), checked()] {
        let writer = from.store();
        let (source, target) = (from.store(), to.store());
        let copied = AtomicUsize::new(0);
        // The first snapshot that is copied is followed by another one in the source.
        let progress = |_| {
            if copied.fetch_add(1, Ordering::Relaxed) == 0 {
                let mut saving = pin!(save(&writer, "a/s", 99));
                let mut context = Context::from_waker(Waker::noop());
                let saved = (0..1_000).find_map(|_| match saving.as_mut().poll(&mut context) {
                    Poll::Ready(saved) => Some(saved),
                    Poll::Pending => None,
                });
                assert!(saved.unwrap().is_ok());
            }
        };
        let mut rows = Box::pin(source.migrate(&target, options, &progress).await.unwrap());
        let row = rows.next().await.unwrap().unwrap().result.unwrap();
        assert!(row.went_on, "{row:?}");
        assert_eq!(row.copied as usize, copied.load(Ordering::Relaxed));
        assert!(rows.next().await.is_none());
    }
    let last = migrate(&from.store(), &to.store(), checked()).await;
    let last = last.into_iter().next().unwrap().unwrap();
    assert_eq!((last.copied, last.verified, last.went_on), (1, Some(22), false));
}

#[tokio::test]
async fn verifying_names_whatever_is_different() {
    type Change = for<'a> fn(&'a Faulty) -> futures_util::future::BoxFuture<'a, ()>;
    let changes: [(&str, &str, Change); 5] = [
        ("a/s@3", "different labels", |to| {
            async {
                let changes = BTreeMap::from([("step".to_owned(), None)]);
                to.store().label(&reference("a/s@3"), changes).await.unwrap();
            }
            .boxed()
        }),
        ("a/s@4", "only in the source", |to| {
            async {
                let target = DeleteTarget::Indices([index(4)].into());
                to.store().delete(&session("a/s"), &target).await.unwrap();
            }
            .boxed()
        }),
        ("a/s@5", "different attachment \"own\"", |to| {
            async {
                let request = AttachRequest::new(reference("a/s@5"), "own".parse().unwrap(), "x");
                to.store().attach(request).await.unwrap();
            }
            .boxed()
        }),
        ("a/s@1", "damaged", |to| {
            async {
                let key = "agents/a/s/d/0000000001";
                let mut object = to.shelf().objects[key].to_vec();
                let at = object.len() - 20;
                object[at] ^= 1;
                to.shelf().objects.insert(key.to_owned(), object.into());
            }
            .boxed()
        }),
        ("a/fork@0", "", |to| {
            async {
                to.shelf().objects.remove("agents/a/fork/d/0000000000");
            }
            .boxed()
        }),
    ];
    let from = filled(6).await;
    for (place, what, change) in changes {
        let to = Faulty::default();
        migrate(&from.store(), &to.store(), MigrateOptions::default()).await;
        change(&to).await;
        let rows = rows(&from.store(), &to.store(), checked()).await;
        let errors: Vec<_> = rows.iter().filter_map(|row| row.result.as_ref().err()).collect();
        if what.is_empty() {
            // What is missing as a whole is copied again.
            assert!(errors.is_empty(), "{place}: {errors:?}");
            assert_eq!(rows[0].result.as_ref().unwrap().copied, 1);
            continue;
        }
        assert_eq!(errors.len(), 1, "{place}: {errors:?}");
        assert_eq!(errors[0].kind(), ErrorKind::Integrity);
        let text = errors[0].to_string();
        assert!(text.contains(place) && text.contains(what), "{text}");
    }
}

#[tokio::test]
async fn what_differs_in_the_target_stays_and_the_others_are_migrated() {
    let (from, to) = (filled(4).await, Faulty::default());
    save(&to.store(), "a/s", 1).await.unwrap();
    save(&to.store(), "z/own", 1).await.unwrap();
    let own = |to: &Faulty| -> Vec<_> {
        let shelf = to.shelf();
        let own = shelf.objects.iter().filter(|(key, _)| key.contains("a/s/") || key.contains("z/own/"));
        own.map(|(key, object)| (key.clone(), object.clone())).collect()
    };
    let before = own(&to);
    for options in [MigrateOptions::default(), checked(), dry()] {
        let rows = rows(&from.store(), &to.store(), options).await;
        for row in rows {
            match row.result {
                Ok(_) => assert_ne!(row.session, Some(session("a/s"))),
                Err(error) => {
                    assert_eq!(row.session, Some(session("a/s")));
                    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "copy_diverged"));
                }
            }
        }
    }
    assert_eq!(own(&to), before);
    // A directory that is no session's is a row of its own.
    from.shelf().objects.insert("agents/a/%/d/0000000000".to_owned(), "x".into());
    let rows = rows(&from.store(), &to.store(), dry()).await;
    let stray = rows.iter().find(|row| row.session.is_none()).unwrap();
    assert_eq!(stray.result.as_ref().unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(rows.len(), SESSIONS + 1);
}

#[tokio::test]
async fn a_dry_run_tells_and_writes_nothing() {
    let (from, to) = (filled(5).await, Faulty::default());
    let planned = migrate(&from.store(), &to.store(), dry()).await;
    assert_eq!(kinds(&planned), [Migration::Planned; SESSIONS]);
    let missing: Vec<_> = planned.iter().filter_map(|row| row.as_ref().ok()?.missing).collect();
    assert_eq!(missing[..2], [1, 4]);
    assert!(to.keys().is_empty());
    migrate(&from.store(), &to.store(), MigrateOptions::default()).await;
    save(&from.store(), "a/s", 9).await.unwrap();
    let planned = migrate(&from.store(), &to.store(), dry()).await;
    assert_eq!(kinds(&planned)[1], Migration::Planned);
    assert_eq!(planned[1].as_ref().unwrap().missing, Some(1));
    assert_eq!(kinds(&planned).iter().filter(|kind| **kind == Migration::Present).count(), SESSIONS - 1);
}

#[tokio::test]
async fn a_store_is_not_migrated_into_itself_nor_to_what_does_not_last() {
    let from = filled(4).await;
    let refused = |result: Result<_>| {
        let error = result.err().unwrap();
        (error.kind(), error.code())
    };
    let nothing = |_| {};
    let (source, same) = (from.store(), plain(&from));
    let itself = source.migrate(&same, MigrateOptions::default(), &nothing).await.map(drop);
    assert_eq!(refused(itself), (ErrorKind::Usage, "migrate_into_itself"));
    let mut volatile = Faulty::default();
    volatile.capabilities = volatile.capabilities.durable(false);
    let volatile = volatile.store();
    let lost = source.migrate(&volatile, MigrateOptions::default(), &nothing).await.map(drop);
    assert_eq!(refused(lost), (ErrorKind::InvalidInput, "storage_not_durable"));
    let empty = Faulty::default().store();
    let none = empty.migrate(&source, MigrateOptions::default(), &nothing).await.map(drop);
    assert_eq!(refused(none), (ErrorKind::NotFound, "store_not_found"));
}

#[tokio::test]
async fn what_was_attached_in_the_target_is_a_conflict_and_stays() {
    let (from, to) = (filled(6).await, Faulty::default());
    migrate(&from.store(), &to.store(), MigrateOptions::default()).await;
    let request = AttachRequest::new(reference("a/s@1"), "note 1".parse().unwrap(), "the target's");
    to.store().attach(request).await.unwrap();
    let before = to.shelf().objects.clone();
    for options in [MigrateOptions::default(), checked()] {
        for row in rows(&from.store(), &to.store(), options).await {
            let own = row.session == Some(session("a/s"));
            assert_eq!(
                row.result.as_ref().err().map(persist_host::Error::code),
                own.then_some("copy_diverged")
            );
        }
        assert_eq!(to.shelf().objects, before);
    }
    // Once both agree, it goes on, also back again.
    let agreed = AttachRequest::new(reference("a/s@1"), "note 1".parse().unwrap(), "the target's");
    from.store().attach(agreed).await.unwrap();
    assert!(migrate(&from.store(), &to.store(), checked()).await.iter().all(Result::is_ok));
    let newer = AttachRequest::new(reference("a/s@3"), "note 3".parse().unwrap(), "newer");
    to.store().attach(newer).await.unwrap();
    assert!(migrate(&to.store(), &from.store(), checked()).await.iter().all(Result::is_ok));
    let read = from.store().read_attachment(&reference("a/s@3"), &"note 3".parse().unwrap()).await.unwrap();
    assert_eq!(read.1, "newer");
}

#[tokio::test]
async fn attachments_that_change_in_the_source_are_kept_up_to_date() {
    let (from, to) = (filled(6).await, Faulty::default());
    let name = "note 1".parse().unwrap();
    for round in 0..5 {
        // The source keeps its first and its newest version alone: what was copied before is none of them.
        for step in 0..2 {
            let content = format!("round {round}, step {step}");
            let request = AttachRequest::new(reference("a/s@1"), "note 1".parse().unwrap(), content);
            from.store().attach(request).await.unwrap();
        }
        let migrated = migrate(&from.store(), &to.store(), checked()).await;
        assert!(migrated.iter().all(Result::is_ok), "{migrated:?}");
        let read = to.store().read_attachment(&reference("a/s@1"), &name).await.unwrap();
        assert_eq!(read.1, format!("round {round}, step 1"));
    }
}

#[tokio::test]
async fn a_label_that_the_source_changed_has_its_value_and_others_are_told() {
    let (from, to) = (filled(6).await, Faulty::default());
    migrate(&from.store(), &to.store(), MigrateOptions::default()).await;
    let label = async |name: &str| {
        let changes = BTreeMap::from([(name.to_owned(), Some("the target's".to_owned()))]);
        to.store().label(&reference("a/s@1"), changes).await.unwrap();
    };
    label("state").await;
    assert!(migrate(&from.store(), &to.store(), checked()).await.iter().all(Result::is_ok));
    assert_eq!(to.store().show(&reference("a/s@1")).await.unwrap().labels["state"], "good");
    label("step").await;
    let told = migrate(&from.store(), &to.store(), checked()).await;
    let error = told.iter().find_map(|row| row.as_ref().err()).unwrap();
    assert_eq!(error.code(), "copy_differs");
    assert_eq!(to.store().show(&reference("a/s@1")).await.unwrap().labels["step"], "the target's");
}

/// Labels a snapshot of the source when the first check begins.
struct LabelsBeforeCheck {
    source: Faulty,
    checks: AtomicUsize,
}

impl Observer for LabelsBeforeCheck {
    fn begin(&self, subject: &Subject) -> Result<()> {
        if subject.operation == Operation::CheckCopy && self.checks.fetch_add(1, Ordering::Relaxed) == 0 {
            let store = self.source.store();
            let changes = BTreeMap::from([("late".to_owned(), Some("yes".to_owned()))]);
            let (snapshot, mut context) = (reference("a/s@1"), Context::from_waker(Waker::noop()));
            let mut labelling = pin!(store.label(&snapshot, changes));
            assert!((0..1_000).any(|_| labelling.as_mut().poll(&mut context).is_ready()));
        }
        Ok(())
    }
}

#[tokio::test]
async fn what_was_copied_after_a_check_is_told_as_copied() {
    let (from, to) = (Faulty::default(), Faulty::default());
    for step in 0..4 {
        save(&from.store(), "a/s", step).await.unwrap();
    }
    migrate(&from.store(), &to.store(), MigrateOptions::default()).await;
    let labels = Arc::new(LabelsBeforeCheck { source: from.clone(), checks: AtomicUsize::new(0) });
    let source = Store::new(StoreOptions { observers: vec![labels.clone()], ..from.options() });
    let migrated = migrate(&source, &to.store(), checked()).await.remove(0).unwrap();
    assert_eq!((migrated.migration, migrated.verified), (Migration::Copied, Some(4)));
    assert_eq!(labels.checks.load(Ordering::Relaxed), 2);
    assert_eq!(to.store().show(&reference("a/s@1")).await.unwrap().labels["late"], "yes");
}

#[tokio::test]
async fn a_session_without_a_record_is_present_and_empty() {
    let (from, to) = (filled(4).await, Faulty::default());
    // What a first save leaves that ended after it had claimed its name, and a copy that had only begun.
    let mut request = SaveRequest::new(session("a/claim"), "{}");
    request.name = Some("claimed".parse().unwrap());
    from.store().save(request).await.unwrap();
    save(&from.store(), "a/manifest", 0).await.unwrap();
    from.store().delete(&session("a/manifest"), &DeleteTarget::Indices([index(0)].into())).await.unwrap();
    from.shelf().objects.retain(|key, _| {
        !key.contains("/d/") || !["a/claim/", "a/manifest/"].iter().any(|own| key.contains(own))
    });
    for left in ["agents/a/claim/", "agents/a/manifest/"] {
        assert!(from.keys().iter().any(|key| key.starts_with(left)), "{left}: {:?}", from.keys());
    }
    for options in [dry(), MigrateOptions::default(), MigrateOptions::default(), checked()] {
        let rows = rows(&from.store(), &to.store(), options).await;
        assert_eq!(rows.len(), SESSIONS + 2);
        for row in rows {
            let empty = row
                .session
                .as_ref()
                .is_some_and(|own| *own == session("a/claim") || *own == session("a/manifest"));
            let migrated = row.result.unwrap();
            if empty {
                assert_eq!((migrated.migration, migrated.copied), (Migration::Present, 0));
            }
        }
    }
    // What the target has of its own is no copy of nothing.
    save(&to.store(), "a/claim", 1).await.unwrap();
    for options in [dry(), MigrateOptions::default(), checked()] {
        let rows = rows(&from.store(), &to.store(), options).await;
        let errors: Vec<_> = rows.iter().filter_map(|row| row.result.as_ref().err()).collect();
        assert!(errors.len() == 1 && errors[0].code() == "copy_diverged", "{errors:?}");
    }
}
