//! From rules and snapshots to a plan.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU64;

use jiff::Zoned;
use serde::{Serialize, Serializer};

use super::{KeepRules, LabelRule, RetentionError};
use crate::{SnapshotIndex, SnapshotInfo, SnapshotName, Timestamp};

/// How far, in hours, a timestamp may lie after the present before it is refused.
pub const FUTURE_TOLERANCE_HOURS: i64 = 24;

const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// A snapshot as far as rules look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its index.
    pub index: SnapshotIndex,
    /// When it was saved, by its writer's clock.
    pub timestamp: Timestamp,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The stored object's length in bytes.
    pub stored_bytes: u64,
    /// The name that the client chose.
    pub name: Option<SnapshotName>,
}

impl From<&SnapshotInfo> for Candidate {
    fn from(info: &SnapshotInfo) -> Self {
        Self {
            index: info.snapshot_index,
            timestamp: info.timestamp,
            labels: info.labels.clone(),
            stored_bytes: info.stored_bytes,
            name: info.name.clone(),
        }
    }
}

/// What is to become of a session's snapshots: each is kept or deleted, and none is both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is kept and why, by ascending index.
    pub keep: Vec<Kept>,
    /// What is deleted, by ascending index.
    pub delete: Vec<SnapshotIndex>,
    /// The length in bytes of the stored objects of all that is deleted.
    pub delete_bytes: u64,
}

/// A snapshot that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its index.
    pub index: SnapshotIndex,
    /// Every rule that keeps it, in the order of [`Reason`]; at least one.
    pub reasons: Vec<Reason>,
}

/// Why a snapshot is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its index is the session's highest.
    Newest,
    /// It is one of the last.
    Last,
    /// It is young enough.
    Within,
    /// It is the newest of an hour.
    Hourly,
    /// It is the newest of a day.
    Daily,
    /// It is the newest of a week.
    Weekly,
    /// It is the newest of a month.
    Monthly,
    /// It is the newest of a year.
    Yearly,
    /// It carries this label.
    Label(LabelRule),
    /// It has a name.
    Named,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Newest => "newest",
            Self::Last => "last",
            Self::Within => "within",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Label(rule) => return write!(formatter, "label {rule}"),
            Self::Named => "named",
        })
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Decides which snapshots of one session to keep. The candidates may come in any order; `now` is the present by the
/// clock of the machine that plans, and only serves to refuse snapshots from the future.
///
/// Nothing is deleted that a plan with fewer rules keeps, and planning again for what a plan keeps deletes nothing.
///
/// # Errors
///
/// [`RetentionError::NoRules`] when the rules are empty, [`RetentionError::Future`] when a timestamp lies more than
/// [`FUTURE_TOLERANCE_HOURS`] after `now`, whatever the rules look at, and [`RetentionError::Duplicate`] when two
/// candidates have the same index.
pub fn plan(rules: &KeepRules, candidates: &[Candidate], now: Timestamp) -> Result<Plan, RetentionError> {
    if rules.is_empty() {
        return Err(RetentionError::NoRules);
    }
    let mut by_index: Vec<&Candidate> = candidates.iter().collect();
    by_index.sort_unstable_by_key(|candidate| candidate.index);
    if let Some([first, _]) = by_index.array_windows().find(|[first, second]| first.index == second.index) {
        return Err(RetentionError::Duplicate { index: first.index });
    }
    let latest = now.as_micros().saturating_add(FUTURE_TOLERANCE_HOURS * MICROS_PER_HOUR);
    if let Some(found) = by_index.iter().find(|candidate| candidate.timestamp.as_micros() > latest) {
        return Err(RetentionError::Future { index: found.index, timestamp: found.timestamp, now });
    }

    let mut reasons = Reasons::default();
    reasons.by_index(rules, &by_index);
    reasons.by_time(rules, &by_index);
    reasons.by_mark(rules, &by_index);

    let mut plan = Plan::default();
    for candidate in by_index {
        match reasons.0.remove(&candidate.index) {
            Some(reasons) => plan.keep.push(Kept { index: candidate.index, reasons }),
            None => {
                plan.delete.push(candidate.index);
                plan.delete_bytes = plan.delete_bytes.saturating_add(candidate.stored_bytes);
            }
        }
    }
    Ok(plan)
}

