//! Disks that fail, processes that are killed, users who change their minds.
//!
//! Whatever happens, what was saved before restores and verifies, nothing half-written is left, and the next save works.

mod disk;
mod interrupt;
mod kill;
mod scene;
mod sync;
