//! The first 42 bytes of every object, the same in all format versions.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::features::first_release;
use super::{FORMAT_VERSION, FormatError};

/// The longest header that a reader accepts, in bytes.
pub const MAX_HEADER_LEN: u32 = 16 * 1024 * 1024;

/// The length of the prologue, in bytes.
pub(super) const PROLOGUE_LEN: usize = 42;

/// What the digest in the prologue covers of the prologue itself.
const COVERED: usize = 10;

/// What an object is, told by its first four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Magic {
    Snapshot,
    Manifest,
    Attachment,
    Claim,
}

impl Magic {
    fn bytes(self) -> &'static [u8; 4] {
        match self {
            Self::Snapshot => b"\x89PSO",
            Self::Manifest => b"\x89PSM",
            Self::Attachment => b"\x89PSA",
            Self::Claim => b"\x89PSN",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot object",
            Self::Manifest => "manifest",
            Self::Attachment => "attachment",
            Self::Claim => "claim",
        }
    }
}

/// Where a header lies, or how many bytes have to be there to find out.
#[derive(Debug)]
pub(super) enum Located {
    Header(Range<usize>),
    NeedMore(usize),
}

/// Appends the prologue for `header` to `out`.
pub(super) fn write(magic: Magic, header: &[u8], out: &mut Vec<u8>) -> Result<(), FormatError> {
    let length =
        u32::try_from(header.len()).ok().filter(|length| *length <= MAX_HEADER_LEN).ok_or_else(|| {
            FormatError::unencodable(format!(
                "its header has {} bytes, at most {MAX_HEADER_LEN} are allowed",
                header.len()
            ))
        })?;
    let start = out.len();
    out.extend_from_slice(magic.bytes());
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    let digest = digest(&out[start..], header);
    out.extend_from_slice(&digest);
    Ok(())
}

/// Finds and checks the header in the first bytes of an object.
///
/// The version is believed only after the digest: a flipped bit in it is damage, not a newer format.
pub(super) fn locate_header(magic: Magic, bytes: &[u8]) -> Result<Located, FormatError> {
    let present = bytes.len().min(4);
    if bytes[..present] != magic.bytes()[..present] {
        return Err(FormatError::corrupt(format!(
            "it does not start like a {}: expected {:02x?}, found {:02x?}",
            magic.name(),
            magic.bytes(),
            &bytes[..present]
        )));
    }
    let Some((prologue, rest)) = bytes.split_first_chunk::<PROLOGUE_LEN>() else {
        return Ok(Located::NeedMore(PROLOGUE_LEN));
    };
    let version = u16::from_le_bytes([prologue[4], prologue[5]]);
    let length = u32::from_le_bytes([prologue[6], prologue[7], prologue[8], prologue[9]]);
    if length > MAX_HEADER_LEN {
        return Err(FormatError::corrupt(format!(
            "its header claims {length} bytes, at most {MAX_HEADER_LEN} are allowed"
        )));
    }
    let length = length as usize;
    let Some(header) = rest.get(..length) else {
        return Ok(Located::NeedMore(PROLOGUE_LEN + length));
    };
    let expected = &prologue[COVERED..];
    let found = digest(&prologue[..COVERED], header);
    if expected != found {
        return Err(FormatError::corrupt("the SHA-256 of its header is not the one that its prologue holds"));
    }
    if version != FORMAT_VERSION {
        let release = first_release(header);
        return Err(FormatError::UnknownVersion { found: version, supported: FORMAT_VERSION, release });
    }
    Ok(Located::Header(PROLOGUE_LEN..PROLOGUE_LEN + length))
}

fn digest(covered: &[u8], header: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(covered).chain_update(header).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(version: u16, header: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(Magic::Snapshot, header, &mut bytes).unwrap();
        bytes[4..6].copy_from_slice(&version.to_le_bytes());
        let digest = digest(&bytes[..COVERED], header);
        bytes[COVERED..].copy_from_slice(&digest);
        bytes.extend_from_slice(header);
        bytes
    }

    #[test]
    fn a_consistent_newer_version_names_its_release() {
        // [[["chunks", "2.0.0"]]]
        let header = b"\x81\x81\x82\x66chunks\x652.0.0";
        let error = locate_header(Magic::Snapshot, &sealed(2, header)).unwrap_err();
        let FormatError::UnknownVersion { found: 2, supported: 1, release } = error else {
            panic!("{error}");
        };
        assert_eq!(release.as_deref(), Some("2.0.0"));
        let error = locate_header(Magic::Snapshot, &sealed(7, b"\xff")).unwrap_err();
        assert!(matches!(error, FormatError::UnknownVersion { found: 7, release: None, .. }), "{error}");
    }

    #[test]
    fn a_flipped_version_or_length_is_damage() {
        for at in 4..10 {
            let mut bytes = sealed(1, b"header");
            bytes[at] ^= 1;
            match locate_header(Magic::Snapshot, &bytes) {
                Err(error) => assert!(error.is_damage(), "{error}"),
                Ok(Located::NeedMore(needed)) => assert!(needed > bytes.len()),
                Ok(Located::Header(range)) => panic!("accepted {range:?}"),
            }
        }
    }

    #[test]
    fn kinds_of_objects_are_told_apart() {
        let error = locate_header(Magic::Manifest, &sealed(1, b"header")).unwrap_err();
        assert!(error.to_string().contains("does not start like a manifest"), "{error}");
        assert!(matches!(locate_header(Magic::Snapshot, b"\x89P"), Ok(Located::NeedMore(PROLOGUE_LEN))));
    }

    #[test]
    fn an_oversized_header_is_refused() {
        let header = vec![0; MAX_HEADER_LEN as usize + 1];
        assert!(matches!(
            write(Magic::Snapshot, &header, &mut Vec::new()),
            Err(FormatError::Unencodable { .. })
        ));
        let mut bytes = sealed(1, b"");
        bytes[6..10].copy_from_slice(&(MAX_HEADER_LEN + 1).to_le_bytes());
        assert!(locate_header(Magic::Snapshot, &bytes).unwrap_err().is_damage());
    }
}
