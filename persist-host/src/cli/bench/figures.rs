//! What a benchmark measured.

use std::path::PathBuf;
use std::time::Duration;

use persist_host::SessionRef;

use super::codec::Work;
use super::compare::Comparison;
use super::counting::Stored;

/// The figures of one session, or of several together.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    /// How long each save took.
    pub(super) saves: Vec<Duration>,
    /// The processor time of all saves together.
    pub(super) save_cpu: Duration,
    /// How long each restore took.
    pub(super) restores: Vec<Duration>,
    /// The most objects, manifests and the store marker aside, that one restore read.
    pub(super) max_objects: u64,
    pub(super) stored: Stored,
    /// What codecs did for the saves, which decompress what they compressed, and for the restores.
    pub(super) codecs: Work,
    pub(super) comparison: Comparison,
}

/// The figures of one session.
pub(super) struct SessionFigures {
    pub(super) session: SessionRef,
    pub(super) directory: Option<PathBuf>,
    pub(super) figures: Figures,
}

impl Figures {
    /// All sessions of a run together: sums, and percentiles over all saves and restores.
    pub(super) fn total(sessions: &[SessionFigures]) -> Self {
        let mut total = Self::default();
        for SessionFigures { figures, .. } in sessions {
            total.saves.extend_from_slice(&figures.saves);
            total.save_cpu += figures.save_cpu;
            total.restores.extend_from_slice(&figures.restores);
            total.max_objects = total.max_objects.max(figures.max_objects);
            total.stored.bytes += figures.stored.bytes;
            total.stored.allocated += figures.stored.allocated;
            total.codecs += figures.codecs;
            total.comparison.add(&figures.comparison);
        }
        total
    }

    pub(super) fn snapshots(&self) -> usize {
        self.saves.len()
    }

    /// Stored bytes as a multiple of the ideal; `None` when there was nothing to store.
    pub(super) fn ratio_to_ideal(&self) -> Option<f64> {
        ratio(self.stored.bytes, self.comparison.ideal)
    }

    pub(super) fn bytes_per_snapshot(&self) -> Option<f64> {
        ratio(self.stored.bytes, self.snapshots() as u64)
    }

    pub(super) fn save_cpu_mean(&self) -> Option<Duration> {
        self.save_cpu.checked_div(u32::try_from(self.snapshots()).ok()?)
    }
}

/// The smallest duration that is not exceeded by this percentage of them; `None` of none.
pub(super) fn percentile(durations: &[Duration], percentage: usize) -> Option<Duration> {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percentage).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// One number in units of another; `None` when that is zero.
pub(super) fn ratio(number: u64, unit: u64) -> Option<f64> {
    (unit > 0).then(|| number as f64 / unit as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let of = |count: u64, percentage| {
            let durations: Vec<Duration> = (1..=count).rev().map(Duration::from_millis).collect();
            percentile(&durations, percentage).map(|duration| duration.as_millis())
        };
        assert_eq!(of(0, 50), None);
        assert_eq!((of(1, 50), of(1, 99)), (Some(1), Some(1)));
        assert_eq!((of(2, 50), of(2, 99)), (Some(1), Some(2)));
        assert_eq!((of(200, 50), of(200, 99)), (Some(100), Some(198)));
    }

    #[test]
    fn a_total_is_over_all_saves() {
        let session = |milliseconds: u64| SessionFigures {
            session: "a/s".parse().unwrap(),
            directory: None,
            figures: Figures {
                saves: vec![Duration::from_millis(milliseconds); 2],
                save_cpu: Duration::from_millis(milliseconds),
                restores: vec![Duration::from_millis(1)],
                max_objects: milliseconds,
                stored: Stored { bytes: 300, allocated: 4096 },
                codecs: Work::default(),
                comparison: Comparison { raw: 1_000, ideal: 100, gzip: Some(600) },
            },
        };
        let total = Figures::total(&[session(9), session(3)]);
        assert_eq!((total.snapshots(), total.restores.len(), total.max_objects), (4, 2, 9));
        assert_eq!(total.stored, Stored { bytes: 600, allocated: 8192 });
        assert_eq!(total.ratio_to_ideal(), Some(3.0));
        assert_eq!(total.bytes_per_snapshot(), Some(150.0));
        assert_eq!(total.save_cpu_mean(), Some(Duration::from_millis(3)));
        assert_eq!(Figures::default().ratio_to_ideal(), None);
        assert_eq!(Figures::default().save_cpu_mean(), None);
    }
}
