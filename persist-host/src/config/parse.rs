//! From the text of a file to a [`Document`]: TOML, or JSON when the file's name ends in `.json`.

mod json;
mod toml;

use std::path::Path;

use super::document::Document;
use crate::{Error, ErrorKind, Result};

/// Parses the text of the file at `path`.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`] with the line when the text does not follow the syntax.
pub(super) fn parse(text: &str, path: &Path) -> Result<Document> {
    // Editors on some systems begin a file with a byte order mark, which neither syntax allows.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if is_json { json::parse(text, path) } else { toml::parse(text, path) }
}

fn syntax_error(path: &Path, line: usize, syntax: &str, cause: String) -> Error {
    let file = path.display();
    Error::new(
        ErrorKind::InvalidInput,
        "config_syntax",
        format!("{file}:{line}: the config is not valid {syntax}"),
    )
    .with_context("file", file)
    .with_context("line", line)
    .with_source(cause)
}
