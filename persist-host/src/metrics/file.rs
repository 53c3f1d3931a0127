//! The metrics as a file, for `node_exporter`'s textfile collector.

use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::{Error, ErrorKind, Result};

/// Writes the metrics of this process into a file that everybody may read, and that appears at once or not at all. One
/// that is there is replaced. The textfile collector reads only names that end in `.prom`.
///
/// # Errors
///
/// `metrics_file`, when the file cannot be written.
pub fn write_file(path: &Path) -> Result<()> {
    write(path, &super::text()).map_err(|error| {
        let message = format!("cannot write the metrics to {}", path.display());
        Error::new(ErrorKind::Other, "metrics_file", message)
            .with_context("file", path.display())
            .with_source(error)
            .with_hint("name a file in a directory that exists and that you may write to")
    })
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // The collector passes over names without the suffix `.prom`, so that it never reads half a file.
    let mut file = tempfile::Builder::new()
        .prefix(".persist-metrics-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}
