//! End-to-end tests of the persist command and its plugins; this library holds what they share.
//!
//! A test runs the built command as a user does, in a home directory of its own, and looks at exit codes, output
//! and the files of the store. `cargo xtask plugins` builds what is run.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has to stop, and to say where")]

mod command;
pub mod concurrency;
pub mod data;
mod directory;
pub mod library;
pub mod linked;
pub mod literals;
mod output;
pub mod place;
pub mod roles;
pub mod s3;
pub mod serve;
pub mod servers;
pub mod system;

pub use command::Persist;
pub use directory::{contents, files, json_lines};
pub use output::Output;