/// The reasons found so far. Rules are asked in the order of [`Reason`].
#[derive(Default)]
struct Reasons(BTreeMap<SnapshotIndex, Vec<Reason>>);

impl Reasons {
    fn add(&mut self, candidate: &Candidate, reason: Reason) {
        self.0.entry(candidate.index).or_default().push(reason);
    }

    /// Asks the rules that look at positions in the session.
    fn by_index(&mut self, rules: &KeepRules, by_index: &[&Candidate]) {
        let newest_first = || by_index.iter().rev();
        newest_first().take(1).for_each(|newest| self.add(newest, Reason::Newest));
        let last = rules.last.map_or(0, limit);
        newest_first().take(last).for_each(|candidate| self.add(candidate, Reason::Last));
    }

    /// Asks the rules that look at timestamps.
    fn by_time(&mut self, rules: &KeepRules, by_index: &[&Candidate]) {
        let mut by_time: Vec<(Zoned, &Candidate)> =
            by_index.iter().map(|candidate| (rules.timezone.show(candidate.timestamp), *candidate)).collect();
        by_time.sort_unstable_by_key(|(_, candidate)| Reverse((candidate.timestamp, candidate.index)));

        if let (Some(period), Some((newest, _))) = (rules.within, by_time.first()) {
            // A period that reaches back beyond the calendar covers everything.
            let oldest = period.before(newest);
            by_time
                .iter()
                .filter(|(time, _)| oldest.as_ref().is_none_or(|oldest| time >= oldest))
                .for_each(|(_, candidate)| self.add(candidate, Reason::Within));
        }
        self.by_calendar(rules.hourly, &by_time, &Reason::Hourly, |time| {
            // The offset tells apart the two hours of one name when clocks are set back.
            (time.date(), time.hour(), time.offset())
        });
        self.by_calendar(rules.daily, &by_time, &Reason::Daily, Zoned::date);
        self.by_calendar(rules.weekly, &by_time, &Reason::Weekly, |time| {
            let week = time.date().iso_week_date();
            (week.year(), week.week())
        });
        self.by_calendar(rules.monthly, &by_time, &Reason::Monthly, |time| (time.year(), time.month()));
        self.by_calendar(rules.yearly, &by_time, &Reason::Yearly, Zoned::year);
    }

    /// Keeps the first candidate of each of the first `count` parts of the calendar.
    fn by_calendar<P: Ord>(
        &mut self,
        count: Option<NonZeroU64>,
        newest_first: &[(Zoned, &Candidate)],
        reason: &Reason,
        part: impl Fn(&Zoned) -> P,
    ) {
        let limit = count.map_or(0, limit);
        // A set rather than the last part seen: where clocks are set back over midnight, a date comes twice.
        let mut seen = BTreeSet::new();
        for (time, candidate) in newest_first {
            if seen.len() >= limit {
                break;
            }
            if seen.insert(part(time)) {
                self.add(candidate, reason.clone());
            }
        }
    }

    /// Asks the rules that look at what clients wrote.
    fn by_mark(&mut self, rules: &KeepRules, by_index: &[&Candidate]) {
        for candidate in by_index {
            for rule in rules.labels.iter().filter(|rule| rule.covers(&candidate.labels)) {
                self.add(candidate, Reason::Label(rule.clone()));
            }
            if rules.named && candidate.name.is_some() {
                self.add(candidate, Reason::Named);
            }
        }
    }
}

/// A count of snapshots, of which there are never more than memory can address.
fn limit(count: NonZeroU64) -> usize {
    usize::try_from(count.get()).unwrap_or(usize::MAX)
}
