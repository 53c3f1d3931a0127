//! A store in memory whose calls are counted, and that can be switched off.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use persist_plugin_api::{
    Bytes, Capabilities, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Part, ReadPurpose, Request,
    Result, StorageAdapter, check_key, page_of_sorted,
};
use tokio::sync::Barrier;

/// How often others come first when snapshots are late.
const LATE: usize = 50;

/// The marker's key, as the format has it.
pub(crate) const MARKER: &str = "persist-store.json";

/// Clones share everything, like processes share a server.
#[derive(Clone, Default)]
pub(crate) struct Place(Arc<Inner>);

#[derive(Default)]
struct Inner {
    objects: Mutex<BTreeMap<String, Bytes>>,
    calls: Mutex<Vec<(&'static str, String, ReadPurpose)>>,
    down: AtomicBool,
    full: AtomicBool,
    loses_replies: AtomicBool,
    late: AtomicBool,
    /// Where those that load the marker wait for each other.
    meeting: Mutex<Option<Arc<Barrier>>>,
}

impl Place {
    pub(crate) fn part(&self) -> Part {
        Part::new(Arc::new(self.clone()))
    }

    pub(crate) fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.objects.lock().unwrap()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects().keys().cloned().collect()
    }

    /// Whether it answers.
    pub(crate) fn down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    /// Whether it refuses to take more.
    pub(crate) fn full(&self, full: bool) {
        self.0.full.store(full, Ordering::SeqCst);
    }

    /// Whether it does what it is asked and then does not say so.
    pub(crate) fn loses_replies(&self, loses: bool) {
        self.0.loses_replies.store(loses, Ordering::SeqCst);
    }

    /// Whether snapshots come later than all else.
    pub(crate) fn snapshots_are_late(&self, late: bool) {
        self.0.late.store(late, Ordering::SeqCst);
    }

    /// Lets nobody have the marker before so many want it.
    pub(crate) fn marker_waits_for(&self, number: usize) {
        *self.0.meeting.lock().unwrap() = Some(Arc::new(Barrier::new(number)));
    }

    /// The calls since the last time, as `method key`.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        let calls = std::mem::take(&mut *self.0.calls.lock().unwrap());
        calls.into_iter().map(|(method, key, _)| format!("{method} {key}")).collect()
    }

    /// The reads since the last time that were said to be for something else than deciding.
    pub(crate) fn loose_reads(&self) -> Vec<String> {
        let calls = std::mem::take(&mut *self.0.calls.lock().unwrap());
        let loose = calls.into_iter().filter(|call| call.2 != ReadPurpose::Decide);
        loose.map(|(method, key, _)| format!("{method} {key}")).collect()
    }

    fn called(&self, method: &'static str, key: &str) -> Result<MutexGuard<'_, BTreeMap<String, Bytes>>> {
        self.0.calls.lock().unwrap().push((method, key.to_owned(), ReadPurpose::current()));
        if self.0.down.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorCode::UNAVAILABLE, "connection refused").not_applied(true));
        }
        if method.starts_with("save") && self.0.full.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorCode::NO_SPACE, "no room").not_applied(true));
        }
        if !["capabilities", "list"].contains(&method) {
            check_key(key)?;
        }
        Ok(self.objects())
    }

    fn reply(&self) -> Result<()> {
        match self.0.loses_replies.load(Ordering::SeqCst) {
            true => Err(Error::new(ErrorCode::TIMEOUT, "no reply")),
            false => Ok(()),
        }
    }
}

impl StorageAdapter for Place {
    type Config = ();

    async fn open((): ()) -> Result<Self> {
        Ok(Self::default())
    }
    async fn capabilities(&self) -> Result<Capabilities> {
        drop(self.called("capabilities", "")?);
        let claimed = Capabilities::none().atomic_create(true).durable(true).consistent_list(true);
        Ok(claimed.ordered_recursive_list(true))
    }
    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        self.called("save", key)?.insert(key.to_owned(), data);
        self.reply()
    }
    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        let mut objects = self.called("save_if_absent", key)?;
        if objects.contains_key(key) {
            return Err(Error::already_exists(key));
        }
        objects.insert(key.to_owned(), data);
        self.reply()
    }
    async fn load(&self, key: &str) -> Result<Bytes> {
        let meeting = self.0.meeting.lock().unwrap().clone().filter(|_| key == MARKER);
        if let Some(meeting) = meeting {
            meeting.wait().await;
        }
        if self.0.late.load(Ordering::SeqCst) && key.contains("/d/") {
            for _ in 0..LATE {
                tokio::task::yield_now().await;
            }
        }
        self.called("load", key)?.get(key).cloned().ok_or_else(|| Error::not_found(key))
    }
    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        let objects = self.called("stat", key)?;
        let object = objects.get(key).ok_or_else(|| Error::not_found(key))?;
        Ok(ObjectMeta::new(key, object.len() as u64))
    }
    async fn delete(&self, key: &str) -> Result<()> {
        self.called("delete", key)?.remove(key);
        self.reply()
    }
    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        let objects = self.called("list", &request.prefix)?;
        let all = objects.iter().map(|(key, data)| ObjectMeta::new(key, data.len() as u64));
        Ok(page_of_sorted(all, &request))
    }
}

/// Runs a call as the engine makes it: for a purpose, as a part of a request of its own.
pub(crate) async fn asked<T>(purpose: ReadPurpose, call: impl Future<Output = T>) -> T {
    use std::sync::atomic::AtomicU64;
    static REQUESTS: AtomicU64 = AtomicU64::new(0);
    let id = REQUESTS.fetch_add(1, Ordering::SeqCst).to_string();
    Request::with_id(id).scope(purpose.scope(call)).await
}
