//! A storage adapter in memory with a fault of choice.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

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
}

pub(crate) struct FaultyStorage {
    objects: Mutex<BTreeMap<String, Bytes>>,
    fault: StorageFault,
}

impl FaultyStorage {
    pub(crate) fn new(fault: StorageFault) -> Self {
        Self { objects: Mutex::default(), fault }
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
        Ok(Capabilities::none().atomic_create(true).consistent_list(true).ordered_recursive_list(true))
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
        self.objects().get(&key).cloned().ok_or_else(|| Error::not_found(&key))
    }

    async fn load_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let data = self.load(key).await?;
        let length = data.len() as u64;
        if self.has(StorageFault::RangeMustBeInside) && range.end > length {
            return Err(Error::new(ErrorCode::INVALID_ARGUMENT, "the range ends behind the object"));
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
