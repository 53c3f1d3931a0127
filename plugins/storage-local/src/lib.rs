//! Keeps Persist objects in a directory of the local file system.
//!
//! ```toml
//! storage = { adapter = "local", root = "/var/lib/persist" }
//! ```
//!
//! | Option  | Type    | Default  | Meaning                                                                           |
//! |---------|---------|----------|-----------------------------------------------------------------------------------|
//! | `root`  | string  | required | The directory, as an absolute path. The first save creates it.                    |
//! | `fsync` | boolean | `true`   | Whether a write waits for the disk. `false` gives up durability, not atomicity.   |
//!
//! # Guarantees
//!
//! An object is the file `root/key`, with the object's bytes and nothing else.
//!
//! - **Durable.** A write returns when the file, the entry in its directory, and the entries of all directories
//!   between the root and it are on the disk, whoever created those directories; a root that the write created is, too.
//!   The bytes are on the disk before the file has its name, the names are put there after it, so that one commit of the
//!   file system's journal carries all of them. A crash in between leaves the whole object or none, perhaps below
//!   directories that are empty; a write that finds directories of another one that did not get so far syncs them itself.
//!   With `fsync = false`, which nobody gets without asking, a crash of the machine may lose writes or leave empty files.
//! - **Atomic.** Bytes are written to a file without a name (`O_TMPFILE`), which then gets its name in one step
//!   (`linkat`): it is there whole or not at all, and of many processes that create one key exactly one succeeds.
//!   Where the file system has no such files, and on the way of every replacement, there is a temporary file
//!   `.persist-tmp-…` in the same directory. It goes when the write fails; one that a crash left behind is never
//!   listed and can be removed.
//! - **Contained.** A key never leads out of the root: segments such as `..` are refused, and no symbolic link below
//!   the root is followed: what would need it fails with an error that names the link. The root itself may be one.
//! - **Private.** Files are created with mode 0600 and directories with 0700.
//! - **Listed in byte order** of the whole keys, also recursively, with every write that returned before. Files whose
//!   names cannot be keys are passed over.
//!
//! Deleting leaves empty directories in place, where they cost nothing and cannot race with a write. Keys are file
//! names: on a file system that folds letter case or normalises Unicode, keys that differ only in that are one, so use
//! another one. Creation needs hard links, which FAT does not have.
//!
//! Reads and writes run on tokio's blocking threads, one hop a call; a call whose future is dropped runs to its end.

mod adapter;
mod blocking;
mod config;
mod directory;
mod error;
mod list;
mod path;
mod read;
mod store;
mod write;

pub use adapter::LocalStorage;
pub use config::LocalConfig;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    storage "local" => LocalStorage {
        description: "Keeps objects in a directory of the local file system.",
        schema: include_str!("schema.json"),
    }
}
