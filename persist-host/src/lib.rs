//! Persist: snapshots and restore for AI agents.

mod error;

pub use error::{Error, ErrorKind, Result};
