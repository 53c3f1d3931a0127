//! The end of every object: typed entries. Version 1 has one, the SHA-256 of everything before it.

use sha2::{Digest as _, Sha256};

use super::FormatError;

/// The length of the trailer of version 1, in bytes.
pub(super) const TRAILER_LEN: usize = 35;

/// The entry's type, and its length as a little-endian number.
const SHA256_ENTRY: [u8; 3] = [1, 32, 0];

/// Appends the trailer to a complete object.
pub(super) fn write(object: &mut Vec<u8>) {
    let digest = digest([object.as_slice()]);
    append(object, &digest);
}

/// The digest over all of an object, given in parts, but its trailer.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    parts.into_iter().fold(Sha256::new(), Sha256::chain_update).finalize().into()
}

/// Appends the trailer with a digest that was computed before.
pub(super) fn append(object: &mut Vec<u8>, digest: &[u8; 32]) {
    object.extend_from_slice(&SHA256_ENTRY);
    object.extend_from_slice(digest);
}

/// Checks the trailer of `object`, which starts at `start` and has to be all that is left.
pub(super) fn check(object: &[u8], start: u64) -> Result<(), FormatError> {
    let found = object.len() as u64;
    let expected = start
        .checked_add(TRAILER_LEN as u64)
        .ok_or_else(|| FormatError::corrupt("its lengths add up to more than 2^64 bytes"))?;
    if found < expected {
        return Err(FormatError::Truncated { expected, found });
    }
    if found > expected {
        return Err(FormatError::corrupt(format!(
            "{} bytes follow its end: expected {expected} bytes, found {found}",
            found - expected
        )));
    }
    let (covered, trailer) = object.split_at(object.len() - TRAILER_LEN);
    let (entry, digest) = trailer.split_at(SHA256_ENTRY.len());
    if entry != SHA256_ENTRY {
        return Err(FormatError::corrupt(format!(
            "its trailer starts with {entry:02x?}, expected {SHA256_ENTRY:02x?}"
        )));
    }
    if Sha256::digest(covered).as_slice() != digest {
        return Err(FormatError::corrupt("the SHA-256 of its bytes is not the one that its trailer holds"));
    }
    Ok(())
}
