//! The storage adapters for servers, and the servers that they are tested on.

use crate::{Azurite, FakeGcs, Place, Postgres, Redis, SeaweedFs, SecantusDb};

/// A storage adapter and a real server for it.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    /// The storage adapter's name.
    pub adapter: &'static str,
    /// The package of the plugin that offers it.
    pub package: &'static str,
    /// The server's name and, where it is pinned, its version.
    pub server: &'static str,
    /// A new place on the server that the tests of a run share, whose name begins with a prefix.
    pub place: fn(prefix: &str) -> Place,
    /// What the server itself does otherwise than the checks of an adapter ask, and how: the check's name and a reason.
    pub differs: &'static [(&'static str, &'static str)],
}

/// Every storage adapter that talks to a server.
pub const BACKENDS: &[Backend] = &[
    Backend {
        differs: &[
            (
                "listing::emptied_directories_are_not_listed",
                "SeaweedFS shows the directory of a deleted object for some time",
            ),
            (
                "keys::odd_keys_are_ordinary",
                r"SeaweedFS takes a backslash for a slash and refuses the key `..\up`",
            ),
            ("panics::absurd_listings_keep_to_their_prefix", "SeaweedFS takes two slashes for one"),
        ],
        ..backend("s3", "persist-storage-s3", "SeaweedFS 4.48", |prefix| SeaweedFs::shared().place(prefix))
    },
    backend("postgres", "persist-storage-postgres", "PostgreSQL 15", |prefix| {
        let mut place = Postgres::shared().place(prefix);
        // The proxy in between looks for texts in requests.
        place.options["sslmode"] = "disable".into();
        place
    }),
    backend("redis", "persist-storage-redis", "Redis 7.0", |prefix| Redis::shared().place(prefix)),
    backend("mongodb", "persist-storage-mongodb", "SecantusDB 0.7.0b3, not MongoDB", |prefix| {
        SecantusDb::shared().place(prefix)
    }),
    backend("azblob", "persist-storage-opendal", "Azurite 3.37.0", |prefix| Azurite::shared().place(prefix)),
    backend("gcs", "persist-storage-opendal", "fake-gcs-server", |prefix| FakeGcs::shared().place(prefix)),
];

/// A backend whose server does all that the checks ask.
const fn backend(
    adapter: &'static str,
    package: &'static str,
    server: &'static str,
    place: fn(&str) -> Place,
) -> Backend {
    Backend { adapter, package, server, place, differs: &[] }
}

impl Backend {
    /// The backend of an adapter.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn of(adapter: &str) -> &'static Self {
        let found = BACKENDS.iter().find(|backend| backend.adapter == adapter);
        found.unwrap_or_else(|| panic!("there is no backend {adapter:?}"))
    }
}
