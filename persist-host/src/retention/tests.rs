//! Plans: tables worked out by hand, and what must hold for every plan.

mod known;
mod properties;

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use super::*;
use crate::{SnapshotIndex, Timestamp};

fn index(value: u64) -> SnapshotIndex {
    SnapshotIndex::new(value).unwrap()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn count(value: u64) -> Option<NonZeroU64> {
    Some(NonZeroU64::new(value).unwrap())
}

fn candidate(at: u64, timestamp: Timestamp) -> Candidate {
    Candidate { index: index(at), timestamp, labels: BTreeMap::new(), stored_bytes: 100 + at, name: None }
}

/// Snapshots from index 0, saved at these times.
fn session(times: &[&str]) -> Vec<Candidate> {
    (0..).zip(times).map(|(at, text)| candidate(at, time(text))).collect()
}

/// The indices that a plan keeps.
fn kept(plan: &Plan) -> Vec<u64> {
    plan.keep.iter().map(|kept| kept.index.get()).collect()
}
