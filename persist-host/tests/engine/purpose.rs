//! What each read is said to be for: adapters that keep copies go by it, so decisions must never be contents.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use persist_host::{
    AttachRequest, AttachmentName, CopyOptions, DeleteTarget, Depth, ErrorKind, Result, SaveRequest,
    SnapshotInfo, Store, StoreOptions,
};
use persist_plugin_api::{
    self as plugin, BoxFuture, Capabilities, DynStorage, ErrorCode, ListPage, ListRequest, ObjectMeta,
    ReadPurpose, Result as Answer,
};

use crate::support::*;

/// A call of the adapter: its method, its key and its purpose.
type Call = (&'static str, String, ReadPurpose);

/// Writes down each call that passes through it.
#[derive(Clone)]
struct Recording {
    inner: Faulty,
    calls: Arc<Mutex<Vec<Call>>>,
    /// What stands in for the next object that is read as contents, like a damaged copy.
    damaged_copy: Arc<Mutex<Option<Bytes>>>,
    /// Whether what decides commits is down, so that only copies answer.
    is_down: Arc<AtomicBool>,
}

impl Recording {
    fn new(inner: &Faulty) -> Self {
        Self {
            inner: inner.clone(),
            calls: Arc::default(),
            damaged_copy: Arc::default(),
            is_down: Arc::default(),
        }
    }

    fn store(&self) -> Store {
        Store::new(StoreOptions { storage: Arc::new(self.clone()), ..self.inner.options() })
    }

    fn note(&self, method: &'static str, key: &str) -> ReadPurpose {
        let purpose = ReadPurpose::current();
        self.calls.lock().unwrap().push((method, key.to_owned(), purpose));
        purpose
    }

    /// The answer to a call that copies must not give, where nothing else can.
    fn refuse(&self, purpose: ReadPurpose) -> Answer<()> {
        if purpose == ReadPurpose::Decide && self.is_down.load(Ordering::Relaxed) {
            return Err(plugin::Error::new(ErrorCode::UNAVAILABLE, "connection refused"));
        }
        Ok(())
    }

    fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

impl DynStorage for Recording {
    fn capabilities<'a>(&'a self) -> BoxFuture<'a, Answer<Capabilities>> {
        Box::pin(async move {
            // Of what it can do, only what decides commits can tell.
            self.refuse(ReadPurpose::Decide)?;
            DynStorage::capabilities(&self.inner).await
        })
    }
    fn save<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Answer<()>> {
        self.note("save", key);
        DynStorage::save(&self.inner, key, data)
    }
    fn save_if_absent<'a>(&'a self, key: &'a str, data: Bytes) -> BoxFuture<'a, Answer<()>> {
        self.note("save_if_absent", key);
        DynStorage::save_if_absent(&self.inner, key, data)
    }
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Answer<Bytes>> {
        Box::pin(async move {
            let purpose = self.note("load", key);
            self.refuse(purpose)?;
            if purpose == ReadPurpose::Content
                && let Some(damaged) = self.damaged_copy.lock().unwrap().take()
            {
                return Ok(damaged);
            }
            DynStorage::load(&self.inner, key).await
        })
    }
    fn load_range<'a>(&'a self, key: &'a str, range: Range<u64>) -> BoxFuture<'a, Answer<Bytes>> {
        Box::pin(async move {
            self.refuse(self.note("load_range", key))?;
            DynStorage::load_range(&self.inner, key, range).await
        })
    }
    fn exists<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Answer<bool>> {
        Box::pin(async move {
            self.refuse(self.note("exists", key))?;
            DynStorage::exists(&self.inner, key).await
        })
    }
    fn stat<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Answer<ObjectMeta>> {
        Box::pin(async move {
            self.refuse(self.note("stat", key))?;
            DynStorage::stat(&self.inner, key).await
        })
    }
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Answer<()>> {
        self.note("delete", key);
        DynStorage::delete(&self.inner, key)
    }
    fn list<'a>(&'a self, request: ListRequest) -> BoxFuture<'a, Answer<ListPage>> {
        Box::pin(async move {
            self.refuse(self.note("list", &request.prefix.clone()))?;
            DynStorage::list(&self.inner, request).await
        })
    }
}

