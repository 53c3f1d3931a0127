//! The objects, and the bound that they stay below.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use persist_plugin_api::{
    Bytes, Error, ErrorCode, ListPage, ListRequest, ObjectMeta, Result, page_of_sorted,
};

/// A store of a bounded size.
pub(crate) struct Store {
    max_bytes: u64,
    contents: RwLock<Contents>,
}

#[derive(Default)]
struct Contents {
    objects: BTreeMap<String, Object>,
    /// The bytes of all keys and objects.
    used: u64,
}

struct Object {
    data: Bytes,
    modified_unix_ms: Option<i64>,
}

impl Store {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { max_bytes, contents: RwLock::default() }
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Inserts an object; one that is there already is replaced or, if `create`, kept with an error.
    pub(crate) fn put(&self, key: &str, data: Bytes, create: bool) -> Result<()> {
        let mut contents = self.write();
        let replaced = contents.objects.get(key).map(|object| weight(key, &object.data));
        if create && replaced.is_some() {
            return Err(Error::already_exists(key));
        }
        let others = contents.used - replaced.unwrap_or(0);
        let wanted = weight(key, &data);
        let used = others.saturating_add(wanted);
        if used > self.max_bytes {
            let message = format!(
                "cannot keep {key:?}: with its {wanted} bytes the store would hold {used}, and max_bytes allows {}",
                self.max_bytes
            );
            return Err(Error::new(ErrorCode::NO_SPACE, message).not_applied(true));
        }
        contents.used = used;
        contents.objects.insert(key.to_owned(), Object { data, modified_unix_ms: now() });
        Ok(())
    }

    pub(crate) fn get(&self, key: &str) -> Result<Bytes> {
        self.read().objects.get(key).map(|object| object.data.clone()).ok_or_else(|| Error::not_found(key))
    }

    pub(crate) fn stat(&self, key: &str) -> Result<ObjectMeta> {
        self.read().objects.get(key).map(|object| meta(key, object)).ok_or_else(|| Error::not_found(key))
    }

    pub(crate) fn remove(&self, key: &str) {
        let mut contents = self.write();
        if let Some(object) = contents.objects.remove(key) {
            contents.used -= weight(key, &object.data);
        }
    }

    pub(crate) fn list(&self, request: &ListRequest) -> ListPage {
        // Everything before the latest of the three is on an earlier page or not asked for.
        let start = [Some(&request.prefix), request.start_after.as_ref(), request.continuation.as_ref()];
        let start = start.into_iter().flatten().max().map_or("", String::as_str);
        let contents = self.read();
        let objects = contents
            .objects
            .range::<str, _>((Bound::Included(start), Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(&request.prefix))
            .map(|(key, object)| meta(key, object));
        page_of_sorted(objects, request)
    }

    // No call panics between two changes that belong together, so what a poisoned lock guards is whole.
    fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Contents> {
        self.contents.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn weight(key: &str, data: &Bytes) -> u64 {
    (key.len() + data.len()) as u64
}

fn meta(key: &str, object: &Object) -> ObjectMeta {
    ObjectMeta::new(key, object.data.len() as u64).with_modified_unix_ms(object.modified_unix_ms)
}

fn now() -> Option<i64> {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(elapsed.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_counts_keys_and_objects_and_gives_back_what_is_freed() {
        let store = Store::new(10);
        store.put("ab", Bytes::from_static(b"12345678"), true).unwrap();
        let error = store.put("c", Bytes::new(), true).unwrap_err();
        assert_eq!(error.code(), ErrorCode::NO_SPACE);
        assert!(error.is_not_applied());
        assert!(error.message().contains("11") && error.message().contains("10"), "{error}");
        assert_eq!(store.get("c").unwrap_err().code(), ErrorCode::NOT_FOUND);
        // A replacement counts only itself, and one that does not fit leaves the old object.
        store.put("ab", Bytes::from_static(b"87654321"), false).unwrap();
        assert_eq!(
            store.put("ab", Bytes::from_static(b"123456789"), false).unwrap_err().code(),
            ErrorCode::NO_SPACE
        );
        assert_eq!(store.get("ab").unwrap(), "87654321");
        store.remove("ab");
        store.put("c", Bytes::from_static(b"123456789"), true).unwrap();
    }

    #[test]
    fn one_of_many_threads_creates_a_key() {
        let store = Store::new(1 << 20);
        for round in 0..200 {
            let key = round.to_string();
            let won = std::thread::scope(|scope| {
                let tasks: Vec<_> = (0..4)
                    .map(|task| {
                        scope.spawn({
                            let (store, key) = (&store, &key);
                            move || store.put(key, Bytes::from(vec![task]), true).is_ok()
                        })
                    })
                    .collect();
                tasks.into_iter().map(|task| task.join().unwrap()).filter(|won| *won).count()
            });
            assert_eq!(won, 1);
        }
    }
}
