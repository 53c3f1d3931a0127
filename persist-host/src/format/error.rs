//! Why stored bytes could not be used.

use std::error::Error;

/// What is wrong with the bytes of a stored object, or with values that were to become one.
///
/// The caller adds which object it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes are not what a writer of this format stored.
    #[error("the data is damaged: {what}")]
    Corrupt {
        /// What was found, and what was expected.
        what: String,
        /// What the decoder said.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The bytes end early.
    #[error("the data is truncated: expected {expected} bytes, found {found}")]
    Truncated {
        /// How many bytes there have to be at least.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// An undamaged object of a format version that this release does not read.
    #[error(
        "it is written in format version {found}, and this release reads only version {supported}; install {}",
        release_or_newer(release.as_deref())
    )]
    UnknownVersion {
        /// The object's format version.
        found: u16,
        /// The version that this release reads.
        supported: u16,
        /// The release that introduced the version, when the object names it.
        release: Option<String>,
    },
    /// An undamaged store marker of a layout that this release does not read.
    #[error(
        "the store has layout version {found}, and this release reads only version {supported}; install {}",
        release_or_newer(release.as_deref())
    )]
    UnknownLayout {
        /// The store's layout version.
        found: u64,
        /// The version that this release reads.
        supported: u64,
        /// The release that introduced the layout, when the marker names it.
        release: Option<String>,
    },
    /// An undamaged object that needs a feature which this release does not have.
    #[error(
        "it needs the feature \"{name}\", which this release does not have; install {}",
        release_or_newer(Some(release))
    )]
    UnknownFeature {
        /// The feature.
        name: String,
        /// The release that introduced it.
        release: String,
    },
    /// An undamaged object of a kind that this release does not know.
    #[error("it is an object of the unknown kind {kind}; install a newer release of Persist")]
    UnknownKind {
        /// The kind's number.
        kind: u64,
    },
    /// Values that the format cannot express, refused before anything was written.
    #[error("the object cannot be written: {what}")]
    Unencodable {
        /// Which value it is, and which rule it breaks.
        what: String,
        /// What the encoder said.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

impl FormatError {
    /// Whether the bytes themselves are damaged, rather than merely unknown to this release.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Truncated { .. })
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), source: None }
    }

    pub(crate) fn corrupt_with(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Corrupt { what: what.into(), source: Some(source.into()) }
    }

    pub(crate) fn unencodable(what: impl Into<String>) -> Self {
        Self::Unencodable { what: what.into(), source: None }
    }

    pub(crate) fn unencodable_with(
        what: impl Into<String>,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unencodable { what: what.into(), source: Some(source.into()) }
    }
}

fn release_or_newer(release: Option<&str>) -> String {
    match release {
        Some(release) => format!("Persist {release} or newer"),
        None => "a newer release of Persist".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn refusals_name_the_release() {
        let error = FormatError::UnknownFeature { name: "deltas".into(), release: "0.2.0".into() };
        assert!(error.to_string().ends_with("install Persist 0.2.0 or newer"), "{error}");
        assert!(!error.is_damage());
        let error = FormatError::UnknownVersion { found: 2, supported: 1, release: None };
        assert!(error.to_string().ends_with("install a newer release of Persist"), "{error}");
    }

    #[test]
    fn damage_keeps_its_source() {
        let error = FormatError::corrupt_with("the header", "inner");
        assert!(error.is_damage());
        assert_eq!(error.source().unwrap().to_string(), "inner");
        assert!(!error.to_string().contains("inner"));
    }
}
