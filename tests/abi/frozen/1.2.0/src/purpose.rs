//! What a read is for: whether a copy that may be out of date will do.

use std::future::Future;

tokio::task_local! {
    static CURRENT: ReadPurpose;
}

/// What a read is for. The host's engine says it of every call, for adapters that keep copies: a cache, a replica.
///
/// An adapter over one backend has no use for it. It is told beside the call, like [`Request`](crate::Request); a host or
/// plugin that knows nothing of it says nothing, and that means [`Decide`](ReadPurpose::Decide).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadPurpose {
    /// A write, a removal, or what is reported as the state of the storage itself rests on the answer. Only what decides
    /// commits may answer. Every call that is not a read counts as this.
    #[default]
    Decide,
    /// The answer is shown or followed, and nothing is decided by it: where a session ends, what was deleted, for an
    /// operation that changes nothing. What decides commits answers; where that cannot be reached, a copy may that can
    /// lack the newest. A cache may not.
    Consult,
    /// The bytes of an object. The caller checks them by a hash that they hold, and whether they still count by other reads,
    /// so any copy of the object will do, however old.
    Content,
}

impl ReadPurpose {
    /// The purpose of the running call: that of the innermost [`scope`](Self::scope) around it. In a plugin, it is the
    /// host's during each storage call, but not in tasks that the call spawns. Outside it is
    /// [`Decide`](ReadPurpose::Decide).
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(|purpose| *purpose).unwrap_or_default()
    }

    /// Runs a future whose reads are for this.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Runs a function whose reads are for this, for example one that polls a stream.
    pub fn within<T>(self, run: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, run)
    }

    /// Its name at the boundary; `Decide` needs none.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Decide => None,
            Self::Consult => Some("consult"),
            Self::Content => Some("content"),
        }
    }

    /// The purpose of a name; what is unknown decides.
    pub(crate) fn named(name: &str) -> Self {
        [Self::Consult, Self::Content]
            .into_iter()
            .find(|purpose| purpose.name() == Some(name))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_scope_counts_and_outside_everything_decides() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let seen = runtime.block_on(ReadPurpose::Consult.scope(async {
            (ReadPurpose::Content.scope(async { ReadPurpose::current() }).await, ReadPurpose::current())
        }));
        assert_eq!(seen, (ReadPurpose::Content, ReadPurpose::Consult));
        assert_eq!(ReadPurpose::current(), ReadPurpose::Decide);
    }

    #[test]
    fn a_name_of_a_later_release_decides() {
        for purpose in [ReadPurpose::Decide, ReadPurpose::Consult, ReadPurpose::Content] {
            assert_eq!(ReadPurpose::named(purpose.name().unwrap_or("decide")), purpose);
        }
        assert_eq!(ReadPurpose::named("glance"), ReadPurpose::Decide);
    }
}
