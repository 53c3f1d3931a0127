//! A storage adapter in memory whose faults the tests choose, and stores over it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use persist_host::{
    CodecSource, Depth, Error, ErrorKind, RefPattern, Result, SaveRequest, SessionRef, SnapshotIndex,
    SnapshotInfo, SnapshotRef, Store, StoreOptions, Tuning, VerifyRow,
};
use persist_plugin_api::{
    self as plugin, Capabilities, DynCompression, ErrorCode, ListPage, ListRequest, ObjectMeta,
    StorageAdapter,
};

/// What happens to the next operation of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The write is applied and its reply is lost.
    LostReply,
    /// The write is applied, and may be lost again.
    NotDurable,
    /// The write times out without having been applied.
    LostRequest,
    /// The operation fails for certain.
    Refused,
    /// A read fails.
    Unreachable,
}

#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) objects: BTreeMap<String, Bytes>,
    pub(crate) create_faults: VecDeque<Fault>,
    pub(crate) load_faults: VecDeque<Fault>,
    /// How many objects were created.
    pub(crate) created: usize,
    /// Told when a creation begins (`true`) and when it ends.
    pub(crate) on_create: Option<Box<dyn Fn(bool) + Send>>,
    /// Requests by operation.
    pub(crate) requests: BTreeMap<&'static str, usize>,
}

/// Clones share the shelf, like processes share a bucket.
#[derive(Clone)]
pub(crate) struct Faulty {
    pub(crate) shelf: Arc<Mutex<Shelf>>,
    pub(crate) capabilities: Capabilities,
}

impl Default for Faulty {
    fn default() -> Self {
        let capabilities = Capabilities::none().atomic_create(true).durable(true).consistent_list(true);
        Self { shelf: Arc::default(), capabilities }
    }
}

impl Faulty {
    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap()
    }

    pub(crate) fn fail_creates(&self, faults: &[Fault]) {
        self.shelf().create_faults.extend(faults);
    }

    pub(crate) fn fail_loads(&self, faults: &[Fault]) {
        self.shelf().load_faults.extend(faults);
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.shelf().objects.keys().cloned().collect()
    }

    /// Another process's store over the same shelf.
    pub(crate) fn store(&self) -> Store {
        Store::new(self.options())
    }

    pub(crate) fn options(&self) -> StoreOptions {
        StoreOptions {
            name: "test".to_owned(),
            storage_name: "faulty".to_owned(),
            storage: Arc::new(self.clone()),
            codec_name: Some("rle".to_owned()),
            codecs: Arc::new(Codecs),
            single_writer: false,
            allow_volatile: false,
            tuning: Tuning::default(),
            observers: Vec::new(),
        }
    }

    fn tell_of_creation(&self, begins: bool) {
        if let Some(told) = &self.shelf().on_create {
            told(begins);
        }
    }

    fn count(&self, operation: &'static str) -> MutexGuard<'_, Shelf> {
        let mut shelf = self.shelf();
        *shelf.requests.entry(operation).or_default() += 1;
        shelf
    }
}

fn timeout() -> plugin::Error {
    plugin::Error::new(ErrorCode::TIMEOUT, "no reply")
}

impl StorageAdapter for Faulty {
    type Config = ();

    async fn open((): ()) -> plugin::Result<Self> {
        Ok(Self::default())
    }

    async fn capabilities(&self) -> plugin::Result<Capabilities> {
        Ok(self.capabilities.clone())
    }

