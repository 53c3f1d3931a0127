//! Retention: which snapshots of a session to keep, and which to delete.
//!
//! [`plan`] decides from [`KeepRules`] and the snapshots' metadata alone: it reads no store, no clock and no
//! environment, so the same arguments always give the same plan. What a plan deletes is deleted by
//! [`Store::delete`](crate::Store::delete).
//!
//! Rules are joined by *or*: a snapshot that any rule keeps is kept. The newest snapshot by index, which a restore
//! without an index gives back, is always kept.
//!
//! A session's timestamps come from its writers' clocks, which may be wrong and disagree, so they need not ascend with
//! the indices. Rules that count back in time begin at the session's newest timestamp; the clock of the machine that
//! plans serves only to refuse timestamps that lie in the future.

mod error;
mod period;
mod plan;
mod rules;
mod zone;

pub use error::{InvalidRule, RetentionError};
pub use period::Period;
pub use plan::{Candidate, FUTURE_TOLERANCE_HOURS, Kept, Plan, Reason, plan};
pub use rules::{KeepRules, LabelRule};
pub use zone::TimeZone;

#[cfg(test)]
mod tests;
