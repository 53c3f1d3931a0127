//! Persist with its local storage linked into the program, for tests that follow or disturb each system call.
//!
//! A plugin has threads of its own, and a tracer counts calls by thread. Here every call of the storage is made by the
//! one blocking thread of [`runtime`], one after the other.

use std::{path::Path, sync::Arc};

use persist_host::{
    CodecSource, DeleteTarget, Error, ErrorKind, Result, SaveRequest, SessionRef, SnapshotIndex, Store,
    StoreOptions, Tuning,
};
use persist_plugin_api::{DynCompression, StorageAdapter as _};
use persist_storage_local::{LocalConfig, LocalStorage};

/// How many snapshots a segment has, so that a short session has several.
pub const SEGMENT_RECORDS: u64 = 3;

/// A runtime of two threads: this one, and one for whatever blocks.
///
/// It drives no I/O of its own, so that threads wake each other without writing to a file descriptor.
///
/// # Panics
///
/// When the system has no thread for it.
#[must_use]
pub fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.max_blocking_threads(1).enable_time().build().expect("a runtime")
}

/// A store at `root` that compresses nothing, so that its files show what they hold.
///
/// # Panics
///
/// When the root cannot be opened.
pub async fn store(root: &Path) -> Store {
    let storage = LocalStorage::open(LocalConfig::new(root)).await.expect("a directory");
    let mut tuning = Tuning::default();
    tuning.segment_records = SEGMENT_RECORDS;
    Store::new(StoreOptions {
        name: "linked".to_owned(),
        storage_name: "local".to_owned(),
        storage: Arc::new(storage),
        codec_name: None,
        codecs: Arc::new(NoCodecs),
        single_writer: false,
        allow_volatile: false,
        tuning,
        observers: Vec::new(),
    })
}

/// What a program does to a session.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Saves the [`state`] of a step.
    Save(u64),
    /// Deletes these snapshots; all of them if none is named.
    Delete(&'static [u64]),
    /// Frees the space of deleted snapshots.
    Collect,
    /// Erases deleted snapshots.
    Compact,
}

impl Action {
    /// Does it.
    ///
    /// # Errors
    ///
    /// As the store's operation.
    pub async fn run(self, store: &Store, session: &SessionRef) -> Result<()> {
        match self {
            Self::Save(step) => store.save(SaveRequest::new(session.clone(), state(step))).await.map(drop),
            Self::Delete([]) => store.delete(session, &DeleteTarget::All).await.map(drop),
            Self::Delete(indices) => {
                let indices = indices.iter().map(|index| SnapshotIndex::new(*index).expect("an index"));
                store.delete(session, &DeleteTarget::Indices(indices.collect())).await.map(drop)
            }
            Self::Collect => store.collect(session).await.map(drop),
            Self::Compact => store.compact(session).await.map(drop),
        }
    }
}

/// A text that only the state of this step holds, and that lies in one piece wherever the state is stored as a delta:
/// the letters around it may be like those of another state, so that they are copied from there.
#[must_use]
pub fn marker(step: u64) -> String {
    letters(step)[8..].chars().take(32).collect()
}

fn letters(step: u64) -> String {
    let mut seed = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letters = (0..48).map(|_| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (seed >> 33) as u8 % 26)
    });
    letters.collect()
}

/// The state of a step: that of the step before with a line more, and with another marker.
#[must_use]
pub fn state(step: u64) -> Vec<u8> {
    let lines: Vec<String> =
        (0..=step).map(|line| format!("\"line {line} {}\"", line * 7919 % 1000)).collect();
    format!(
        "{{\"own\":\"{}\",\"pad\":\"{}\",\"lines\":[{}]}}",
        letters(step),
        "p".repeat(4000),
        lines.join(",")
    )
    .into_bytes()
}

/// No codec at all, so that what is stored shows what it holds.
#[derive(Debug)]
pub struct NoCodecs;

impl CodecSource for NoCodecs {
    fn codec(&self, name: &str) -> Result<Arc<dyn DynCompression>> {
        Err(Error::new(ErrorKind::Plugin, "plugin_missing", format!("there is no codec {name:?} here")))
    }
}
