//! `persist log`: how a session's snapshots follow one another.

mod graph;

use std::collections::{BTreeMap, BTreeSet};

use persist_host::{Error, ErrorKind, RefPattern, SnapshotIndex, SnapshotInfo};
use serde::Serialize;

use super::args::LogArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::list::{each_snapshot, note};
use super::output::{Output, plain, size};
use super::progress::Progress;
use graph::{Graph, Node};

/// A snapshot as JSON carries it.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    info: &'a SnapshotInfo,
    parent_deleted: bool,
}

pub(crate) async fn run(args: LogArgs, context: &Context) -> Outcome {
    let output = context.output();
    let session = args.session;
    let pattern = RefPattern {
        agent: Some(session.agent.clone()),
        session: Some(session.session.clone()),
        index: None,
    };
    let store = context.store().await?;
    let progress = Progress::counting(output, "reading snapshots");
    let mut snapshots = BTreeMap::new();
    let exit = each_snapshot(&store, &pattern, &progress, output, |info| {
        progress.advance();
        snapshots.insert(info.snapshot_index, info);
        Ok(())
    })
    .await?;
    drop(progress);
    if snapshots.is_empty() && exit == Exit::Done {
        let message = format!("the session {session} has no snapshots");
        return Err(Error::new(ErrorKind::NotFound, "session_not_found", message)
            .with_hint("`persist list` shows what the store holds")
            .into());
    }
    print(&snapshots, output)?;
    Ok(exit)
}

fn print(snapshots: &BTreeMap<SnapshotIndex, SnapshotInfo>, output: &Output) -> Result<(), Failure> {
    let is_gone = |parent: &SnapshotIndex| !snapshots.contains_key(parent);
    if output.is_json() {
        for info in snapshots.values().rev() {
            let parent_deleted = info.parent_index.as_ref().is_some_and(is_gone);
            output.object(&Row { info, parent_deleted })?;
        }
        return Ok(());
    }
    // A parent that is gone has a place of its own, so that the branches that begin there meet.
    let gone = snapshots.values().filter_map(|info| info.parent_index).filter(is_gone);
    let all: BTreeSet<SnapshotIndex> = snapshots.keys().copied().chain(gone).collect();
    let mut graph = Graph::default();
    for index in all.into_iter().rev() {
        let info = snapshots.get(&index);
        let parent = info.and_then(|info| info.parent_index).map(SnapshotIndex::get);
        let rows = graph.add(Node { id: index.get(), parent, is_there: info.is_some() });
        for line in rows.before {
            output.line(&line)?;
        }
        let text = info.map_or_else(|| "deleted or unreadable".to_owned(), describe);
        output.line(plain(&format!("{} @{index}  {text}", rows.node)).replace('\n', "\\n").trim_end())?;
        for line in rows.after {
            output.line(&line)?;
        }
    }
    Ok(())
}

fn describe(info: &SnapshotInfo) -> String {
    let time = info.timestamp.to_string();
    // To the second: the rest is for machines.
    let time = time.split_once('.').map_or_else(|| time.clone(), |(seconds, _)| format!("{seconds}Z"));
    let (length, stored) = (size(info.content_length), size(info.stored_bytes));
    format!("{time}  {length} ({stored} stored)  {}", note(info))
}
