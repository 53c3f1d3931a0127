//! Trying a store's storage with an object of its own: written, read and deleted, outside of all sessions.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use persist_host::{Error, StoreOptions};
use persist_plugin_api::{Bytes, DynStorage, ErrorCode};
use tokio::time::timeout;
use uuid::Uuid;

use super::conditional;
use super::finding::Finding;

/// What is written.
const CONTENT: &[u8] = b"written by persist doctor; safe to delete\n";

/// How far the clocks may be apart. Amazon S3 refuses requests at fifteen minutes.
const SKEW_MS: i64 = 60_000;

/// What to do about storage that does not promise to keep what it is given.
const NOT_DURABLE: &str = "look into the log, which says why where a server is at fault; choose storage that lasts, for \
                           example the adapter \"local\", or, if such a loss is acceptable, set the option that the \
                           adapter's page names";

/// Tries the storage. The object is removed whatever happens, as far as the storage lets it be removed.
pub(super) async fn run(options: &StoreOptions, limit: Duration) -> Vec<Finding> {
    // One segment, so that no directory is left behind.
    let key = format!("persist-doctor-{}", Uuid::new_v4().simple());
    let mut findings = Vec::new();
    let tried = timeout(limit, attempt(options, &key, &mut findings)).await;
    let failed = match tried {
        Ok(Ok(())) => None,
        Ok(Err(failed)) => Some(*failed),
        Err(_) => Some(late("probe", limit)),
    };
    let left = timeout(limit, remove(&*options.storage, &key)).await;
    let written = findings.iter().any(|finding| finding.check == "write");
    findings.extend(match (left, &failed) {
        // Deleting what was never written succeeds, and tells nothing.
        (Ok(Ok(_)), _) if !written => None,
        (Ok(Ok(elapsed)), _) => Some(Finding::ok("delete", "an object can be deleted").took(elapsed)),
        // Where writing failed, there is nothing to delete, and one failure is told once.
        (_, Some(_)) => None,
        (Ok(Err(error)), None) => Some(Finding::failed("delete", &error)),
        (Err(_), None) => Some(late("delete", limit)),
    });
    findings.extend(failed);
    findings
}

/// The storage gave no answer.
pub(super) fn late(check: &'static str, limit: Duration) -> Finding {
    let message = format!("no answer came within {} seconds", limit.as_secs());
    let remedy = "check that the storage can be reached, or allow more with --timeout";
    let wrong = Finding::wrong(check, message, remedy);
    Finding { exit: crate::cli::exit::Exit::Unavailable, ..wrong }
}

/// Writes and reads; what was found is added as it is found.
async fn attempt(options: &StoreOptions, key: &str, findings: &mut Vec<Finding>) -> Result<(), Box<Finding>> {
    let storage = &*options.storage;
    let fail = |check: &'static str, attempt: &'static str| {
        move |error| Box::new(Finding::failed(check, &Error::from_adapter(attempt, error)))
    };
    let capabilities = storage.capabilities().await;
    let capabilities = capabilities.map_err(fail("storage", "cannot find out what the storage supports"))?;
    if !capabilities.durable {
        let message = "it does not promise that what is saved lasts: it may be lost when the process ends, or when a server \
                       crashes";
        findings.push(Finding::wrong("storage", message, NOT_DURABLE));
    }
    let started = Instant::now();
    let before = now_ms();
    if capabilities.atomic_create {
        findings.push(
            conditional::check(storage, key, &Bytes::from_static(CONTENT)).await?.took(started.elapsed()),
        );
    } else {
        let written = storage.save(key, Bytes::from_static(CONTENT)).await;
        written.map_err(fail("write", "cannot write an object"))?;
        findings.push(conditional::absent(options.single_writer));
    }
    findings.push(Finding::ok("write", "an object can be written").took(started.elapsed()));
    let after = now_ms();

    let started = Instant::now();
    let read =
        storage.load(key).await.map_err(fail("read", "cannot read the object that was just written"))?;
    if read != CONTENT {
        let remedy = "do not use this storage: it gives back other bytes than it was given";
        return Err(Box::new(Finding::wrong(
            "read",
            "the object that was just written holds other bytes",
            remedy,
        )));
    }
    findings.push(Finding::ok("read", "an object can be read").took(started.elapsed()));

    let meta =
        storage.stat(key).await.map_err(fail("read", "cannot look at the object that was just written"))?;
    if let Some(modified) = meta.modified_unix_ms {
        findings.push(clock(before, modified, after));
    }
    Ok(())
}