/// A state that shares nearly all with the one before, so that it is stored as a delta.
fn growing(step: u64) -> Bytes {
    let entries: Vec<String> = (0..=step * 10 + 40).map(|entry| format!("\"entry {entry}\"")).collect();
    format!("[{}]", entries.join(",")).into()
}

/// A session with deltas, a name, an attachment, a label, a deletion and a rewritten segment.
async fn history(store: &Store) {
    for step in 0..4 {
        let mut request = SaveRequest::new(session("a/s"), growing(step));
        if step == 2 {
            request.name = Some("named".parse().unwrap());
        }
        store.save(request).await.unwrap();
    }
    let note = AttachmentName::parse("note").unwrap();
    store.attach(AttachRequest::new(reference("a/s@1"), note, "an attachment")).await.unwrap();
    store.delete(&session("a/s"), &DeleteTarget::Indices([index(0)].into())).await.unwrap();
}

/// The kind of an object, by its key.
fn kind(key: &str) -> &str {
    if key == persist_host::key::MARKER {
        return "marker";
    }
    key.split('/').nth(3).unwrap_or(key)
}

#[tokio::test]
async fn whatever_changes_or_verifies_a_store_decides() {
    let recording = Recording::new(&Faulty::default());
    let store = recording.store();
    history(&store).await;
    let other = recording.store();
    other.compact(&session("a/s")).await.unwrap();
    // A process that knows nothing of the session reads what it builds on.
    let fresh = recording.store();
    fresh.save(SaveRequest::new(session("a/s"), growing(5))).await.unwrap();
    fresh.fork(&reference("a/s@2"), &session("a/fork")).await.unwrap();
    fresh.position(&session("a/s")).await.unwrap();
    fresh.collect(&session("a/s")).await.unwrap();
    let rows: Vec<_> = fresh.verify(&pattern(""), Depth::Data).try_collect().await.unwrap();
    assert!(rows.len() >= 4);
    let calls = recording.take();
    assert!(calls.len() > 50, "{}", calls.len());
    let loose: Vec<_> = calls.iter().filter(|call| call.2 != ReadPurpose::Decide).collect();
    assert!(loose.is_empty(), "{loose:#?}");
}

#[tokio::test]
async fn of_what_is_restored_only_the_objects_themselves_are_contents() {
    let recording = Recording::new(&Faulty::default());
    history(&recording.store()).await;
    recording.store().compact(&session("a/s")).await.unwrap();
    recording.take();
    let store = recording.store();
    assert_eq!(restore(&store, "a/s").await.unwrap(), growing(3));
    assert_eq!(restore(&store, "a/s@1").await.unwrap(), growing(1));
    store.restore_many(&session("a/s"), &[index(1), index(3)]).await.unwrap();
    store.read_attachments(&reference("a/s@1")).await.unwrap();
    store.show(&reference("a/s")).await.unwrap();
    store.find_by_name(&session("a/s"), &"named".parse().unwrap()).await.unwrap();
    let _: Vec<SnapshotInfo> = store.list(&pattern("")).try_collect().await.unwrap();
    let calls = recording.take();
    let contents: Vec<&Call> = calls.iter().filter(|call| call.2 == ReadPurpose::Content).collect();
    for (method, key, _) in &contents {
        assert!(*method == "load" && ["d", "g", "w"].contains(&kind(key)), "{method} {key}");
    }
    for wanted in ["g", "w"] {
        assert!(contents.iter().any(|call| kind(&call.1) == wanted), "no {wanted} among {contents:#?}");
    }
    // And the rest is looked up where the store is, for an operation that decides nothing.
    let decided: Vec<&Call> = calls.iter().filter(|call| call.2 == ReadPurpose::Decide).collect();
    assert!(decided.is_empty(), "{decided:#?}");
    assert!(calls.iter().any(|call| call.0 == "load" && kind(&call.1) == "marker"));
}

