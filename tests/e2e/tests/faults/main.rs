//! Disks that fail, processes that are killed, users who change their minds.
//!
//! Whatever happens, what was saved before restores and verifies, nothing half-written is left, and the next save works.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has to stop, and to say where")]

mod disk;
mod each_call;
mod interrupt;
mod kill;
mod order;
mod scene;
mod sync;
mod work;
