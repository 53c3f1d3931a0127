//! Whether of several writers that create one object exactly one succeeds: what keeps two from sharing an index.

use futures_util::future::join_all;
use persist_host::Error;
use persist_plugin_api::{Bytes, DynStorage, ErrorCode};

use super::finding::Finding;

/// How many writers try at once.
const WRITERS: usize = 4;

/// Creates the object from several writers at once, and once more.
///
/// # Errors
///
/// When it cannot be written at all.
pub(super) async fn check(
    storage: &dyn DynStorage,
    key: &str,
    content: &Bytes,
) -> Result<Finding, Box<Finding>> {
    let outcomes = join_all((0..WRITERS).map(|_| storage.save_if_absent(key, content.clone()))).await;
    let again = storage.save_if_absent(key, content.clone()).await;
    let mut created = 0;
    for outcome in outcomes.into_iter().chain([again]) {
        match outcome {
            Ok(()) => created += 1,
            Err(error) if error.code() == ErrorCode::ALREADY_EXISTS => {}
            Err(error) => {
                let error = Error::from_adapter("cannot create an object", error);
                return Err(Box::new(Finding::failed("write", &error)));
            }
        }
    }
    Ok(if created == 1 {
        Finding::ok("create", format!("of {WRITERS} writers that create one object, one succeeds"))
    } else {
        Finding::wrong(
            "create",
            format!(
                "of {} attempts to create one object, {created} succeeded: the storage ignores the condition, so that two \
                 writers can overwrite each other's snapshots",
                WRITERS + 1
            ),
            "use storage that honours conditional creation; with this one, let a single process write",
        )
    })
}

/// What it means that the storage does not offer it.
pub(super) fn absent(single_writer: bool) -> Finding {
    let message = "the storage cannot create an object atomically";
    if single_writer {
        let remedy = "make sure that one process writes at a time, as single_writer = true vouches";
        Finding::warning("create", message, remedy)
    } else {
        let remedy = "use storage that honours conditional creation, or set single_writer = true for the store if only one \
                      process at a time writes to it";
        Finding::wrong("create", message, remedy)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use persist_plugin_api::{Capabilities, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter};

    use super::super::finding::Status;
    use super::*;

    /// Storage that takes the condition and ignores it, as some services with an S3 interface do.
    #[derive(Default)]
    struct Careless(Mutex<Option<Bytes>>);

    impl StorageAdapter for Careless {
        type Config = serde_json::Value;

        async fn open(_: Self::Config) -> Result<Self> {
            Ok(Self::default())
        }

        async fn capabilities(&self) -> Result<Capabilities> {
            Ok(Capabilities::none().atomic_create(true).durable(true))
        }

        async fn save(&self, _: &str, data: Bytes) -> Result<()> {
            self.0.lock().unwrap().replace(data);
            Ok(())
        }

        async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
            StorageAdapter::save(self, key, data).await
        }

        async fn load(&self, _: &str) -> Result<Bytes> {
            Ok(self.0.lock().unwrap().clone().unwrap())
        }

        async fn stat(&self, key: &str) -> Result<ObjectMeta> {
            Ok(ObjectMeta::new(key, 0))
        }

        async fn delete(&self, _: &str) -> Result<()> {
            Ok(())
        }

        async fn list(&self, _: ListRequest) -> Result<ListPage> {
            Ok(ListPage::default())
        }
    }

    #[tokio::test]
    async fn storage_that_ignores_the_condition_is_found() {
        let found = check(&Careless::default(), "k", &Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(found.status, Status::Failed);
        assert!(found.message.contains("5 succeeded"), "{found:?}");
        assert!(found.remedy.unwrap().contains("a single process"));
    }

    #[test]
    fn storage_without_it_is_for_a_single_writer() {
        assert_eq!(absent(true).status, Status::Warning);
        assert_eq!(absent(false).status, Status::Failed);
    }
}
