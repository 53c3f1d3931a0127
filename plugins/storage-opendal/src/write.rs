//! Writing and removing objects. Each write is one request: it is applied as a whole or not at all, at every size.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opendal::ErrorKind;
use persist_plugin_api::{Bytes, Error, ErrorCode, Result};

use crate::core::{Core, MAX_OBJECT_BYTES};
use crate::error::container_missing;
use crate::wire::{Facts, Seen};

impl Core {
    /// Writes an object, whatever is there.
    pub(crate) async fn replace(&self, name: &str, data: Bytes) -> Result<()> {
        self.check_size(name, &data)?;
        self.settled("write", || self.put("write", name, data.clone(), false)).await
    }

    /// Writes an object if there is none.
    pub(crate) async fn create(&self, name: &str, data: Bytes) -> Result<()> {
        self.check_size(name, &data)?;
        if !self.creates().await? {
            let finding = "the service ignores the condition that the object must not exist, so two writers could each \
                           believe that they created it; use a service that honours it, or let a single process write \
                           and say so in the store's config (single_writer = true)";
            return Err(self.refusal("create", name, ErrorCode::UNSUPPORTED, finding));
        }
        self.retry.repeat_unapplied("create", |_| self.put("create", name, data.clone(), true)).await
    }

    /// Removes an object, which may be absent.
    pub(crate) async fn remove(&self, name: &str) -> Result<()> {
        self.settled("delete", || self.remove_once(name)).await
    }

    /// Repeats a write that may be made twice. Once an attempt's effect is unknown, no later refusal makes it certain.
    async fn settled<F>(&self, request: &str, attempt: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let unclear = AtomicBool::new(false);
        let noted = |_| async {
            let outcome = attempt().await;
            if outcome.as_ref().is_err_and(|error| !error.is_not_applied()) {
                unclear.store(true, Ordering::Relaxed);
            }
            outcome
        };
        let outcome = self.retry.repeat(request, noted).await;
        outcome.map_err(|error| {
            let certain = error.is_not_applied() && !unclear.load(Ordering::Relaxed);
            error.not_applied(certain)
        })
    }

    /// Sends an object once.
    pub(crate) async fn put(
        &self,
        verb: &'static str,
        name: &str,
        data: Bytes,
        if_absent: bool,
    ) -> Result<()> {
        let seen = Arc::new(Seen::default());
        let answer = self.uploads.put(self, &seen, name, data, if_absent).await;
        let facts = seen.facts();
        self.note(&facts);
        let call = self.call(verb, Some(name));
        match answer {
            Ok(()) => Ok(()),
            Err(error) if if_absent && error.kind() == ErrorKind::ConditionNotMatch => {
                Err(call.error(ErrorCode::ALREADY_EXISTS, false, "it exists already", &facts))
            }
            Err(error) => {
                self.check_container(&call, &facts).await.map_err(|error| error.not_applied(true))?;
                Err(call.failed(&error, &facts))
            }
        }
    }

    async fn remove_once(&self, name: &str) -> Result<()> {
        let seen = Arc::new(Seen::default());
        let answer = self.operator(&seen).delete(name).await;
        let facts = seen.facts();
        self.note(&facts);
        let call = self.call("delete", Some(name));
        match answer {
            // OpenDAL takes a missing container for a missing object.
            Ok(()) if facts.name.as_deref() == Some("ContainerNotFound") => {
                Err(container_missing(&call, &facts))
            }
            Ok(()) => self.check_container(&call, &facts).await,
            Err(error) => Err(call.failed(&error, &facts)),
        }
    }

    fn check_size(&self, name: &str, data: &Bytes) -> Result<()> {
        if data.len() as u64 <= MAX_OBJECT_BYTES {
            return Ok(());
        }
        let finding = format!("it has {} bytes; at most {MAX_OBJECT_BYTES} go into one request", data.len());
        Err(self.refusal("write", name, ErrorCode::LIMIT_EXCEEDED, &finding))
    }

    fn refusal(&self, verb: &'static str, name: &str, code: ErrorCode, finding: &str) -> Error {
        self.call(verb, Some(name)).error(code, false, finding, &Facts::default())
    }
}
