//! Observers: told of every operation once, of every call of the adapter, and able to refuse.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use persist_host::observe::{Observer, Operation, Outcome, StorageCall, Subject};
use persist_host::{
    AttachRequest, AttachmentName, Error, ErrorKind, Request, Result, SaveRequest, Store, StoreOptions,
};

use crate::support::*;

/// Writes down what it is told, a line each.
#[derive(Default)]
struct Notes {
    lines: Mutex<Vec<String>>,
    calls: Mutex<Vec<String>>,
    refuses: Option<Operation>,
}

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

impl Observer for Notes {
    fn begin(&self, subject: &Subject) -> Result<()> {
        if self.refuses == Some(subject.operation) {
            return Err(Error::new(ErrorKind::Unavailable, "no_notes", "there is no paper left"));
        }
        let line = format!("{} begins", subject.operation.name());
        self.lines.lock().unwrap().push(line);
        Ok(())
    }

    fn end(&self, subject: &Subject, outcome: &Outcome<'_>, _: Duration) {
        let facts = match outcome {
            Outcome::Succeeded(facts) => serde_json::to_string(facts).unwrap(),
            Outcome::Failed(error) => error.code().to_owned(),
            _ => String::new(),
        };
        let line = format!("{} {} {facts}", subject.operation.name(), outcome.name());
        self.lines.lock().unwrap().push(line);
    }

    fn storage_call(&self, call: &StorageCall<'_>) {
        let outcome = call.error.map_or("ok", |error| error.code().name());
        let outcome = if call.cancelled { "cancelled" } else { outcome };
        self.calls.lock().unwrap().push(format!("{} {} {} {outcome}", call.adapter, call.method, call.bytes));
    }
}

fn watched(adapter: &Faulty) -> (Arc<Notes>, Store) {
    let notes = Arc::new(Notes::default());
    (Arc::clone(&notes), Store::new(StoreOptions { observers: vec![notes], ..adapter.options() }))
}

#[tokio::test]
async fn each_operation_is_told_of_once_with_what_came_of_it() {
    let (notes, store) = watched(&Faulty::default());
    let saved = save(&store, "a/s", 0).await.unwrap();
    let facts = format!(
        r#"{{"snapshot_index":0,"content_hash":"{}","content_length":{},"stored_bytes":{},"count":null}}"#,
        saved.content_hash, saved.content_length, saved.stored_bytes
    );
    assert_eq!(notes.take(), ["save begins".to_owned(), format!("save ok {facts}")]);

    restore(&store, "a/s").await.unwrap();
    assert_eq!(notes.take(), ["restore begins".to_owned(), format!("restore ok {facts}")]);

    store.save(SaveRequest::new(session("a/s"), "{")).await.unwrap_err();
    assert_eq!(notes.take(), ["save begins", "save invalid_input invalid_json"]);

    list(&store, "a").await;
    assert_eq!(
        notes.take().pop().unwrap(),
        r#"list ok {"snapshot_index":null,"content_hash":null,"content_length":null,"stored_bytes":null,"count":1}"#
    );
}

#[tokio::test]
async fn an_operation_within_another_is_not_told_of() {
    let adapter = Faulty::default();
    save(&adapter.store(), "a/s", 0).await.unwrap();
    let (notes, store) = watched(&adapter);
    // It looks for the snapshot with `show`.
    let name = AttachmentName::parse("note").unwrap();
    store.attach(AttachRequest::new(reference("a/s@0"), name, "x")).await.unwrap();
    let lines = notes.take();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("attach ok "), "{lines:?}");
}

