//! What a user asks of plugins beyond the rules that always hold.

use std::fmt;
use std::str::FromStr;

use minisign_verify::PublicKey;

/// What is asked of plugins beyond ownership and form: lock files, signatures.
///
/// The empty policy asks for nothing. Even then a lock file that lies in a directory counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustPolicy {
    requires_lock: bool,
    keys: Vec<TrustedKey>,
}

/// A public key of minisign whose signatures are believed. Its text form is the second line of a `.pub` file; it displays
/// as its key id, as minisign shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    text: String,
    id: KeyId,
    key: PublicKey,
}

/// The number that a key and its signatures carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyId(u64);

/// A text that is not a public key of minisign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a minisign public key; expected the second line of a .pub file, 56 characters that begin with \"RW\""
)]
pub struct InvalidKey;

impl TrustPolicy {
    /// A policy that asks for nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a directory without a lock file is refused.
    #[must_use]
    pub fn require_lock(mut self, required: bool) -> Self {
        self.requires_lock = required;
        self
    }

    /// The keys whose signatures are believed. With at least one, every plugin needs a signature.
    #[must_use]
    pub fn trust_keys(mut self, keys: impl IntoIterator<Item = TrustedKey>) -> Self {
        self.keys.extend(keys);
        self
    }

    pub(super) fn requires_lock(&self) -> bool {
        self.requires_lock
    }

    pub(super) fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }
}

impl TrustedKey {
    /// The text that it was read from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }
}

impl FromStr for TrustedKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let key = PublicKey::from_base64(text).map_err(|_| InvalidKey)?;
        let id = KeyId::of(text).ok_or(InvalidKey)?;
        Ok(Self { text: text.to_owned(), id, key })
    }
}

impl fmt::Display for TrustedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

impl KeyId {
    /// The key id in the Base64 of a public key or a signature: two bytes of algorithm, eight of id, and the rest.
    pub(super) fn of(base64: &str) -> Option<Self> {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bits = 0_u128;
        // Fourteen characters hold the first ten bytes, and four bits of the next.
        for character in base64.as_bytes().get(..14)? {
            let value = ALPHABET.iter().position(|it| it == character)?;
            bits = bits << 6 | u128::try_from(value).ok()?;
        }
        let [_, _, _, _, _, _, _, _, id @ ..] = (bits >> 4).to_be_bytes();
        Some(Self(u64::from_le_bytes(id)))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_displays_as_the_id_that_minisign_shows() {
        let pair = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
        let text = pair.pk.to_base64();
        let key: TrustedKey = text.parse().unwrap();
        assert_eq!(key.as_str(), text);
        let boxed = pair.pk.to_box().unwrap().to_string();
        assert!(boxed.contains(&key.to_string()), "{key}: {boxed}");
        for bad in ["", "RWQ", &text[1..], &format!("{text} "), "untrusted comment: minisign public key"] {
            assert_eq!(bad.parse::<TrustedKey>(), Err(InvalidKey), "{bad:?}");
        }
    }
}
