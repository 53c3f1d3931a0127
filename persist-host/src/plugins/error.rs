//! Why a file or a directory was not accepted.

mod evidence;
mod step;

use std::fmt;
use std::path::{Path, PathBuf};

pub use evidence::{LockProblem, SignatureProblem};
use persist_plugin_api::PROTOCOL;
use persist_plugin_api::host::{ENTRY_SYMBOL, MAX_DESCRIPTOR_BYTES};
pub use step::Step;

/// A file or a directory that was not accepted, and why. Displays as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The file, or the directory of the search path.
    pub path: PathBuf,
    /// The reason.
    pub reason: RejectReason,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

/// Why a file or a directory was not accepted. Displays as one line with what was found, what was expected, and a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// A directory that the user named does not exist.
    Missing,
    /// A directory that the user named is something else.
    NotADirectory,
    /// The operating system did not let us read it.
    Unreadable {
        /// What it said.
        error: String,
    },
    /// A symbolic link: what it points to could change after the check.
    Symlink,
    /// A directory, a pipe, a socket or a device.
    NotAFile,
    /// It, or a directory above it, belongs to somebody else.
    ForeignOwner {
        /// The directory above; `None` for the file itself.
        directory: Option<PathBuf>,
        /// The owner's user id.
        owner: u32,
        /// Our own.
        user: u32,
    },
    /// It, or a directory above it, can be written by others.
    WritableByOthers {
        /// The directory above; `None` for the file itself.
        directory: Option<PathBuf>,
        /// The permission bits.
        mode: u32,
    },
    /// Not a shared library at all.
    NotALibrary,
    /// A shared library for another machine.
    WrongMachine {
        /// What it was built for.
        found: String,
        /// What this program was built for.
        expected: String,
    },
    /// The file ends before its own tables say.
    Truncated {
        /// How long its tables say it is at least, in bytes.
        needs: u64,
        /// How long it is, in bytes.
        length: u64,
    },
    /// The tables of the shared library contradict themselves.
    Malformed {
        /// What is wrong.
        problem: String,
    },
    /// A shared library without a plugin's descriptor.
    NotAPlugin,
    /// Its descriptor is larger than a host reads.
    DescriptorTooLarge {
        /// Its size in bytes.
        size: u64,
    },
    /// Its descriptor cannot be read.
    BadDescriptor {
        /// What is wrong.
        problem: String,
    },
    /// It was built for another plugin protocol.
    Protocol {
        /// Its protocol.
        found: u32,
    },
    /// A panic in it would end the host.
    PanicAborts,
    /// It tells the dynamic linker where to search, with `DT_RPATH` or `DT_RUNPATH`.
    RunPath {
        /// The search path.
        path: String,
    },
    /// It needs a library that is not the system's.
    ForeignLibrary {
        /// The library.
        name: String,
    },
    /// It describes itself as a plugin and does not export the entry point.
    NoEntryPoint,
    /// Another file of the same directory offers the same adapter, so the name is refused.
    DuplicateName {
        /// The adapter's kind.
        kind: String,
        /// The adapter's name.
        name: String,
        /// The other file.
        other: PathBuf,
    },
    /// The lock file of its directory does not speak for it.
    Lock(LockProblem),
    /// No trusted signature speaks for it.
    Signature(SignatureProblem),
}

