//! `persist import`.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::pin::pin;

use futures_util::TryStreamExt as _;
use persist_host::archive::ArchiveReader;
use persist_host::{Depth, Error, ErrorKind, RefPattern, Result, Selection, Store};

use super::args::ImportArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::list::row;
use super::progress::Progress;
use super::transfer::{Report, copy};

/// What a message calls the store that the archive is.
const ARCHIVE: &str = "the archive";

pub(crate) async fn run(args: ImportArgs, context: &Context) -> Outcome {
    let options = context.store_options_of(context.store_name().as_deref()).await?;
    let file = open(args.file.clone()).await?;
    let reader = ArchiveReader::open(&args.file, file).await?;
    let archive = reader.store(ARCHIVE, &options);
    check(&archive, context).await?;
    let patterns = if args.patterns.is_empty() { vec![RefPattern::default()] } else { args.patterns };
    if args.dry_run {
        let mut count = 0;
        for pattern in &patterns {
            let mut snapshots = pin!(archive.list(pattern));
            while let Some(info) = snapshots.try_next().await? {
                row(&info, count == 0, context.output())?;
                count += 1;
            }
        }
        return Ok(Exit::Done);
    }
    let mut selection = Selection::default();
    for pattern in &patterns {
        selection.add(&archive, pattern).await?;
    }
    context.set_interrupt_note("the same command continues the import".to_owned());
    let name = options.name.clone();
    let to = Store::new(options);
    let progress = Progress::counting(context.output(), "importing");
    let mut report = Report::new(context.output(), ARCHIVE, &name);
    let copied =
        copy(&selection, &archive, &to, true, &progress, |session, copied| report.row(session, copied));
    copied.await?;
    Ok(report.exit())
}

/// Restores everything that the archive holds, before anything of it gets into the store.
async fn check(archive: &Store, context: &Context) -> Result<()> {
    let progress = Progress::counting(context.output(), "checking");
    let everything = RefPattern::default();
    let mut rows = pin!(archive.verify(&everything, Depth::Data));
    while let Some(row) = rows.try_next().await? {
        if let Some(error) = row.error {
            return Err(error);
        }
        progress.advance();
    }
    Ok(())
}

/// The archive's file. Standard input is kept in a temporary file, since an archive is read more than once.
async fn open(path: PathBuf) -> Result<File> {
    let opened = tokio::task::spawn_blocking(move || {
        if path.as_os_str() != "-" {
            return File::open(&path).map_err(|error| cannot_read(&path.display().to_string(), error));
        }
        let spooled = tempfile::tempfile().and_then(|mut file| {
            io::copy(&mut io::stdin().lock(), &mut file)?;
            Ok(file)
        });
        spooled.map_err(|error| cannot_read("standard input", error))
    });
    opened.await.unwrap_or_else(|error| {
        let message = "the thread that reads the archive ended early";
        Err(Error::new(ErrorKind::Other, "input_failed", message).with_source(error))
    })
}

fn cannot_read(what: &str, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        _ => ErrorKind::Other,
    };
    Error::new(kind, "input_failed", format!("cannot read the archive from {what}")).with_source(error)
}
