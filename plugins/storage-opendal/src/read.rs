//! Reading objects, and asking about them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use persist_plugin_api::{Bytes, ErrorCode, ObjectMeta, Result};

use crate::core::Core;
use crate::error::{Call, container_missing};
use crate::wire::{Facts, Seen};

impl Core {
    /// Reads an object, or a part of it that is not empty.
    pub(crate) async fn read(&self, name: &str, range: Option<Range<u64>>) -> Result<Bytes> {
        self.retry.repeat("read", |_| self.read_once(name, range.clone())).await
    }

    async fn read_once(&self, name: &str, range: Option<Range<u64>>) -> Result<Bytes> {
        let seen = Arc::new(Seen::default());
        let operator = self.operator(&seen);
        let request = operator.read_with(name);
        let answer = match range.clone() {
            Some(range) => request.range(range).await,
            None => request.await,
        };
        let facts = seen.facts();
        let error = match answer {
            Ok(data) => return Ok(data.to_bytes()),
            Err(error) => error,
        };
        if let Some(range) = range {
            match overrun(&range, &facts) {
                // OpenDAL takes an answer that ends before the range does for one that broke off.
                Some(part) if !part.is_empty() => return Box::pin(self.read_once(name, Some(part))).await,
                Some(_) => return Ok(Bytes::new()),
                None => {}
            }
        }
        let call = self.call("read", Some(name));
        self.check_container(&call, &facts).await?;
        Err(call.failed(&error, &facts))
    }

    /// What is known of an object.
    pub(crate) async fn head(&self, key: &str, name: &str) -> Result<ObjectMeta> {
        self.retry.repeat("stat", |_| self.head_once(key, name)).await
    }

    async fn head_once(&self, key: &str, name: &str) -> Result<ObjectMeta> {
        let seen = Arc::new(Seen::default());
        let call = self.call("ask about", Some(name));
        match self.operator(&seen).stat(name).await {
            Ok(found) => Ok(meta(key, &found)),
            Err(error) => {
                let facts = seen.facts();
                self.check_container(&call, &facts).await?;
                Err(call.failed(&error, &facts))
            }
        }
    }

    /// Finds out whether a missing object means that the container is missing, where the service does not say so itself.
    pub(crate) async fn check_container(&self, call: &Call<'_>, facts: &Facts) -> Result<()> {
        let unclear = facts.status == Some(404) && facts.name.is_none() && !facts.timed_out;
        if !unclear || self.container_seen.load(Ordering::Relaxed) {
            return Ok(());
        }
        let seen = Arc::new(Seen::default());
        let answer = self.operator(&seen).list_with(&self.root.probe()).limit(1).await;
        let answered = seen.facts();
        match (answer, answered.status) {
            (Err(_), Some(404)) => return Err(container_missing(call, &answered)),
            // Credentials may allow to read and not to list. A container that is not there cannot have given them.
            (Ok(_), _) | (Err(_), Some(401 | 403)) => {}
            (Err(error), _) => return Err(self.call("list", None).failed(&error, &answered)),
        }
        self.container_seen.store(true, Ordering::Relaxed);
        Ok(())
    }
}

/// What the service tells of an object, for the host.
pub(crate) fn meta(key: &str, found: &opendal::Metadata) -> ObjectMeta {
    let modified = found.last_modified().map(|time| time.into_inner().as_millisecond());
    ObjectMeta::new(key, found.content_length())
        .with_modified_unix_ms(modified)
        .with_etag(found.etag().map(str::to_owned))
}

/// A range as the services take it; `None` when it holds nothing.
pub(crate) fn bounded(range: Range<u64>, most: u64) -> Option<Range<u64>> {
    let range = range.start..range.end.min(most);
    (!range.is_empty()).then_some(range)
}

/// The part of a range that an object has, where the object ends before the range does.
fn overrun(range: &Range<u64>, facts: &Facts) -> Option<Range<u64>> {
    match (facts.status, facts.object_size) {
        _ if facts.timed_out => None,
        (Some(416), _) => Some(range.start..range.start),
        (Some(206), Some(size)) if size < range.end => Some(range.start..size.max(range.start)),
        _ => None,
    }
}

/// The code that a call for something absent ends with.
pub(crate) fn is_absent<T>(answer: &Result<T>) -> bool {
    answer.as_ref().is_err_and(|error| error.code() == ErrorCode::NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_where_the_object_ends() {
        let facts = |status, size| Facts { status: Some(status), object_size: size, ..Facts::default() };
        assert_eq!(overrun(&(2..9), &facts(206, Some(5))), Some(2..5));
        assert_eq!(overrun(&(7..9), &facts(206, Some(5))), Some(7..7));
        assert_eq!(overrun(&(7..9), &facts(416, None)), Some(7..7));
        // The object has it all, and the answer broke off.
        assert_eq!(overrun(&(2..5), &facts(206, Some(5))), None);
        assert_eq!(overrun(&(2..9), &facts(200, None)), None);
    }
}
