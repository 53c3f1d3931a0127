//! Detached signatures in minisign's form: `FILE.minisig` beside the file.

use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use minisign_verify::{Signature, StreamVerifier};

use super::error::{RejectReason, SignatureProblem};
use super::policy::{KeyId, TrustedKey};
use super::trust::{open, unreadable};

/// How long a signature's file may be, in bytes. minisign allows comments of 1 KiB and 8 KiB.
const MAX_BYTES: u64 = 1 << 14;

/// A signature that names a trusted key. Whether it is that key's is still to be seen.
pub(super) struct ClaimedSignature {
    signature: Signature,
    id: KeyId,
    keys: Vec<TrustedKey>,
}

impl ClaimedSignature {
    /// Reads the signature of a file; `None` when there is none.
    pub(super) fn beside(file: &Path, keys: &[TrustedKey]) -> Result<Option<Self>, RejectReason> {
        let path = path_of_signature(file);
        match path.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&error)),
            Ok(_) => {}
        }
        let unusable = |problem: String| SignatureProblem::Unusable { problem };
        let (file, _) = open(&path).map_err(|reason| unusable(reason.to_string()))?;
        let mut text = String::new();
        let read = file.take(MAX_BYTES).read_to_string(&mut text);
        read.map_err(|error| unusable(error.to_string()))?;
        Ok(Some(Self::parse(&text, keys)?))
    }

    fn parse(text: &str, keys: &[TrustedKey]) -> Result<Self, SignatureProblem> {
        let unusable =
            |error: minisign_verify::Error| SignatureProblem::Unusable { problem: error.to_string() };
        let signature = Signature::decode(text).map_err(unusable)?;
        let id = text.lines().nth(1).and_then(KeyId::of);
        let id = id.ok_or_else(|| unusable(minisign_verify::Error::InvalidEncoding))?;
        let keys: Vec<TrustedKey> = keys.iter().filter(|key| key.id() == id).cloned().collect();
        for key in &keys {
            // A signature of the bytes themselves, which minisign no longer makes, is refused here.
            key.key().verify_stream(&signature).map_err(unusable)?;
        }
        if keys.is_empty() {
            return Err(SignatureProblem::UnknownKey { found: id.to_string() });
        }
        Ok(Self { signature, id, keys })
    }

    /// Starts to verify; the bytes that were signed are to follow.
    pub(super) fn verifier(&self) -> Verifier<'_> {
        // Keys of one id may differ. `parse` has tried that each takes the signature.
        Verifier {
            id: self.id,
            streams: self
                .keys
                .iter()
                .filter_map(|key| key.key().verify_stream(&self.signature).ok())
                .collect(),
        }
    }

    /// Verifies the signature of bytes in memory.
    pub(super) fn verify(&self, bytes: &[u8]) -> Result<KeyId, SignatureProblem> {
        let mut verifier = self.verifier();
        verifier.update(bytes);
        verifier.finish()
    }
}

impl fmt::Debug for ClaimedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimedSignature").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A signature that is being verified.
pub(super) struct Verifier<'a> {
    id: KeyId,
    streams: Vec<StreamVerifier<'a>>,
}

impl Verifier<'_> {
    /// Takes the next bytes of what was signed.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        for stream in &mut self.streams {
            stream.update(bytes);
        }
    }

    /// The id of the key that signed the bytes and the signature's trusted comment.
    pub(super) fn finish(mut self) -> Result<KeyId, SignatureProblem> {
        if self.streams.iter_mut().any(|stream| stream.finalize().is_ok()) {
            return Ok(self.id);
        }
        Err(SignatureProblem::Invalid { key: self.id.to_string() })
    }
}

/// Where the signature of a file lies.
fn path_of_signature(file: &Path) -> PathBuf {
    let mut path = OsString::from(file);
    path.push(".minisig");
    path.into()
}
