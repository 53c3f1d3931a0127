//! Builds plugins, and the smallest of hosts, with every version of the plugin API: frozen copies of released ones,
//! today's, one that is newer, and some that nobody must ever release. The tests of this package let them meet.
//!
//! What is built lies in `abi` in the target directory and is built anew only when its sources change.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has to stop, and to say where")]

mod edit;
mod guard;
mod versions;
mod workspace;

pub use edit::Edit;
pub use guard::{Change, Verdict, compare, verdict};
pub use versions::{Source, Step, Version, versions};
pub use workspace::{Built, built, repository};
