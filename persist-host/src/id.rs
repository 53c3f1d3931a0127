//! Names of agents, sessions and snapshots, checked once where they enter the program.

mod error;
mod index;
mod reference;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

pub use error::InvalidId;
pub use index::SnapshotIndex;
pub use reference::{RefPattern, SessionRef, SnapshotRef};

/// The longest id or snapshot name, in bytes of UTF-8.
pub(crate) const MAX_ID_BYTES: usize = 200;

/// Declares one newtype over a checked string; all of them obey the same rules.
macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// Between 1 and 200 bytes of UTF-8 without control characters; everything else is allowed.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and takes it as it is; nothing is trimmed or decoded.
            ///
            /// # Errors
            ///
            /// [`InvalidId`] when `text` is empty, longer than 200 bytes or holds a control character.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                check($what, text)?;
                Ok(Self(text.to_owned()))
            }

            /// The text, exactly as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

checked_name!(
    /// The id of an agent.
    AgentId,
    "agent id"
);
checked_name!(
    /// The id of one session of an agent.
    SessionId,
    "session id"
);
checked_name!(
    /// A name that a client chose for one snapshot.
    SnapshotName,
    "snapshot name"
);
checked_name!(
    /// The name of an attachment, unique among those of its snapshot.
    AttachmentName,
    "attachment name"
);

fn check(what: &'static str, text: &str) -> Result<(), InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty { what });
    }
    if text.len() > MAX_ID_BYTES {
        return Err(InvalidId::TooLong { what, found: text.len() });
    }
    match text.char_indices().find(|(_, character)| character.is_control()) {
        Some((offset, character)) => Err(InvalidId::ControlCharacter { what, character, offset }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusual_ids_are_ordinary() {
        for text in ["..", ".hidden", "CON", "a/b", "a b", "ünï", "🦀", "%", "@", " ", &"x".repeat(200)] {
            assert_eq!(AgentId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn refusals_are_specific() {
        assert!(matches!(SessionId::parse(""), Err(InvalidId::Empty { what: "session id" })));
        let long = "é".repeat(101);
        let error = SnapshotName::parse(&long).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the snapshot name is too long: found 202 bytes of UTF-8, at most 200 are allowed"
        );
        let error = AgentId::parse("a\u{85}b").unwrap_err();
        assert!(matches!(error, InvalidId::ControlCharacter { character: '\u{85}', offset: 1, .. }));
        assert!(error.to_string().contains("U+0085"), "{error}");
    }

    #[test]
    fn serialises_as_a_plain_string() {
        let id = AgentId::parse("a\"b").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), r#""a\"b""#);
    }
}
