//! Checking a copy against its source: the same snapshots with the same metadata and history, and every state of the
//! copy restored.

use std::pin::pin;

use futures_util::TryStreamExt as _;
use futures_util::future::try_join;
use serde::Serialize;

use super::same_record;
use super::state::both_live;
use crate::engine::Store;
use crate::engine::errors::no_session;
use crate::engine::verify::Depth;
use crate::observe::Operation;
use crate::{Error, ErrorKind, RefPattern, Result, SessionRef, SnapshotIndex, SnapshotInfo, SnapshotName};

/// The most characters of a value that an error shows.
const SHOWN_CHARACTERS: usize = 200;

/// A copy that was found to be right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckedCopy {
    /// The snapshots that are the same in both stores, and whose states were restored from the copy.
    pub verified: u64,
    /// The snapshots of the source that come after the copy's end, saved since it was made.
    pub later: u64,
}

impl Store {
    /// Checks the copy of a session in another store against the session: up to the copy's end both have the same live
    /// snapshots, with the same content hashes, metadata, labels, parents and attachments. Then every state and every
    /// attachment is restored from the copy and checked against its hash. Of the source only headers are read.
    ///
    /// Nobody should write to either meanwhile: what is deleted, labelled or attached in between is a difference.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a session in the target, unless the source's has no record;
    /// [`ErrorKind::Integrity`] with the code `copy_differs`, the snapshot and what is different, or when either cannot be
    /// read; otherwise what the backends or codecs report.
    pub async fn check_copy(&self, to: &Self, session: &SessionRef) -> Result<CheckedCopy> {
        let operation = self.operation(Operation::CheckCopy, session);
        let work = async {
            self.open_marker().await?;
            let (source, target) = try_join(self.read_view(session), to.view_if_any(session)).await?;
            if source.head.is_none() && target.head.is_none() {
                return Ok(CheckedCopy::default());
            }
            to.open_marker().await?;
            let end = target.head.ok_or_else(|| no_session(session))?;
            let checked = self.compare_rows(to, session, end).await?;
            let boundary = source.decisions.boundary.max(target.decisions.boundary);
            if end.get() >= boundary && same_record(self, to, session, end).await? != Some(true) {
                return Err(differs(self, to, session, end, "different history up to it"));
            }
            let attached = self.different_attachment(to, session, &both_live(&source, &target), true).await?;
            if let Some((index, name)) = attached {
                return Err(differs(
                    self,
                    to,
                    session,
                    index,
                    &format!("different attachment {:?}", name.as_str()),
                ));
            }
            if end.get() >= target.decisions.boundary {
                let pattern = RefPattern {
                    agent: Some(session.agent.clone()),
                    session: Some(session.session.clone()),
                    index: None,
                };
                let mut rows = pin!(to.verify(&pattern, Depth::Data));
                while let Some(row) = rows.try_next().await? {
                    row.error.map_or(Ok(()), Err)?;
                }
            }
            Ok(checked)
        };
        operation.run(work).await
    }

    /// Compares what both stores list, side by side.
    async fn compare_rows(&self, to: &Self, session: &SessionRef, end: SnapshotIndex) -> Result<CheckedCopy> {
        let mut checked = CheckedCopy::default();
        let mut ours = pin!(self.list_session(session.clone(), None, SnapshotIndex::FIRST));
        let mut theirs = pin!(to.list_session(session.clone(), None, SnapshotIndex::FIRST));
        let (mut one, mut other) = try_join(ours.try_next(), theirs.try_next()).await?;
        while let Some(index) = [&one, &other].into_iter().flatten().map(|row| row.snapshot_index).min() {
            let here = one.take_if(|row| row.snapshot_index == index);
            let there = other.take_if(|row| row.snapshot_index == index);
            match (&here, &there) {
                (Some(here), Some(there)) => {
                    expect_same(self, to, here, there)?;
                    checked.verified += 1;
                }
                (Some(_), None) if index > end => checked.later += 1,
                (Some(_), None) => return Err(differs(self, to, session, index, "it is only in the source")),
                _ => return Err(differs(self, to, session, index, "it is only in the copy")),
            }
            // Both go on while either is waited for: each has reads under way.
            (one, other) =
                try_join(async { if here.is_some() { ours.try_next().await } else { Ok(one) } }, async {
                    if there.is_some() { theirs.try_next().await } else { Ok(other) }
                })
                .await?;
        }
        Ok(checked)
    }
}

/// Expects that two rows tell the same of a snapshot, but for how it is stored.
fn expect_same(from: &Store, to: &Store, source: &SnapshotInfo, copy: &SnapshotInfo) -> Result<()> {
    for ((what, expected), (_, found)) in told(source).into_iter().zip(told(copy)) {
        if expected != found {
            let cut = |text: String| text.chars().take(SHOWN_CHARACTERS).collect::<String>();
            return Err(differs(
                from,
                to,
                &source.session(),
                source.snapshot_index,
                &format!("different {what}"),
            )
            .with_context("source", cut(expected))
            .with_context("copy", cut(found)));
        }
    }
    Ok(())
}

/// What is known of a snapshot that does not depend on the store.
fn told(info: &SnapshotInfo) -> [(&'static str, String); 11] {
    let optional = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    [
        ("content hash", info.content_hash.to_string()),
        ("content length", info.content_length.to_string()),
        ("timestamp", info.timestamp.to_string()),
        ("parent", optional(info.parent_index.map(|parent| parent.to_string()))),
        ("name", format!("{:?}", info.name.as_ref().map(SnapshotName::as_str))),
        ("labels", format!("{:?}", info.labels)),
        ("description", format!("{:?}", info.description)),
        ("media type", info.media_type.clone()),
        ("origin of the fork", optional(info.forked_from.as_ref().map(ToString::to_string))),
        ("write id", info.write_id.to_string()),
        ("format version", info.format_version.to_string()),
    ]
}

fn differs(from: &Store, to: &Store, session: &SessionRef, index: SnapshotIndex, what: &str) -> Error {
    let (from, to) = (&from.options().name, &to.options().name);
    let message =
        format!("the snapshot {session}@{index} in the store {to:?} is not the one in {from:?}: {what}");
    Error::new(ErrorKind::Integrity, "copy_differs", message)
        .with_context("snapshot", format!("{session}@{index}"))
        .with_hint("if nobody changed either session meanwhile, delete the copy's and copy it anew")
}