impl RejectReason {
    /// The stable code, for JSON output.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotADirectory => "not_a_directory",
            Self::Unreadable { .. } => "unreadable",
            Self::Symlink => "symlink",
            Self::NotAFile => "not_a_file",
            Self::ForeignOwner { .. } => "foreign_owner",
            Self::WritableByOthers { .. } => "writable_by_others",
            Self::NotALibrary => "not_a_library",
            Self::WrongMachine { .. } => "wrong_machine",
            Self::Truncated { .. } => "truncated",
            Self::Malformed { .. } => "malformed",
            Self::NotAPlugin => "not_a_plugin",
            Self::DescriptorTooLarge { .. } => "descriptor_too_large",
            Self::BadDescriptor { .. } => "bad_descriptor",
            Self::Protocol { .. } => "protocol",
            Self::PanicAborts => "panic_aborts",
            Self::RunPath { .. } => "run_path",
            Self::ForeignLibrary { .. } => "foreign_library",
            Self::NoEntryPoint => "no_entry_point",
            Self::DuplicateName { .. } => "duplicate_name",
            Self::Lock(problem) => problem.code(),
            Self::Signature(problem) => problem.code(),
        }
    }

    /// The step of the checks that found it.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Missing
            | Self::NotADirectory
            | Self::Unreadable { .. }
            | Self::Symlink
            | Self::NotAFile => Step::File,
            Self::ForeignOwner { .. } | Self::WritableByOthers { .. } => Step::Trust,
            Self::NotALibrary
            | Self::WrongMachine { .. }
            | Self::Truncated { .. }
            | Self::Malformed { .. } => Step::Format,
            Self::NotAPlugin | Self::DescriptorTooLarge { .. } | Self::BadDescriptor { .. } => {
                Step::Descriptor
            }
            Self::Protocol { .. } | Self::PanicAborts | Self::DuplicateName { .. } => Step::Compatibility,
            Self::RunPath { .. } | Self::ForeignLibrary { .. } => Step::Dependencies,
            Self::NoEntryPoint => Step::Entry,
            Self::Lock(_) | Self::Signature(_) => Step::Evidence,
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the directory does not exist; create it, or stop naming it"),
            Self::NotADirectory => f.write_str("not a directory; name the directory that holds the plugins"),
            Self::Unreadable { error } => write!(f, "cannot be read: {error}"),
            Self::Symlink => f.write_str("a symbolic link; put the plugin itself here"),
            Self::NotAFile => {
                f.write_str("not a regular file; a plugin is a shared library in a file of its own")
            }
            Self::ForeignOwner { directory, owner, user } => write!(
                f,
                "{} belongs to user {owner}, not to root or to you (user {user}); install the plugin as yourself",
                subject(directory.as_deref())
            ),
            Self::WritableByOthers { directory, mode } => write!(
                f,
                "{} can be written by others (mode {mode:04o}); take that away with chmod go-w",
                subject(directory.as_deref())
            ),
            Self::NotALibrary => f.write_str("not a shared library; remove it, or build the plugin again"),
            Self::WrongMachine { found, expected } => {
                write!(
                    f,
                    "built for {found}, and this machine is {expected}; get the plugin for this machine"
                )
            }
            Self::Truncated { needs, length } => write!(
                f,
                "truncated: {length} bytes long, and its tables need {needs} at least; copy the plugin again"
            ),
            Self::Malformed { problem } => {
                write!(f, "not a sound shared library: {problem}; copy or build the plugin again")
            }
            Self::NotAPlugin => {
                f.write_str("a shared library, but not a Persist plugin: it has no plugin descriptor")
            }
            Self::DescriptorTooLarge { size } => write!(
                f,
                "its plugin descriptor takes {size} bytes, and {MAX_DESCRIPTOR_BYTES} are allowed; ask its author"
            ),
            Self::BadDescriptor { problem } => {
                write!(f, "its plugin descriptor cannot be read: {problem}; build the plugin again")
            }
            Self::Protocol { found } => write!(
                f,
                "it speaks plugin protocol {found}, this host speaks {PROTOCOL}; get the plugin for this release"
            ),
            Self::PanicAborts => f.write_str(
                "a panic in it would end the host; build the plugin with panic = \"unwind\", Rust's default",
            ),
            Self::RunPath { path } => write!(
                f,
                "it makes the dynamic linker search {path:?} (DT_RPATH or DT_RUNPATH); build the plugin without an rpath"
            ),
            Self::ForeignLibrary { name } => write!(
                f,
                "it needs the library {name:?}, which nobody checks; build the plugin with it linked statically"
            ),
            Self::NoEntryPoint => write!(
                f,
                "it does not export {ENTRY_SYMBOL}; build it with export_plugin! and this release's plugin API"
            ),
            Self::DuplicateName { kind, name, other } => write!(
                f,
                "the {kind} adapter {name:?} is also in {}, so neither is used; remove one of the two files",
                other.display()
            ),
            Self::Lock(problem) => problem.fmt(f),
            Self::Signature(problem) => problem.fmt(f),
        }
    }
}

impl From<LockProblem> for RejectReason {
    fn from(problem: LockProblem) -> Self {
        Self::Lock(problem)
    }
}

impl From<SignatureProblem> for RejectReason {
    fn from(problem: SignatureProblem) -> Self {
        Self::Signature(problem)
    }
}

fn subject(directory: Option<&Path>) -> String {
    directory.map_or_else(|| "the file".to_owned(), |path| format!("the directory {}", path.display()))
}
