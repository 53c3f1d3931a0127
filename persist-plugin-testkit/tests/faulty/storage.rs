//! A storage adapter in memory with a fault of choice.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use persist_plugin_api::{
    Bytes, Capabilities, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter,
    check_key, page_of_sorted,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StorageFault {
    None,
    CreateOverwrites,
    CreateChecksFirst,
    SaveInTwoSteps,
    RangeMustBeInside,
    AcceptsAnyKey,
    FoldsCase,
    PagesLoseAnEntry,
    PrefixIsADirectory,
    IgnoresStartAfter,
    ListsInReverse,
    DeletesOnlyWhatIsThere,
    DeletesNeighbours,
    ExistsIsTrue,
    /// A load that is dropped keeps the only permit there is.
    ReadsKeepPermits,
    /// Computes a range's length without looking.
    RangesMustAscend,
    /// Looks up what a continuation names.
    TrustsContinuations,
    ListsNeighbours,
    ClaimsChange,
    /// Claims a bound that nothing enforces.
    BoundIsNone,
    /// Claims durability, though each adapter has objects of its own.
    ForgetsWhenReopened,
    /// Claims durability, and creates in memory before it looks at what others created.
    CreatesPerAdapter,
}

type Objects = Mutex<BTreeMap<String, Bytes>>;

pub(crate) struct FaultyStorage {
    objects: Arc<Objects>,
    reading: AtomicBool,
    asked: AtomicU64,
    durable: bool,
    created: Objects,
    fault: StorageFault,
}

impl FaultyStorage {
    pub(crate) fn new(fault: StorageFault) -> Self {
        Self {
            objects: Arc::default(),
            reading: AtomicBool::default(),
            asked: AtomicU64::default(),
            durable: false,
            created: Objects::default(),
            fault,
        }
    }

    /// An adapter over objects that others have, too, and that claims durability therefore.
    pub(crate) fn shared(objects: &Arc<Objects>, fault: StorageFault) -> Self {
        let objects = match fault {
            StorageFault::ForgetsWhenReopened => Arc::default(),
            _ => Arc::clone(objects),
        };
        Self { objects, durable: true, ..Self::new(fault) }
    }

    fn has(&self, fault: StorageFault) -> bool {
        self.fault == fault
    }

    #[expect(clippy::unwrap_used, reason = "a part of the tests")]
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.objects.lock().unwrap()
    }

    fn key(&self, key: &str) -> Result<String> {
        if !self.has(StorageFault::AcceptsAnyKey) {
            check_key(key)?;
        }
        Ok(if self.has(StorageFault::FoldsCase) { key.to_lowercase() } else { key.to_owned() })
    }
}

impl StorageAdapter for FaultyStorage {
    type Config = ();

    async fn open((): ()) -> Result<Self> {
        Ok(Self::new(StorageFault::None))
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let durable = self.durable || self.has(StorageFault::ClaimsChange) && asked > 1;
        Ok(Capabilities::none()
            .atomic_create(true)
            .consistent_list(true)
            .ordered_recursive_list(true)
            .durable(durable)
            .max_object_size(self.has(StorageFault::BoundIsNone).then_some(1000)))
    }

    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        let key = self.key(key)?;
        if self.has(StorageFault::SaveInTwoSteps) {
            self.objects().insert(key.clone(), data.slice(..data.len() / 2));
            tokio::task::yield_now().await;
        }
        self.objects().insert(key, data);
        Ok(())
    }

    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        let key = self.key(key)?;
        if self.has(StorageFault::CreatesPerAdapter) {
            #[expect(clippy::unwrap_used, reason = "a part of the tests")]
            if self.created.lock().unwrap().insert(key.clone(), data.clone()).is_some() {
                return Err(Error::already_exists(&key));
            }
            return self.save(&key, data).await;
        }
        if self.objects().contains_key(&key) && !self.has(StorageFault::CreateOverwrites) {
            return Err(Error::already_exists(&key));
        }
        if self.has(StorageFault::CreateChecksFirst) {
            tokio::task::yield_now().await;
        }
        self.save(&key, data).await
    }

    async fn load(&self, key: &str) -> Result<Bytes> {
        let key = self.key(key)?;
        if self.has(StorageFault::ReadsKeepPermits) {
            if self.reading.swap(true, Ordering::AcqRel) {
                return Err(Error::new(ErrorCode::UNAVAILABLE, "somebody reads"));
            }
            tokio::task::yield_now().await;
            self.reading.store(false, Ordering::Release);
        }
        self.objects().get(&key).cloned().ok_or_else(|| Error::not_found(&key))
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let data = self.load(key).await?;
        let length = data.len() as u64;
        if self.has(StorageFault::RangeMustBeInside) && range.end > length {
            return Err(Error::new(ErrorCode::INVALID_ARGUMENT, "the range ends behind the object"));
        }
        if self.has(StorageFault::RangesMustAscend) {
            assert!(range.start <= range.end, "the range {range:?} ends before it begins");
        }
        let end = range.end.min(length);
        Ok(data.slice(range.start.min(end) as usize..end as usize))
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let key = self.key(key)?;
        Ok(self.has(StorageFault::ExistsIsTrue) || self.objects().contains_key(&key))
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        Ok(ObjectMeta::new(key, self.load(key).await?.len() as u64))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let key = self.key(key)?;
        if self.has(StorageFault::DeletesNeighbours) {
            self.objects().retain(|other, _| !other.starts_with(&key));
        }
        match self.objects().remove(&key) {
            None if self.has(StorageFault::DeletesOnlyWhatIsThere) => Err(Error::not_found(&key)),
            _ => Ok(()),
        }
    }

    async fn list(&self, mut request: ListRequest) -> Result<ListPage> {
        if self.has(StorageFault::IgnoresStartAfter) {
            request.start_after = None;
        }
        if self.has(StorageFault::PrefixIsADirectory) && !request.prefix.ends_with('/') {
            request.prefix.push('/');
        }
        if self.has(StorageFault::TrustsContinuations)
            && let Some(continuation) = &request.continuation
        {
            assert!(self.objects().contains_key(continuation), "no such continuation");
        }
        if self.has(StorageFault::ListsNeighbours) && request.prefix.contains("..") {
            request.prefix.clear();
        }
        let objects = self.objects();
        let all = objects.iter().map(|(key, data)| ObjectMeta::new(key, data.len() as u64));
        let mut page = page_of_sorted(all, &request);
        if self.has(StorageFault::PagesLoseAnEntry) && page.next.is_some() {
            page.objects.pop();
        }
        if self.has(StorageFault::ListsInReverse) {
            page.objects.reverse();
        }
        Ok(page)
    }
}
