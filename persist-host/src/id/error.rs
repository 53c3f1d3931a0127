//! Why a name or a reference was refused.

use super::MAX_ID_BYTES;
use super::index::MAX_INDEX;

/// A name, an index or a reference that cannot be used; nothing was looked up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidId {
    /// A part that must be there is empty.
    #[error("the {what} is empty")]
    Empty {
        /// Which part it is.
        what: &'static str,
    },
    /// A name is longer than 200 bytes.
    #[error("the {what} is too long: found {found} bytes of UTF-8, at most {MAX_ID_BYTES} are allowed")]
    TooLong {
        /// Which part it is.
        what: &'static str,
        /// Its length in bytes.
        found: usize,
    },
    /// A name holds a control character.
    #[error(
        "the {what} holds the control character U+{:04X} at byte {offset}; control characters are not allowed",
        u32::from(*character)
    )]
    ControlCharacter {
        /// Which part it is.
        what: &'static str,
        /// The character.
        character: char,
        /// Its offset in bytes from the start of the part.
        offset: usize,
    },
    /// A percent sign is not followed by two hexadecimal digits.
    #[error("the {what} \"{text}\" has a % without two hexadecimal digits after it; write a % itself as %25")]
    MalformedPercent {
        /// Which part it is.
        what: &'static str,
        /// The part as it was written.
        text: String,
    },
    /// The percent-decoded bytes are not UTF-8.
    #[error("the {what} \"{text}\" is not UTF-8 once its percent codes are decoded")]
    NotUtf8 {
        /// Which part it is.
        what: &'static str,
        /// The part as it was written.
        text: String,
    },
    /// A separator stands where it has no meaning.
    #[error("unexpected {found} in \"{text}\"; inside an id write it as {encoded}")]
    UnexpectedSeparator {
        /// The separator.
        found: char,
        /// How it is written inside an id.
        encoded: &'static str,
        /// The reference as it was written.
        text: String,
    },
    /// A reference names no session.
    #[error("\"{text}\" has no '/': expected AGENT/SESSION or AGENT/SESSION@INDEX")]
    MissingSlash {
        /// The reference as it was written.
        text: String,
    },
    /// An index is not a decimal number in range.
    #[error("\"{text}\" is not a snapshot index: expected a decimal number from 0 to {MAX_INDEX}")]
    BadIndex {
        /// The index as it was written.
        text: String,
    },
}