#[tokio::test]
async fn a_copy_is_made_from_the_source_itself() {
    let (from, to) = (Recording::new(&Faulty::default()), Recording::new(&Faulty::default()));
    history(&from.store()).await;
    from.take();
    let copied = from
        .store()
        .copy_session(&to.store(), &session("a/s"), CopyOptions::default(), &|_| {})
        .await
        .unwrap();
    assert_eq!(copied.copied, 3);
    // An old copy of an object, kept somewhere, would be made one that lasts.
    let calls = from.take();
    assert!(calls.iter().any(|call| call.0 == "load" && kind(&call.1) == "d"));
    assert!(calls.iter().all(|call| call.2 == ReadPurpose::Decide), "{calls:#?}");
    assert!(to.take().iter().all(|call| call.2 == ReadPurpose::Decide));
}

#[tokio::test]
async fn a_marker_that_was_only_consulted_is_read_again_before_a_save() {
    let recording = Recording::new(&Faulty::default());
    history(&recording.store()).await;
    let store = recording.store();
    restore(&store, "a/s").await.unwrap();
    recording.take();
    save(&store, "a/s", 9).await.unwrap();
    let markers: Vec<Call> = recording.take().into_iter().filter(|call| kind(&call.1) == "marker").collect();
    assert_eq!(markers.len(), 1, "{markers:?}");
    assert_eq!(markers[0].2, ReadPurpose::Decide);
}

#[tokio::test]
async fn damage_in_a_copy_is_not_the_last_word() -> Result<()> {
    let recording = Recording::new(&Faulty::default());
    history(&recording.store()).await;
    let store = recording.store();
    *recording.damaged_copy.lock().unwrap() = Some(Bytes::from_static(b"not what it was"));
    recording.take();
    assert_eq!(restore(&store, "a/s").await?, growing(3));
    let calls = recording.take();
    let last = calls.iter().rfind(|call| call.0 == "load" && kind(&call.1) == "d").unwrap();
    assert_eq!(last.2, ReadPurpose::Consult, "the storage itself was read: {calls:?}");
    // What the storage itself holds damaged stays damaged.
    let key = recording.inner.keys().into_iter().rfind(|key| kind(key) == "d").unwrap();
    recording.inner.shelf().objects.insert(key, Bytes::from_static(b"damage"));
    assert_eq!(restore(&store, "a/s").await.unwrap_err().kind(), ErrorKind::Integrity);
    Ok(())
}

#[tokio::test]
async fn what_only_shows_needs_no_more_than_copies() -> Result<()> {
    let recording = Recording::new(&Faulty::default());
    history(&recording.store()).await;
    recording.is_down.store(true, Ordering::Relaxed);
    let (own, second, note) = (session("a/s"), reference("a/s@1"), AttachmentName::parse("note").unwrap());
    // Each in a process that knows nothing yet.
    let store = || recording.store();
    let sessions: Vec<_> = store().sessions_to_show(&pattern("")).try_collect().await?;
    assert_eq!(sessions, std::slice::from_ref(&own));
    assert_eq!(store().sessions_to_show(&pattern("a/s")).try_collect::<Vec<_>>().await?, sessions);
    assert_eq!(store().stats(&own).await?.snapshots, 3);
    assert_eq!(store().list(&pattern("a")).try_collect::<Vec<_>>().await?.len(), 3);
    assert_eq!(store().list_from(&own, index(2)).try_collect::<Vec<_>>().await?.len(), 2);
    assert_eq!(store().show(&second).await?.snapshot_index, index(1));
    assert_eq!(store().restore(&second).await?.state, growing(1));
    assert_eq!(store().restore_many(&own, &[index(1)]).await?.len(), 1);
    assert_eq!(store().find_by_name(&own, &"named".parse().unwrap()).await?.snapshot_index, index(2));
    assert_eq!(store().attachments(&second).await?.len(), 1);
    assert_eq!(store().read_attachment(&second, &note).await?.1, "an attachment");
    assert_eq!(store().read_attachments(&second).await?.len(), 1);
    assert_eq!(store().read_attachments_of(&own, &[index(1)]).await?.len(), 1);
    // What decides does not go by a copy.
    let decided = store().sessions(&pattern("")).try_collect::<Vec<_>>().await;
    assert_eq!(decided.unwrap_err().kind(), ErrorKind::Unavailable);
    Ok(())
}
