//! Text that no message may hold.

use std::fmt;
use std::path::Path;

use persist_plugin_api::{Error, ErrorCode, Result};
use serde::Deserialize;

/// A password, a token, or a URL that may hold one. It shows itself as `***`.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Text that is secret from now on.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the client library alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first line of a file, without its line end: how orchestrators hand secrets to containers.
    ///
    /// # Errors
    /// [`ErrorCode::CONFIG`] when the file that `option` names cannot be read or has no first line.
    pub fn from_file(option: &str, path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(ErrorCode::CONFIG, format!("{option} names {shown}, which cannot be read"))
                .with_source(error)
        })?;
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(Self(line.to_owned())),
            _ => {
                let message =
                    format!("{option} names {shown}, whose first line is empty; it should be the secret");
                Err(Error::new(ErrorCode::CONFIG, message))
            }
        }
    }

    /// What an environment variable holds; `None` when it is unset or empty.
    #[must_use]
    pub fn from_environment(variable: &str) -> Option<Self> {
        std::env::var(variable).ok().filter(|value| !value.is_empty()).map(Self)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret: Secret = serde_json::from_str(r#""hunter2""#).unwrap();
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn a_file_gives_its_first_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, "hunter2\nnot this\n").unwrap();
        assert_eq!(Secret::from_file("password_file", &path).unwrap(), Secret::new("hunter2"));
        std::fs::write(&path, "\nhunter2").unwrap();
        let error = Secret::from_file("password_file", &path).unwrap_err();
        assert!(error.message().starts_with("password_file names ") && !error.message().contains("hunter2"));
        assert_eq!(error.code(), ErrorCode::CONFIG);
        Secret::from_file("password_file", &directory.path().join("none")).unwrap_err();
    }
}