#[tokio::test]
async fn calls_of_the_adapter_are_told_of_with_their_bytes_and_errors() {
    let adapter = Faulty::default();
    let (notes, store) = watched(&adapter);
    let saved = save(&store, "a/s", 0).await.unwrap();
    adapter.fail_loads(&[Fault::Unreachable]);
    restore(&adapter.store(), "a/s").await.unwrap_err();
    adapter.fail_loads(&[Fault::Unreachable]);
    let (others, other) = watched(&adapter);
    restore(&other, "a/s").await.unwrap_err();
    let calls = notes.calls.lock().unwrap();
    assert!(calls.contains(&format!("faulty save_if_absent {} ok", saved.stored_bytes)), "{calls:?}");
    let calls = others.calls.lock().unwrap();
    assert!(calls.contains(&"faulty load 0 unavailable".to_owned()), "{calls:?}");
}

#[tokio::test]
async fn what_its_caller_gives_up_is_told_of_as_cancelled() {
    let (notes, store) = watched(&Faulty::default());
    // The first creation yields to others.
    assert!(save(&store, "a/s", 0).now_or_never().is_none());
    assert_eq!(notes.take(), ["save begins", "save cancelled "]);
    let calls = std::mem::take(&mut *notes.calls.lock().unwrap());
    assert!(calls.iter().any(|call| call.ends_with("cancelled")), "{calls:?}");

    for step in 0..3 {
        save(&store, "a/s", step).await.unwrap();
    }
    notes.take();
    let pattern = pattern("a");
    let mut rows = Box::pin(store.list(&pattern));
    rows.next().await.unwrap().unwrap();
    drop(rows);
    assert_eq!(notes.take(), ["list begins", "list cancelled "]);
}

#[tokio::test]
async fn damage_that_a_row_reports_is_the_outcome() {
    let adapter = Faulty::default();
    let (notes, store) = watched(&adapter);
    save(&store, "a/s", 0).await.unwrap();
    let key = adapter.keys().into_iter().find(|key| key.contains("/d/")).unwrap();
    adapter.shelf().objects.insert(key, "damaged".into());
    notes.take();
    verify(&store, "a").await;
    let lines = notes.take();
    assert!(lines[1].starts_with("verify integrity "), "{lines:?}");
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn an_observer_that_refuses_keeps_the_operation_from_being_done() {
    let adapter = Faulty::default();
    save(&adapter.store(), "a/s", 0).await.unwrap();
    let before = adapter.keys();
    let first = Arc::new(Notes::default());
    for operation in [Operation::Save, Operation::Restore, Operation::List] {
        let refusing = Arc::new(Notes { refuses: Some(operation), ..Notes::default() });
        let observers: Vec<Arc<dyn Observer>> = vec![Arc::clone(&first) as _, refusing];
        let store = Store::new(StoreOptions { observers, ..adapter.options() });
        let error = match operation {
            Operation::Save => save(&store, "a/s", 1).await.unwrap_err(),
            Operation::Restore => restore(&store, "a/s").await.unwrap_err(),
            _ => {
                let mut rows = list_results(&store, "a").await;
                assert_eq!(rows.len(), 1);
                rows.pop().unwrap().unwrap_err()
            }
        };
        assert_eq!(error.code(), "no_notes");
        assert_eq!(first.take()[1], format!("{} unavailable no_notes", operation.name()));
    }
    assert_eq!(adapter.keys(), before);
}

#[tokio::test]
async fn the_callers_request_is_kept_and_others_get_an_id_of_their_own() {
    struct Ids(Mutex<Vec<String>>);
    impl Observer for Ids {
        fn end(&self, subject: &Subject, _: &Outcome<'_>, _: Duration) {
            self.0.lock().unwrap().push(subject.request_id.to_string());
        }
    }
    let ids = Arc::new(Ids(Mutex::default()));
    let observers: Vec<Arc<dyn Observer>> = vec![Arc::clone(&ids) as _];
    let store = Store::new(StoreOptions { observers, ..Faulty::default().options() });
    Request::with_id("mine").scope(save(&store, "a/s", 0)).await.unwrap();
    save(&store, "a/s", 1).await.unwrap();
    save(&store, "a/s", 2).await.unwrap();
    let ids = ids.0.lock().unwrap();
    assert_eq!(ids[0], "mine");
    assert!(ids[1] != ids[2] && ids[1].len() == 32, "{ids:?}");
}
