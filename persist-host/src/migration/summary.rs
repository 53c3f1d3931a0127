//! What the rows of a migration come to.

use serde::Serialize;

use super::{Migrated, Migration, MigrationRow};

/// The sums over all rows of a migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MigrationSummary {
    /// The sessions that were looked at, and what of the source cannot be told to be one.
    pub sessions: u64,
    /// Those that were copied, or of which something was.
    pub copied_sessions: u64,
    /// Those that the target had already.
    pub present_sessions: u64,
    /// Those that would be copied, in a dry run.
    pub planned_sessions: u64,
    /// Those that failed.
    pub failed_sessions: u64,
    /// Those that were written to in the source meanwhile, so that another run has something to copy.
    pub went_on_sessions: u64,
    /// The snapshots that were copied.
    pub copied: u64,
    /// The stored bytes of their copies.
    pub copied_bytes: u64,
    /// The length of their states, in bytes.
    pub state_bytes: u64,
    /// The target's snapshots that were deleted, because the source's are.
    pub deleted: u64,
    /// The snapshots in the target that were read back and found right.
    pub verified: u64,
    /// In a dry run, about how many snapshots would be copied.
    pub missing: u64,
}

impl MigrationSummary {
    /// Adds one row.
    pub fn add(&mut self, row: &MigrationRow) {
        self.sessions += 1;
        match &row.result {
            Ok(migrated) => self.add_migrated(migrated),
            Err(_) => self.failed_sessions += 1,
        }
    }

    fn add_migrated(&mut self, migrated: &Migrated) {
        match migrated.migration {
            Migration::Copied => self.copied_sessions += 1,
            Migration::Present => self.present_sessions += 1,
            Migration::Planned => self.planned_sessions += 1,
        }
        self.went_on_sessions += u64::from(migrated.went_on);
        self.copied += migrated.copied;
        self.copied_bytes += migrated.copied_bytes;
        self.state_bytes += migrated.state_bytes;
        self.deleted += migrated.deleted;
        self.verified += migrated.verified.unwrap_or(0);
        self.missing += migrated.missing.unwrap_or(0);
    }
}
