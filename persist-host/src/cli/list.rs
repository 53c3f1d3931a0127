//! `persist list`.

use std::pin::pin;

use futures_util::StreamExt as _;
use persist_host::{ErrorKind, RefPattern, SnapshotInfo, Store};

use super::args::ListArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{Output, plain, size};
use super::progress::Progress;

pub(crate) async fn run(args: ListArgs, context: &Context) -> Outcome {
    let output = context.output();
    let pattern = args.pattern.unwrap_or_default();
    let store = context.store().await?;
    let progress = Progress::start(output, "listing");
    let mut count = 0_u64;
    let exit = each_snapshot(&store, &pattern, &progress, output, |info| {
        count += 1;
        progress.around(|| row(&info, count == 1, output))
    })
    .await?;
    drop(progress);
    if count == 0 && exit == Exit::Done && !output.is_json() {
        output.note("there are no snapshots");
    }
    Ok(exit)
}

/// Hands every snapshot of a pattern to `each`. One that cannot be read is reported and decides the exit code, and does not
/// hide the others; a backend that fails does.
pub(crate) async fn each_snapshot(
    store: &Store,
    pattern: &RefPattern,
    progress: &Progress,
    output: &Output,
    mut each: impl FnMut(SnapshotInfo) -> Result<(), Failure>,
) -> Outcome {
    let mut exit = Exit::Done;
    let mut snapshots = pin!(store.list(pattern));
    while let Some(item) = snapshots.next().await {
        match item {
            Ok(info) => each(info)?,
            Err(error) if matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible) => {
                progress.around(|| output.error(&error));
                if exit != Exit::Integrity {
                    exit = Exit::of(error.kind());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(exit)
}

/// Prints one snapshot. Rows are printed as they come, so the columns' widths are fixed and a long reference shifts
/// only its own row.
pub(crate) fn row(info: &SnapshotInfo, is_first: bool, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.object(info);
    }
    if is_first && !output.is_quiet() {
        output
            .line(&format!("{:<32}  {:<20}  {:>10}  {:>10}  NOTE", "SNAPSHOT", "TIME", "SIZE", "STORED"))?;
    }
    let reference = format!("{}@{}", info.session(), info.snapshot_index);
    let time = info.timestamp.to_string();
    // To the second: the rest is for machines.
    let time = time.split_once('.').map_or_else(|| time.clone(), |(seconds, _)| format!("{seconds}Z"));
    let text = format!(
        "{reference:<32}  {time:<20}  {:>10}  {:>10}  {}",
        size(info.content_length),
        size(info.stored_bytes),
        note(info)
    );
    output.line(&plain(text.trim_end()).replace('\n', "\\n"))
}

/// The name, the description and the labels, as far as there are any.
pub(crate) fn note(info: &SnapshotInfo) -> String {
    let name = info.name.iter().map(|name| format!("[{name}]"));
    let description = info.description.iter().cloned();
    let labels = info.labels.iter().map(|(key, value)| format!("{key}={value}"));
    name.chain(description).chain(labels).collect::<Vec<_>>().join("  ")
}