/// Compares the machine's clock with the time that the storage gave the object.
fn clock(before: i64, modified: i64, after: i64) -> Finding {
    let ahead = (before - modified).max(0) - (modified - after).max(0);
    let seconds = ahead.abs().div_euclid(1000);
    if ahead.abs() <= SKEW_MS {
        return Finding::ok("clock", "the machine's clock agrees with the storage's");
    }
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    Finding::warning(
        "clock",
        format!(
            "the machine's clock is {seconds} s {direction} the storage's: timestamps of snapshots are off"
        ),
        "set the machine's clock, for example with NTP",
    )
}

/// Deletes the object, and looks whether it is gone.
async fn remove(storage: &dyn DynStorage, key: &str) -> Result<Duration, Error> {
    let started = Instant::now();
    let failed = |error| Error::from_adapter("cannot delete the object that was just written", error);
    storage.delete(key).await.map_err(failed)?;
    let elapsed = started.elapsed();
    match storage.load(key).await {
        Err(error) if error.code() == ErrorCode::NOT_FOUND => Ok(elapsed),
        Err(error) => Err(failed(error)),
        Ok(_) => {
            let error = persist_plugin_api::Error::new(ErrorCode::OTHER, "it can still be read");
            Err(failed(error))
        }
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use persist_host::CodecSource;
    use persist_plugin_api::{
        Capabilities, DynCompression, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter,
    };

    use super::super::finding::Status;
    use super::*;

    /// Storage that may be deleted from and not be written to, and that does not last.
    struct Closed;

    impl StorageAdapter for Closed {
        type Config = serde_json::Value;

        async fn open(_: Self::Config) -> Result<Self> {
            Ok(Self)
        }

        async fn capabilities(&self) -> Result<Capabilities> {
            Ok(Capabilities::none().atomic_create(true))
        }

        async fn save(&self, _: &str, _: Bytes) -> Result<()> {
            Err(persist_plugin_api::Error::new(ErrorCode::PERMISSION_DENIED, "no"))
        }

        async fn save_if_absent(&self, key: &str, data: Bytes) -> Result<()> {
            StorageAdapter::save(self, key, data).await
        }

        async fn load(&self, key: &str) -> Result<Bytes> {
            Err(persist_plugin_api::Error::not_found(key))
        }

        async fn stat(&self, key: &str) -> Result<ObjectMeta> {
            Err(persist_plugin_api::Error::not_found(key))
        }

        async fn delete(&self, _: &str) -> Result<()> {
            Ok(())
        }

        async fn list(&self, _: ListRequest) -> Result<ListPage> {
            Ok(ListPage::default())
        }
    }

    struct NoCodecs;

    impl CodecSource for NoCodecs {
        fn codec(&self, name: &str) -> persist_host::Result<Arc<dyn DynCompression>> {
            Err(Error::new(persist_host::ErrorKind::Plugin, "plugin_missing", name))
        }
    }

    #[tokio::test]
    async fn deleting_what_could_not_be_written_tells_nothing() {
        let options = StoreOptions {
            name: "main".to_owned(),
            storage_name: "closed".to_owned(),
            storage: Arc::new(Closed),
            codec_name: None,
            codecs: Arc::new(NoCodecs),
            single_writer: false,
            allow_volatile: true,
            tuning: persist_host::Tuning::default(),
            observers: Vec::new(),
        };
        let findings = run(&options, Duration::from_secs(60)).await;
        let told: Vec<_> = findings.iter().map(|finding| (finding.check, finding.status)).collect();
        assert_eq!(told, [("storage", Status::Failed), ("write", Status::Failed)]);
        assert!(findings[0].message.contains("when a server crashes"), "{findings:?}");
    }

    #[test]
    fn clocks_may_be_apart_a_little() {
        let status = |before, modified, after| clock(before, modified, after).status;
        assert_eq!(status(1_000_000, 1_000_500, 1_001_000), Status::Ok);
        // Storage that counts in whole seconds.
        assert_eq!(status(1_000_900, 1_000_000, 1_001_000), Status::Ok);
        let ahead = clock(1_000_000, 900_000, 1_001_000);
        assert!(ahead.message.contains("100 s ahead of"), "{ahead:?}");
        let behind = clock(1_000_000, 1_200_000, 1_001_000);
        assert!(behind.message.contains("199 s behind"), "{behind:?}");
    }
}
