//! Plugins and hosts of every version of the plugin API meet.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod compatibility;
mod composition;
mod layout;
mod refusals;
mod support;
