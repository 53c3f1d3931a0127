//! A cache that gives no answer, and then does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use persist_plugin_api::{Capabilities, ListPage, ObjectMeta, StorageAdapter, page_of_sorted};

use super::*;

/// Objects in memory, which never answers while it hangs. Removals alone are done even then.
#[derive(Clone, Default)]
struct Slow(Arc<(Mutex<BTreeMap<String, Bytes>>, AtomicBool)>);

impl Slow {
    fn hangs(&self, hangs: bool) {
        self.0.1.store(hangs, Ordering::SeqCst);
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.0.lock().unwrap()
    }

    async fn answers(&self) {
        if self.0.1.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

impl StorageAdapter for Slow {
    type Config = ();

    async fn open((): ()) -> Result<Self> {
        Ok(Self::default())
    }
    async fn capabilities(&self) -> Result<Capabilities> {
        Ok(Capabilities::none())
    }
    async fn save(&self, key: &str, data: Bytes) -> Result<()> {
        self.answers().await;
        self.objects().insert(key.to_owned(), data);
        Ok(())
    }
    async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
        self.save(key, data).await
    }
    async fn load(&self, key: &str) -> Result<Bytes> {
        self.answers().await;
        self.objects().get(key).cloned().ok_or_else(|| Error::not_found(key))
    }
    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        Ok(ObjectMeta::new(key, self.load(key).await?.len() as u64))
    }
    async fn delete(&self, key: &str) -> Result<()> {
        self.objects().remove(key);
        Ok(())
    }
    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        self.answers().await;
        let objects = self.objects();
        let all = objects.iter().map(|(key, data)| ObjectMeta::new(key, data.len() as u64));
        Ok(page_of_sorted(all, &request))
    }
}

fn cache(part: &Slow, rest: Duration) -> Cache {
    let part = Part::new(Arc::new(part.clone()));
    let mut cache = Cache::new(&TieredConfig::new(part.clone(), part));
    cache.patience.call = Duration::from_millis(20);
    cache.patience.rest = rest;
    cache
}

#[tokio::test]
async fn a_cache_that_answers_again_is_used_again_after_a_rest() {
    let (part, namespace, object) = (Slow::default(), Namespace([7; 16]), Bytes::from_static(b"object"));
    let cache = cache(&part, Duration::ZERO);
    cache.put(&namespace, "a", &object).await;
    part.hangs(true);
    assert_eq!(cache.get(&namespace, "a").await, None);
    part.hangs(false);
    assert_eq!(cache.get(&namespace, "a").await, Some(object));
}

#[tokio::test]
async fn what_is_evicted_goes_also_while_the_cache_is_left_alone() {
    let (part, namespace, object) = (Slow::default(), Namespace([7; 16]), Bytes::from_static(b"object"));
    let cache = cache(&part, Duration::from_secs(3600));
    cache.put(&namespace, "a", &object).await;
    part.hangs(true);
    assert_eq!(cache.get(&namespace, "a").await, None);
    part.hangs(false);
    assert_eq!(cache.get(&namespace, "a").await, None, "it is left alone");
    assert_eq!(part.objects().len(), 1);
    cache.erase(&namespace, "a").await;
    assert!(part.objects().is_empty());
}

#[test]
fn the_name_of_a_copy_tells_which_it_is() {
    let id = Namespace::of_marker(b"marker").copy("a/key");
    assert_eq!(id_of(&name(&id)), Some(id));
    let longer = format!("{}0", name(&id));
    let other = ["", "tiered-1-00/00", "tiered-1-+0000000000000000000000000000000/0", &longer];
    assert!(other.iter().all(|name| id_of(name).is_none()));
}
