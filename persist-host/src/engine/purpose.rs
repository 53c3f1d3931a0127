//! What the engine's reads are for, which adapters that keep copies go by: see [`ReadPurpose`].
//!
//! Three rules hold whatever an adapter does with it. What an operation that changes anything reads, also in the store that it
//! copies from, and what a verification reads, decides. Heads, boundaries, manifests, claims and markers are never contents. And contents count only by decisions
//! that are read after them.

use futures_util::{Stream, StreamExt as _, stream};
use persist_plugin_api::ReadPurpose;

use crate::observe::Operation;
use crate::{ErrorKind, Result};

tokio::task_local! {
    /// Whether any copy of an object may give its bytes to what runs now.
    static COPIES: bool;
}

/// What the reads of an operation are for, apart from contents.
pub(super) fn of(operation: Operation) -> ReadPurpose {
    match operation {
        Operation::Attachments
        | Operation::FindByName
        | Operation::List
        | Operation::ReadAttachment
        | Operation::ReadAttachments
        | Operation::Restore
        | Operation::RestoreMany
        | Operation::Show
        | Operation::Stats => ReadPurpose::Consult,
        // What a position tells is remembered, and saves go by it.
        Operation::Glance | Operation::Position => ReadPurpose::Decide,
        // The storage itself is what is looked at.
        Operation::CheckCopy | Operation::CopyState | Operation::Verify => ReadPurpose::Decide,
        Operation::Attach
        | Operation::ClaimName
        | Operation::Collect
        | Operation::Compact
        | Operation::CopyAttachments
        | Operation::CopySession
        | Operation::Delete
        | Operation::Fork
        | Operation::Label
        | Operation::Repair
        | Operation::Save => ReadPurpose::Decide,
    }
}

/// As [`with_copies`] in an operation that decides nothing; within any other, a plain read.
pub(super) async fn consulting<T, F: Future<Output = Result<T>>>(read: impl Fn() -> F) -> Result<T> {
    match ReadPurpose::current() {
        ReadPurpose::Consult => with_copies(read).await,
        _ => Box::pin(read()).await,
    }
}

/// A listing by which nothing is decided.
pub(super) fn consulted<T>(rows: impl Stream<Item = T> + Send) -> impl Stream<Item = T> + Send {
    let mut rows = Box::pin(rows);
    stream::poll_fn(move |context| ReadPurpose::Consult.within(|| rows.poll_next_unpin(context)))
}

/// As [`consulting`], for a read that its caller repeats when it meets damage.
pub(super) async fn copies<T>(read: impl Future<Output = T>) -> T {
    COPIES.scope(ReadPurpose::current() == ReadPurpose::Consult, Box::pin(read)).await
}

/// Reads bytes that are checked by a hash they hold, and that count by decisions which are read besides.
pub(super) async fn content<T>(read: impl Future<Output = T>) -> T {
    match COPIES.try_with(|copies| *copies) {
        Ok(true) => ReadPurpose::Content.scope(read).await,
        _ => read.await,
    }
}

/// Runs a read whose contents any copy may give. Damage that it finds may be that of a copy, so it then reads once more, the
/// storage itself.
async fn with_copies<T, F: Future<Output = Result<T>>>(read: impl Fn() -> F) -> Result<T> {
    // On the heap: these futures are large, and it is only here that an operation holds two of them.
    match COPIES.scope(true, Box::pin(read())).await {
        Err(error) if error.kind() == ErrorKind::Integrity => {
            tracing::debug!(%error, "reading once more, without copies");
            COPIES.scope(false, Box::pin(read())).await
        }
        done => done,
    }
}
