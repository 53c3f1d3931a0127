//! `persist restore`.

use std::path::Path;

use persist_host::SnapshotInfo;
use serde::Serialize;

use super::args::RestoreArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::named;
use super::output::size;
use super::output_file::{OutputFile, off_thread};
use super::progress::Progress;

pub(crate) async fn run(args: RestoreArgs, context: &Context) -> Outcome {
    let path = args.output.filter(|path| path.as_os_str() != "-");
    // A file that may not be overwritten is reported before anything is fetched.
    let target =
        path.map(|path| OutputFile::new(path.clone(), args.force).map(|file| (path, file))).transpose()?;
    let store = context.store().await?;
    let progress = Progress::start(context.output(), "restoring");
    let reference = named::resolve(&store, args.reference, args.name.as_ref()).await?;
    let restored = store.restore(&reference).await?;
    let Some((path, file)) = target else {
        drop(progress);
        context.output().raw(&restored.state)?;
        return Ok(Exit::Done);
    };
    let state = restored.state;
    off_thread(move || file.write(&state)).await?;
    drop(progress);
    report(&restored.info, &path, context)?;
    Ok(Exit::Done)
}

fn report(info: &SnapshotInfo, path: &Path, context: &Context) -> Result<(), Failure> {
    let output = context.output();
    if output.is_json() {
        return output.object(&JsonReport { info, output: &path.to_string_lossy() });
    }
    let (session, index, length) = (info.session(), info.snapshot_index, size(info.content_length));
    output.note(&format!("restored {session}@{index} to {} ({length})", path.display()));
    Ok(())
}

/// What was restored and where to, as JSON carries it.
#[derive(Serialize)]
pub(crate) struct JsonReport<'a, T> {
    #[serde(flatten)]
    pub(crate) info: &'a T,
    pub(crate) output: &'a str,
}
