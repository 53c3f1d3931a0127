//! The errors of a config file: all of them name file, line and key.

use super::document::Document;
use crate::{Error, ErrorKind};

/// A value that is not what its key allows; `problem` says what was found and what is expected.
pub(super) fn bad_value(document: &Document, path: &str, problem: &str) -> Error {
    at(document, path, "config_bad_value", &format!("`{path}` {problem}"))
}

/// A key that means nothing here.
pub(super) fn unknown_key(document: &Document, path: &str, allowed: &[&str]) -> Error {
    let allowed = allowed.join(", ");
    at(document, path, "config_unknown_key", &format!("unknown key `{path}`; allowed here: {allowed}"))
}

/// A key that has to be there; the line is that of the table which lacks it.
pub(super) fn missing_key(document: &Document, table: &str, key: &str, example: &str) -> Error {
    at(
        document,
        table,
        "config_missing_key",
        &format!("`{table}` lacks the key `{key}`, for example {example}"),
    )
}

/// Something that a file found in the current directory may not say.
pub(super) fn untrusted(document: &Document, path: &str, reason: &str) -> Error {
    at(
        document,
        path,
        "config_untrusted",
        &format!("`{path}` is refused because the file was only found in the current directory: {reason}"),
    )
    .with_hint(
        "if you trust the file, name it: --config ./persist.toml; otherwise run the command from another directory",
    )
}

/// An error about the key at `path`.
pub(super) fn at(document: &Document, path: &str, code: &'static str, problem: &str) -> Error {
    let file = document.file.display();
    // What a program says has no lines.
    if document.lines.is_empty() {
        return Error::new(ErrorKind::InvalidInput, code, format!("{file}: {problem}"))
            .with_context("key", path);
    }
    let line = document.line(path);
    Error::new(ErrorKind::InvalidInput, code, format!("{file}:{line}: {problem}"))
        .with_context("file", file)
        .with_context("line", line)
        .with_context("key", path)
}
