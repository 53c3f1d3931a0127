//! Digests and write ids: fixed-size values with a hexadecimal text form.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a snapshot's state, exactly as the client gave it; written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

/// Names one attempt to write, so that a repeated attempt is recognised; written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriteId(pub [u8; 16]);

/// A text that is not the hexadecimal form of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not {what}: expected {digits} hexadecimal digits")]
pub struct InvalidHex {
    text: String,
    what: &'static str,
    digits: usize,
}

impl InvalidHex {
    pub(super) fn new(text: &str, what: &'static str, digits: usize) -> Self {
        Self { text: text.to_owned(), what, digits }
    }
}

impl ContentHash {
    /// Hashes a whole state.
    #[must_use]
    pub fn of(state: &[u8]) -> Self {
        Self(Sha256::digest(state).into())
    }
}

impl WriteId {
    /// Draws a new random id.
    #[must_use]
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().into_bytes())
    }
}

impl fmt::Display for WriteId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).simple().fmt(formatter)
    }
}

impl FromStr for WriteId {
    type Err = InvalidHex;

    /// Reads a UUID with or without its hyphens.
    fn from_str(text: &str) -> Result<Self, InvalidHex> {
        uuid::Uuid::try_parse(text)
            .map(|id| Self(id.into_bytes()))
            .map_err(|_| InvalidHex::new(text, "a write id", 32))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl FromStr for ContentHash {
    type Err = InvalidHex;

    /// Reads 64 lower-case or upper-case hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, InvalidHex> {
        parse_hex(text).map(Self).ok_or_else(|| InvalidHex::new(text, "a content hash", 64))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for WriteId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        // Two hexadecimal digits make at most 255.
        *byte = (high * 16 + low) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_round_trip() {
        let hash = ContentHash::of(b"abc");
        let text = hash.to_string();
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(text.parse::<ContentHash>().unwrap(), hash);
        assert!(text[1..].parse::<ContentHash>().is_err());
        assert!(text.replace('b', "g").parse::<ContentHash>().is_err());
        let id = WriteId::random();
        assert_eq!(id.to_string().len(), 32);
        assert_eq!(id.to_string().parse::<WriteId>().unwrap(), id);
        let error = "x".parse::<WriteId>().unwrap_err();
        assert_eq!(error.to_string(), "\"x\" is not a write id: expected 32 hexadecimal digits");
        assert_ne!(id, WriteId::random());
    }
}
