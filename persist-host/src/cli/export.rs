//! `persist export`.

use std::io::{self, IsTerminal as _, Seek as _, Write as _};

use persist_host::archive::{ArchiveContents, ArchiveWriter};
use persist_host::{Error, ErrorKind, RefPattern, Selection, Store};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::args::ExportArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::size;
use super::output_file::{OutputFile, off_thread};
use super::progress::Progress;
use super::transfer::copy;

/// What a message calls the store that the archive is.
const ARCHIVE: &str = "the archive";

/// What was exported, as JSON carries it.
#[derive(Serialize)]
struct JsonReport<'a> {
    output: &'a str,
    sessions: usize,
    snapshots: u64,
    #[serde(flatten)]
    contents: &'a ArchiveContents,
}

pub(crate) async fn run(args: ExportArgs, context: &Context) -> Outcome {
    let path = args.output.filter(|path| path.as_os_str() != "-");
    if path.is_none() && io::stdout().is_terminal() {
        let message = "an archive is not written to a terminal";
        return Err(Error::new(ErrorKind::Usage, "output_is_terminal", message)
            .with_hint("name a file with --output, or redirect standard output")
            .into());
    }
    // A file that may not be overwritten is reported before anything is read.
    let target =
        path.map(|path| OutputFile::new(path.clone(), args.force).map(|file| (path, file))).transpose()?;
    let options = context.store_options_of(context.store_name().as_deref()).await?;
    let from = Store::new(options.clone());
    let patterns = if args.all { vec![RefPattern::default()] } else { args.patterns };
    let mut selection = Selection::default();
    for pattern in &patterns {
        selection.add(&from, pattern).await?;
    }
    if selection.is_empty() {
        let message = "there are no sessions to export";
        return Err(Error::new(ErrorKind::NotFound, "session_not_found", message).into());
    }
    let mut file = match &target {
        Some((_, target)) => target.temporary()?,
        None => NamedTempFile::new().map_err(no_temporary_file)?,
    };
    let writer = ArchiveWriter::new(file.as_file().try_clone().map_err(no_temporary_file)?);
    let progress = Progress::counting(context.output(), "exporting");
    let archive = writer.store(ARCHIVE, &options);
    let mut snapshots = 0;
    // An archive of a part of what was asked for would look complete, so the first error ends it.
    let copied = copy(&selection, &from, &archive, true, &progress, |_, copied| {
        snapshots += copied?.copied;
        Ok(())
    });
    copied.await?;
    let contents = writer.finish().await?;
    drop(progress);
    let output = context.output();
    let sessions = selection.len();
    let Some((path, target)) = target else {
        let stdout = file.as_file_mut().rewind().and_then(|()| {
            let mut stdout = io::stdout().lock();
            io::copy(file.as_file_mut(), &mut stdout)?;
            stdout.flush()
        });
        stdout.map_err(Failure::stdout)?;
        output.note(&text(snapshots, sessions, "standard output", &contents));
        return Ok(Exit::Done);
    };
    off_thread(move || target.finish(file)).await?;
    let path = path.to_string_lossy();
    if output.is_json() {
        output.object(&JsonReport { output: &path, sessions, snapshots, contents: &contents })?;
    } else {
        output.note(&text(snapshots, sessions, &path, &contents));
    }
    Ok(Exit::Done)
}

fn text(snapshots: u64, sessions: usize, to: &str, contents: &ArchiveContents) -> String {
    format!("exported {snapshots} snapshots of {sessions} sessions to {to} ({})", size(contents.bytes))
}

fn no_temporary_file(error: io::Error) -> Error {
    Error::new(ErrorKind::Other, "output_failed", "cannot write a temporary file").with_source(error)
}