    /// Where nothing is created atomically, this is what creates, and what the faults of creating happen to.
    async fn save(&self, key: &str, data: Bytes) -> plugin::Result<()> {
        let mut shelf = self.count("save");
        let fault = if self.capabilities.atomic_create { None } else { shelf.create_faults.pop_front() };
        if fault == Some(Fault::Refused) {
            return Err(plugin::Error::new(ErrorCode::NO_SPACE, "the disk is full").not_applied(true));
        }
        if fault != Some(Fault::LostRequest) {
            shelf.objects.insert(key.to_owned(), data);
        }
        match fault {
            None => Ok(()),
            Some(_) => Err(timeout()),
        }
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> plugin::Result<()> {
        let fault = self.count("create").create_faults.pop_front();
        match fault {
            Some(Fault::LostRequest) => return Err(timeout()),
            Some(Fault::Refused) => {
                return Err(plugin::Error::new(ErrorCode::NO_SPACE, "the disk is full").not_applied(true));
            }
            _ => {}
        }
        self.tell_of_creation(true);
        // Others get to run between a request and its effect.
        tokio::task::yield_now().await;
        self.tell_of_creation(false);
        {
            let mut shelf = self.shelf();
            let exists = shelf.objects.contains_key(key);
            if exists && fault != Some(Fault::NotDurable) {
                return Err(plugin::Error::already_exists(key));
            }
            if !exists {
                shelf.objects.insert(key.to_owned(), data);
                shelf.created += 1;
            }
        }
        match fault {
            Some(Fault::LostReply) => Err(timeout()),
            Some(Fault::NotDurable) => {
                Err(plugin::Error::new(ErrorCode::NOT_DURABLE, "the directory cannot be synced"))
            }
            _ => Ok(()),
        }
    }

    async fn load(&self, key: &str) -> plugin::Result<Bytes> {
        let mut shelf = self.count("load");
        if shelf.load_faults.pop_front().is_some() {
            return Err(plugin::Error::new(ErrorCode::UNAVAILABLE, "connection refused").retryable(true));
        }
        shelf.objects.get(key).cloned().ok_or_else(|| plugin::Error::not_found(key))
    }

    async fn stat(&self, key: &str) -> plugin::Result<ObjectMeta> {
        let shelf = self.count("stat");
        let size = shelf.objects.get(key).map(Bytes::len).ok_or_else(|| plugin::Error::not_found(key))?;
        Ok(ObjectMeta::new(key, size as u64))
    }

    async fn delete(&self, key: &str) -> plugin::Result<()> {
        self.count("delete").objects.remove(key);
        Ok(())
    }

    async fn list(&self, request: ListRequest) -> plugin::Result<ListPage> {
        let shelf = self.count("list");
        let all = shelf.objects.iter().map(|(key, data)| ObjectMeta::new(key, data.len() as u64));
        Ok(plugin::page_of_sorted(all, &request))
    }
}

/// Three codecs: run-length, one that forgets a byte, and none else.
pub(crate) struct Codecs;

impl CodecSource for Codecs {
    fn codec(&self, name: &str) -> Result<Arc<dyn DynCompression>> {
        match name {
            "rle" => Ok(Arc::new(RunLength)),
            "forgetful" => Ok(Arc::new(Forgetful)),
            _ => Err(Error::new(ErrorKind::Plugin, "plugin_missing", format!("no codec {name:?}"))),
        }
    }
}

struct RunLength;

impl plugin::CompressionAdapter for RunLength {
    type Config = ();

    fn open((): ()) -> plugin::Result<Self> {
        Ok(Self)
    }

    fn compress(&self, input: &[u8]) -> plugin::Result<Vec<u8>> {
        let runs = input.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(255));
        Ok(runs.flat_map(|run| [run.len() as u8, run[0]]).collect())
    }

    fn decompress(&self, input: &[u8], max_output: u64) -> plugin::Result<Vec<u8>> {
        let output: Vec<u8> = input
            .chunks_exact(2)
            .flat_map(|pair| std::iter::repeat_n(pair[1], usize::from(pair[0])))
            .collect();
        if output.len() as u64 > max_output {
            return Err(plugin::Error::new(ErrorCode::LIMIT_EXCEEDED, "too long"));
        }
        Ok(output)
    }
}

struct Forgetful;

impl plugin::CompressionAdapter for Forgetful {
    type Config = ();

    fn open((): ()) -> plugin::Result<Self> {
        Ok(Self)
    }

    fn compress(&self, input: &[u8]) -> plugin::Result<Vec<u8>> {
        Ok(input.iter().skip(1).copied().collect())
    }

    fn decompress(&self, input: &[u8], _: u64) -> plugin::Result<Vec<u8>> {
        Ok(input.to_vec())
    }
}

pub(crate) fn session(text: &str) -> SessionRef {
    text.parse().unwrap()
}

pub(crate) fn reference(text: &str) -> SnapshotRef {
    text.parse().unwrap()
}

pub(crate) fn pattern(text: &str) -> RefPattern {
    if text.is_empty() { RefPattern::default() } else { text.parse().unwrap() }
}

pub(crate) fn index(number: u64) -> SnapshotIndex {
    SnapshotIndex::new(number).unwrap()
}

/// A JSON state that names a step.
pub(crate) fn state(step: usize) -> Bytes {
    format!("{{\"step\":{step},\"pad\":\"{}\"}}", "x".repeat(300)).into()
}

pub(crate) async fn save(store: &Store, session_text: &str, step: usize) -> Result<SnapshotInfo> {
    store.save(SaveRequest::new(session(session_text), state(step))).await
}

pub(crate) async fn restore(store: &Store, text: &str) -> Result<Bytes> {
    store.restore(&reference(text)).await.map(|restored| restored.state)
}

pub(crate) async fn list(store: &Store, text: &str) -> Vec<String> {
    let rows: Vec<SnapshotInfo> = store.list(&pattern(text)).try_collect().await.unwrap();
    rows.iter().map(|row| format!("{}@{}", row.session(), row.snapshot_index)).collect()
}

pub(crate) async fn verify(store: &Store, text: &str) -> Vec<VerifyRow> {
    store.verify(&pattern(text), Depth::Data).try_collect().await.unwrap()
}

/// The rows of a listing, with the errors among them.
pub(crate) async fn list_results(store: &Store, text: &str) -> Vec<Result<SnapshotInfo>> {
    store.list(&pattern(text)).collect().await
}
