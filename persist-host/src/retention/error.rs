//! Why there is no plan.

use super::plan::FUTURE_TOLERANCE_HOURS;
use crate::{Error, ErrorKind, SnapshotIndex, Timestamp};

/// A plan that cannot be made; nothing was looked up and nothing was deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// There is no rule. To keep nothing is a deletion, and has to be asked for as one.
    #[error("there is no rule that says which snapshots to keep")]
    NoRules,
    /// A snapshot's timestamp lies so far in the future that its writer's clock, or this machine's, must be wrong.
    #[error(
        "snapshot {index} was saved at {timestamp} by its writer's clock, more than {FUTURE_TOLERANCE_HOURS} hours \
         after the present, {now}"
    )]
    Future {
        /// The snapshot.
        index: SnapshotIndex,
        /// Its timestamp.
        timestamp: Timestamp,
        /// The present as the caller gave it.
        now: Timestamp,
    },
    /// The same index was given twice.
    #[error("snapshot {index} was given twice")]
    Duplicate {
        /// The snapshot.
        index: SnapshotIndex,
    },
}

impl From<RetentionError> for Error {
    fn from(error: RetentionError) -> Self {
        let message = error.to_string();
        match error {
            RetentionError::NoRules => Self::new(ErrorKind::Usage, "no_keep_rules", message).with_hint(
                "give one, such as --keep-last 10, or write it into the store's section of the config; to keep \
                 nothing, delete the session: persist delete AGENT/SESSION --all",
            ),
            RetentionError::Future { index, timestamp, .. } => {
                Self::new(ErrorKind::InvalidInput, "timestamp_in_future", message)
                    .with_context("snapshot_index", index)
                    .with_context("timestamp", timestamp)
                    .with_hint(
                        "check this machine's clock; if it is right, delete that snapshot with `persist delete` and \
                         run the command again",
                    )
            }
            RetentionError::Duplicate { index } => {
                Self::new(ErrorKind::InvalidInput, "duplicate_index", message)
                    .with_context("snapshot_index", index)
            }
        }
    }
}

/// The text of a rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRule {
    /// The text is not a period.
    #[error(
        "{text:?} is not a period: {problem}; expected numbers with the units y, m (months), w, d and h, each at most \
         once, such as 30d or 1y5m7d2h"
    )]
    Period {
        /// The text.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The text names no label.
    #[error("{text:?} is not a label: expected KEY or KEY=VALUE with a key that is not empty")]
    Label {
        /// The text.
        text: String,
    },
    /// There is no such time zone.
    #[error("{text:?} is not a time zone: expected UTC or an IANA name such as Europe/Berlin")]
    TimeZone {
        /// The text.
        text: String,
    },
}
