//! What storage adapters say about objects, listings and themselves.

/// The longest key, in bytes, that every storage adapter must accept.
pub const MAX_KEY_BYTES: usize = 900;

/// The longest part of a key between two slashes, in bytes, that every storage adapter must accept.
pub const MAX_SEGMENT_BYTES: usize = 255;

/// A stored object, as [`StorageAdapter::stat`](crate::StorageAdapter::stat) and listings report it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectMeta {
    /// The object's whole key.
    pub key: String,
    /// The object's size in bytes.
    pub size: u64,
    /// When the backend last wrote the object, in milliseconds since the Unix epoch, if it says.
    pub modified_unix_ms: Option<i64>,
    /// The backend's tag of this version of the object, if it has one.
    pub etag: Option<String>,
}

impl ObjectMeta {
    /// An object with a key and a size and nothing else known.
    #[must_use]
    pub fn new(key: impl Into<String>, size: u64) -> Self {
        Self { key: key.into(), size, modified_unix_ms: None, etag: None }
    }

    /// Adds the time of the last write.
    #[must_use]
    pub fn with_modified_unix_ms(mut self, milliseconds: Option<i64>) -> Self {
        self.modified_unix_ms = milliseconds;
        self
    }

    /// Adds the backend's tag.
    #[must_use]
    pub fn with_etag(mut self, etag: Option<String>) -> Self {
        self.etag = etag;
        self
    }
}

/// What to list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListRequest {
    /// Only keys that begin with these bytes; empty lists everything.
    pub prefix: String,
    /// Only keys that come after this one in byte order.
    pub start_after: Option<String>,
    /// `true`: keys that hold a `/` behind the prefix are folded into their "directories", reported once each in
    /// [`ListPage::prefixes`]. `false`: every key below the prefix is reported.
    pub by_directory: bool,
    /// The most entries (objects and prefixes together) that a page may hold; at least 1.
    pub limit: u32,
    /// [`ListPage::next`] of the page before; `None` asks for the first page.
    pub continuation: Option<String>,
}

impl ListRequest {
    /// How many entries a page holds unless a request says otherwise.
    pub const DEFAULT_LIMIT: u32 = 1000;

    /// Lists every key below a prefix.
    #[must_use]
    pub fn below(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            start_after: None,
            by_directory: false,
            limit: Self::DEFAULT_LIMIT,
            continuation: None,
        }
    }

    /// Lists one "directory": `prefix` is empty or ends with `/`.
    #[must_use]
    pub fn directory(prefix: impl Into<String>) -> Self {
        Self { by_directory: true, ..Self::below(prefix) }
    }

    /// Only keys after this one.
    #[must_use]
    pub fn start_after(mut self, key: impl Into<String>) -> Self {
        self.start_after = Some(key.into());
        self
    }

    /// The most entries a page may hold.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// The same request for the page after.
    #[must_use]
    pub fn continued(mut self, continuation: Option<String>) -> Self {
        self.continuation = continuation;
        self
    }
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListPage {
    /// The objects, in ascending byte order of their keys (see [`Capabilities::ordered_recursive_list`]).
    pub objects: Vec<ObjectMeta>,
    /// The "directories", each ending with `/`, in ascending byte order; only when asked for.
    pub prefixes: Vec<String>,
    /// Where the next page begins, in the adapter's own words; `None` on the last page.
    pub next: Option<String>,
}

impl ListPage {
    /// A page.
    #[must_use]
    pub fn new(objects: Vec<ObjectMeta>, prefixes: Vec<String>, next: Option<String>) -> Self {
        Self { objects, prefixes, next }
    }
}

/// What a storage adapter promises. The host relies on it, so an adapter claims only what it has checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// [`save_if_absent`](crate::StorageAdapter::save_if_absent) has exactly one winner, across processes and machines.
    pub atomic_create: bool,
    /// An object whose write returned outlives the process, and a crash of the machine unless the user's options say
    /// otherwise in so many words. The host refuses to save into storage that does not claim it.
    pub durable: bool,
    /// A listing shows every write that returned before it began.
    pub consistent_list: bool,
    /// A listing that is *not* by directory comes in byte order of the whole keys, too.
    pub ordered_recursive_list: bool,
    /// What is deleted or replaced stays in the storage, for example as an old version of the object, so that the host
    /// alone cannot erase it. The host asks again after deletions, whose answers may be what shows it.
    pub keeps_versions: bool,
    /// The largest object in bytes, if there is a bound.
    pub max_object_size: Option<u64>,
}

impl Capabilities {
    /// An adapter that promises nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Claims or denies atomic creation.
    #[must_use]
    pub fn atomic_create(mut self, yes: bool) -> Self {
        self.atomic_create = yes;
        self
    }

    /// Claims or denies durability.
    #[must_use]
    pub fn durable(mut self, yes: bool) -> Self {
        self.durable = yes;
        self
    }

    /// Says that what is deleted or replaced stays in the storage, or that it does not.
    #[must_use]
    pub fn keeps_versions(mut self, yes: bool) -> Self {
        self.keeps_versions = yes;
        self
    }

    /// Claims or denies consistent listings.
    #[must_use]
    pub fn consistent_list(mut self, yes: bool) -> Self {
        self.consistent_list = yes;
        self
    }

    /// Claims or denies byte order in listings that are not by directory.
    #[must_use]
    pub fn ordered_recursive_list(mut self, yes: bool) -> Self {
        self.ordered_recursive_list = yes;
        self
    }

    /// States the largest object, in bytes.
    #[must_use]
    pub fn max_object_size(mut self, bytes: Option<u64>) -> Self {
        self.max_object_size = bytes;
        self
    }
}
