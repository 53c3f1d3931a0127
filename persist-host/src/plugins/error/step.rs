//! The checks of a plugin.

use serde::Serialize;

/// The checks of a plugin, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// It is a regular file that can be read.
    File,
    /// Nobody but root and the user can have written it.
    Trust,
    /// It is a whole shared library for this machine.
    Format,
    /// It says what it is: a plugin, with a descriptor that can be read.
    Descriptor,
    /// It was built for this host.
    Compatibility,
    /// It brings no other libraries with it.
    Dependencies,
    /// It exports the symbol that the host calls.
    Entry,
    /// It is what the lock file of its directory lists, and a trusted key signed it, where either is asked for.
    Evidence,
    /// It can be loaded, and is what its descriptor says. The only step that runs code of the plugin.
    Load,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 9] = [
        Self::File,
        Self::Trust,
        Self::Format,
        Self::Descriptor,
        Self::Compatibility,
        Self::Dependencies,
        Self::Entry,
        Self::Evidence,
        Self::Load,
    ];

    /// What is true of a file that passed the step.
    #[must_use]
    pub fn passed_text(self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Trust => "only root or you can have written it",
            Self::Format => "a whole shared library for this machine",
            Self::Descriptor => "describes itself as a Persist plugin",
            Self::Compatibility => "built for this release's plugin protocol",
            Self::Dependencies => "needs no libraries but the system's",
            Self::Entry => "exports the plugin entry point",
            Self::Evidence => "neither locked nor signed, and nobody asks for it",
            Self::Load => "loads in a process of its own, and is what it says",
        }
    }
}
