//! Verbs that move sessions: into archives, out of them, and into other stores.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use persist_host::archive::{ArchiveContents, ArchiveReader, ArchiveWriter};
use persist_host::{
    AgentId, Copied, CopyOptions, Depth, Error, ErrorKind, RefPattern, Result, Selection, SessionId, Store,
};
use pyo3::prelude::*;
use serde::Serialize;
use tempfile::NamedTempFile;

use super::NativeStore;
use crate::arguments;
use crate::infos::Report;
use crate::operation::Operation;
use crate::recipe::Opened;

/// What a message calls the store that the archive is.
const ARCHIVE: &str = "the archive";

/// What was exported.
#[derive(Serialize)]
struct Exported {
    sessions: usize,
    snapshots: u64,
    #[serde(flatten)]
    contents: ArchiveContents,
}

/// What was copied of one session.
#[derive(Serialize)]
struct Row {
    agent_id: AgentId,
    session_id: SessionId,
    #[serde(flatten)]
    copied: Copied,
}

#[pymethods]
impl NativeStore {
    /// Writes sessions into an archive.
    fn export(
        &self,
        py: Python<'_>,
        path: PathBuf,
        agent: Option<&str>,
        session: Option<&str>,
        overwrite: bool,
    ) -> PyResult<Operation> {
        let pattern = arguments::pattern(agent, session, None)?;
        self.operation(py, move |opened| {
            async move { Report::of(&export(opened, &path, &pattern, overwrite).await?) }.boxed()
        })
    }

    /// Reads sessions from an archive, which is checked as a whole before.
    fn import_(
        &self,
        py: Python<'_>,
        path: PathBuf,
        agent: Option<&str>,
        session: Option<&str>,
    ) -> PyResult<Operation> {
        let pattern = arguments::pattern(agent, session, None)?;
        self.operation(py, move |opened| {
            async move { Report::of(&import(opened, &path, &pattern).await?) }.boxed()
        })
    }

    /// Copies a session into another store, or continues a copy.
    fn copy(
        &self,
        py: Python<'_>,
        to: &Self,
        agent: &str,
        session: &str,
        until: Option<u64>,
        verify: bool,
    ) -> PyResult<Operation> {
        let session = arguments::session(agent, session)?;
        let mut options = CopyOptions::default();
        options.until = until.map(arguments::index).transpose()?;
        options.verify = verify;
        let target = to.0.current(py)?;
        self.operation(py, move |opened| {
            async move {
                let target = target.get().await?;
                Report::of(&opened.store.copy_session(&target.store, &session, options, &|_| {}).await?)
            }
            .boxed()
        })
    }
}

async fn export(opened: &Opened, path: &Path, pattern: &RefPattern, overwrite: bool) -> Result<Exported> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let message = format!("the file {} exists already and was left as it is", path.display());
            Error::new(ErrorKind::Conflict, "output_exists", message)
                .with_hint("pass overwrite=True to replace it")
        }
        _ => {
            let message = format!("cannot write to {}; the file was left as it was", path.display());
            Error::new(ErrorKind::Other, "output_failed", message).with_source(error)
        }
    };
    // A file that may not be overwritten is reported before anything is read.
    if !overwrite && fs::exists(path).map_err(failed)? {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let mut selection = Selection::default();
    selection.add(&opened.store, pattern).await?;
    if selection.is_empty() {
        let message = "there are no sessions to export";
        return Err(Error::new(ErrorKind::NotFound, "session_not_found", message));
    }
    let file = temporary(path).map_err(failed)?;
    let writer = ArchiveWriter::new(file.as_file().try_clone().map_err(failed)?);
    let archive = writer.store(ARCHIVE, &opened.options);
    // An archive of a part of what was asked for would look complete, so the first error ends it.
    let rows = copy_all(&selection, &opened.store, &archive).await?;
    let contents = writer.finish().await?;
    replace(file, path, overwrite).map_err(failed)?;
    Ok(Exported { sessions: rows.len(), snapshots: rows.iter().map(|row| row.copied.copied).sum(), contents })
}

async fn import(opened: &Opened, path: &Path, pattern: &RefPattern) -> Result<Vec<Row>> {
    let file = File::open(path).map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Other,
        };
        let message = format!("cannot read the archive from {}", path.display());
        Error::new(kind, "input_failed", message).with_source(error)
    })?;
    let reader = ArchiveReader::open(path, file).await?;
    let archive = reader.store(ARCHIVE, &opened.options);
    // Everything is restored before anything of it gets into the store.
    let everything = RefPattern::default();
    let mut checked = pin!(archive.verify(&everything, Depth::Data));
    while let Some(row) = checked.try_next().await? {
        row.error.map_or(Ok(()), Err)?;
    }
    let mut selection = Selection::default();
    selection.add(&archive, pattern).await?;
    copy_all(&selection, &archive, &opened.store).await
}

/// Copies sessions until one fails; what was copied by then stays, and the same call continues it.
async fn copy_all(selection: &Selection, from: &Store, to: &Store) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut copies = pin!(selection.copy(from, to, true, &|_| {}));
    while let Some((session, copied)) = copies.next().await {
        rows.push(Row {
            agent_id: session.agent.clone(),
            session_id: session.session.clone(),
            copied: copied?,
        });
    }
    Ok(rows)
}

/// A file beside the target, with the permissions that the user's mask gives any new file.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(".persist-output-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(directory_of(path))
}

fn replace(file: NamedTempFile, path: &Path, overwrite: bool) -> io::Result<()> {
    file.as_file().sync_all()?;
    if overwrite {
        file.persist(path).map_err(|error| error.error)?;
    } else {
        file.persist_noclobber(path).map_err(|error| error.error)?;
    }
    File::open(directory_of(path))?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
