//! The form of a copy: a header with a digest over key and bytes, then the bytes.

use persist_plugin_api::Bytes;
use sha2::{Digest as _, Sha256};

use crate::object::LARGE;

/// What every copy begins with: it says what it is, and the version of its form.
const MAGIC: [u8; 8] = *b"PERSTC\x01\n";

/// The bytes before the object's own: the magic, the object's length, the digest.
pub(crate) const HEADER_BYTES: u64 = 8 + 8 + 32;

/// The digest of an object under its key.
pub(crate) type EntryDigest = [u8; 32];

/// Makes the copy of an object.
pub(crate) async fn encode(key: &str, object: &Bytes) -> Bytes {
    let digest = digest(key, object).await;
    let mut entry = Vec::with_capacity(object.len() + MAGIC.len() + 40);
    entry.extend_from_slice(&MAGIC);
    entry.extend_from_slice(&(object.len() as u64).to_le_bytes());
    entry.extend_from_slice(&digest);
    entry.extend_from_slice(object);
    entry.into()
}

/// Reads an object out of its copy; `None` when the copy is damaged, cut off, or that of another key.
pub(crate) async fn decode(key: &str, entry: Bytes) -> Option<Bytes> {
    let expected = header_digest(&entry)?;
    let object = entry.slice(usize::try_from(HEADER_BYTES).ok()?..);
    let length = entry.get(8..16)?.try_into().map(u64::from_le_bytes).ok()?;
    (object.len() as u64 == length && digest(key, &object).await == expected).then_some(object)
}

/// The digest that a copy claims, read from its header.
pub(crate) fn header_digest(header: &[u8]) -> Option<EntryDigest> {
    let (magic, rest) = header.split_at_checked(MAGIC.len())?;
    let digest = rest.get(8..40)?.try_into().ok()?;
    (magic == MAGIC).then_some(digest)
}

/// Hashes an object with its key.
pub(crate) async fn digest(key: &str, object: &Bytes) -> EntryDigest {
    if object.len() < LARGE {
        return hash(key, object);
    }
    let (owned, shared) = (key.to_owned(), object.clone());
    let hashed = tokio::task::spawn_blocking(move || hash(&owned, &shared)).await;
    // Only a runtime that ends refuses such work.
    hashed.unwrap_or_else(|_| hash(key, object))
}

fn hash(key: &str, object: &[u8]) -> EntryDigest {
    let hasher = Sha256::new().chain_update((key.len() as u64).to_le_bytes()).chain_update(key);
    hasher.chain_update(object).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_changed_byte_every_cut_and_another_key_are_noticed() {
        for length in [0, 1, 300] {
            let object = Bytes::from(vec![7; length]);
            let entry = encode("a/key", &object).await;
            assert_eq!(entry.len() as u64, HEADER_BYTES + length as u64);
            assert_eq!(decode("a/key", entry.clone()).await, Some(object));
            assert_eq!(decode("a/kez", entry.clone()).await, None);
            for at in 0..entry.len() {
                let mut damaged = entry.to_vec();
                damaged[at] ^= 1;
                assert_eq!(decode("a/key", damaged.into()).await, None, "byte {at} of {length}");
                assert_eq!(decode("a/key", entry.slice(..at)).await, None, "cut at {at} of {length}");
            }
        }
    }

    #[tokio::test]
    async fn large_objects_are_hashed_alike() {
        let object = Bytes::from(vec![3; LARGE + 1]);
        assert_eq!(digest("k", &object).await, hash("k", &object));
    }
}
