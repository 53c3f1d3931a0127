//! Why a lock file or a signature does not speak for a plugin.

use std::fmt;

/// What is wrong between a plugin and the lock file of its directory. Displays as one line with what was found, what was
/// expected, and a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockProblem {
    /// The directory has no lock file, and the policy asks for one.
    Required,
    /// The lock file is there and cannot be used, so that nothing of its directory is loaded.
    Unusable {
        /// What is wrong with it.
        problem: String,
    },
    /// The lock file does not list the file.
    NotListed,
    /// The file is not the one that was locked.
    Differs {
        /// What differs, such as `SHA-256`.
        what: &'static str,
        /// The file's.
        found: String,
        /// The lock file's.
        expected: String,
    },
    /// The lock file lists a file that is not there.
    Absent,
    /// A lock file holds names of files as text, and this one's is none.
    NameNotText,
}

/// What is wrong with a plugin's signature. Displays as one line with a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureProblem {
    /// There is none, and keys are configured.
    Missing {
        /// The ids of the trusted keys.
        trusted: String,
    },
    /// The signature's file cannot be read, or is none.
    Unusable {
        /// What is wrong with it.
        problem: String,
    },
    /// It names a key that is not trusted.
    UnknownKey {
        /// The id of that key.
        found: String,
    },
    /// The key that it names did not sign these bytes, or not this trusted comment.
    Invalid {
        /// The id of the key.
        key: String,
    },
}

impl LockProblem {
    /// The stable code, for JSON output.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Required => "lock_required",
            Self::Unusable { .. } => "lock_unusable",
            Self::NotListed => "lock_not_listed",
            Self::Differs { .. } => "lock_differs",
            Self::Absent => "lock_absent",
            Self::NameNotText => "lock_name",
        }
    }
}

impl fmt::Display for LockProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str(
                "no plugins.lock lies there, and plugins.require_lock asks for one; check where its plugins came from, \
                 then run 'persist plugins lock'",
            ),
            Self::Unusable { problem } => write!(
                f,
                "its plugins.lock cannot be used, so none of its plugins is: {problem}; put the right one back, or check \
                 where the plugins came from and run 'persist plugins lock'"
            ),
            Self::NotListed => f.write_str(
                "plugins.lock does not list it; check where it came from, then run 'persist plugins lock', or remove it",
            ),
            Self::Differs { what, found, expected } => write!(
                f,
                "its {what} is {found}, and plugins.lock says {expected}; put the locked file back, or check where this \
                 one came from and run 'persist plugins lock'"
            ),
            Self::Absent => f.write_str(
                "plugins.lock lists it, and it is not there; put it back, or run 'persist plugins lock' to forget it",
            ),
            Self::NameNotText => {
                f.write_str("its name is not UTF-8, so plugins.lock cannot list it; rename it")
            }
        }
    }
}

impl SignatureProblem {
    /// The stable code, for JSON output.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "signature_missing",
            Self::Unusable { .. } => "signature_unusable",
            Self::UnknownKey { .. } => "signature_unknown_key",
            Self::Invalid { .. } => "signature_invalid",
        }
    }
}

impl fmt::Display for SignatureProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { trusted } => write!(
                f,
                "it has no signature, and plugins.trusted_keys asks for one of {trusted}; get its .minisig file, or sign \
                 it with 'minisign -S' after checking where it came from"
            ),
            Self::Unusable { problem } => write!(
                f,
                "its .minisig file cannot be used: {problem}; get the signature again, or sign with 'minisign -S'"
            ),
            Self::UnknownKey { found } => write!(
                f,
                "it is signed by the key {found}, which plugins.trusted_keys does not hold; add that key if you trust it"
            ),
            Self::Invalid { key } => write!(
                f,
                "its signature is not that of the key {key} for these bytes; get file and signature again from their source"
            ),
        }
    }
}
