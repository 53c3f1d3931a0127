//! What speaks for a plugin's bytes: the lock file of its directory, a signature.
//!
//! What can be compared without reading a plugin is compared when it is found. Its bytes are read when they are about to
//! run, or when somebody asks about them, and never because another plugin is needed.

use std::fs::File;
use std::path::Path;

use persist_plugin_api::Descriptor;

use super::content::digest;
use super::error::{LockProblem, RejectReason, SignatureProblem};
use super::lock::{Lock, LockedFile, path_of_lock};
use super::policy::{KeyId, TrustPolicy, TrustedKey};
use super::signature::ClaimedSignature;
use super::trust::{Trust, unreadable};
use crate::ContentHash;

/// What files are looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be used: lock files hold, and every signature that the policy asks for has to be there.
    Use,
    /// To be listed in a lock file: the one that is there does not count. A signature that is missing may be that of the
    /// lock file to be written; one that is there has to be right.
    Lock,
}

/// What is asked of the plugins of one directory.
#[derive(Debug)]
pub(super) struct Guard {
    purpose: Purpose,
    lock: Option<Lock>,
    lock_signer: Option<KeyId>,
    keys: Vec<TrustedKey>,
}

/// What has to be true of the bytes of one file.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    locked: Option<LockedFile>,
    signature: Option<ClaimedSignature>,
    lock_signer: Option<KeyId>,
}

/// What was found true of the bytes of one file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proven {
    pub(super) digest: ContentHash,
    pub(super) signed_by: Option<KeyId>,
}

impl Guard {
    /// Reads the lock file of a directory, and its signature where the policy asks for one.
    pub(super) fn of_directory(
        directory: &Path,
        trust: &Trust,
        policy: &TrustPolicy,
        purpose: Purpose,
    ) -> Result<Self, RejectReason> {
        let mut guard = Self { purpose, lock: None, lock_signer: None, keys: policy.keys().to_vec() };
        if purpose == Purpose::Lock {
            return Ok(guard);
        }
        let Some((lock, bytes)) = Lock::read(directory, trust)? else {
            return if policy.requires_lock() { Err(LockProblem::Required.into()) } else { Ok(guard) };
        };
        if !guard.keys.is_empty() {
            let unusable = |reason: &dyn ToString| LockProblem::Unusable { problem: reason.to_string() };
            let signature = ClaimedSignature::beside(&path_of_lock(directory), &guard.keys);
            if let Some(signature) = signature.map_err(|reason| unusable(&reason))? {
                guard.lock_signer = Some(signature.verify(&bytes).map_err(|problem| unusable(&problem))?);
            }
        }
        guard.lock = Some(lock);
        Ok(guard)
    }

    /// What has to be true of a file, if nothing that can be seen without reading it contradicts.
    pub(super) fn evidence(
        &self,
        path: &Path,
        descriptor: &Descriptor,
        size: u64,
    ) -> Result<Evidence, RejectReason> {
        let mut evidence = Evidence::default();
        if let Some(lock) = &self.lock {
            let entry = path.file_name().and_then(|name| lock.entry(name)).ok_or(LockProblem::NotListed)?;
            entry.check(descriptor, size)?;
            evidence.locked = Some(entry.clone());
        }
        if self.keys.is_empty() {
            return Ok(evidence);
        }
        evidence.signature = ClaimedSignature::beside(path, &self.keys)?;
        evidence.lock_signer = self.lock_signer;
        if evidence.signature.is_none() && self.lock_signer.is_none() && self.purpose == Purpose::Use {
            let trusted: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
            return Err(SignatureProblem::Missing { trusted: trusted.join(", ") }.into());
        }
        Ok(evidence)
    }
}

impl Evidence {
    /// Whether anything is known that the bytes have to agree with.
    pub(super) fn binds(&self) -> bool {
        self.locked.is_some() || self.signature.is_some()
    }

    /// Whether a lock file lists the plugin.
    pub(super) fn is_locked(&self) -> bool {
        self.locked.is_some()
    }

    /// Reads an open file from its beginning to its end, and compares.
    pub(super) fn prove(&self, file: &File) -> Result<Proven, RejectReason> {
        let mut verifier = self.signature.as_ref().map(ClaimedSignature::verifier);
        let digest = digest(file, |bytes| {
            if let Some(verifier) = &mut verifier {
                verifier.update(bytes);
            }
        });
        let digest = digest.map_err(|error| unreadable(&error))?;
        if let Some(locked) = &self.locked {
            locked.check_digest(digest)?;
        }
        let signed_by = match verifier {
            Some(verifier) => Some(verifier.finish()?),
            None => self.lock_signer,
        };
        Ok(Proven { digest, signed_by })
    }
}
