//! The figures of sessions, as `persist bench --json` reports them.

use serde::Deserialize;

/// The heads of the columns of [`Figures::row`].
pub(super) const HEADS: &str =
    "states       raw B    stored B  allocated B   ideal B  × ideal  gzip ÷ stored  objects  session";

/// What is taken from the report of one session, and their sum.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Figures {
    snapshots: u64,
    raw_bytes: u64,
    stored_bytes: u64,
    allocated_bytes: u64,
    ideal_bytes: u64,
    gzip_bytes: u64,
    max_objects_per_restore: u64,
}

impl Figures {
    /// The sums, and the most objects of any restore.
    pub(super) fn total<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            snapshots: sum.snapshots + one.snapshots,
            raw_bytes: sum.raw_bytes + one.raw_bytes,
            stored_bytes: sum.stored_bytes + one.stored_bytes,
            allocated_bytes: sum.allocated_bytes + one.allocated_bytes,
            ideal_bytes: sum.ideal_bytes + one.ideal_bytes,
            gzip_bytes: sum.gzip_bytes + one.gzip_bytes,
            max_objects_per_restore: sum.max_objects_per_restore.max(one.max_objects_per_restore),
        })
    }

    /// One line under [`HEADS`].
    pub(super) fn row(&self, name: &str) -> String {
        format!(
            "{:>6}  {:>10}  {:>10}  {:>11}  {:>8}  {:>7.2}  {:>13.2}  {:>7}  {name}",
            self.snapshots,
            self.raw_bytes,
            self.stored_bytes,
            self.allocated_bytes,
            self.ideal_bytes,
            self.ratio_to_ideal(),
            self.gzip_factor(),
            self.max_objects_per_restore
        )
    }

    /// Stored bytes as a multiple of the ideal.
    fn ratio_to_ideal(&self) -> f64 {
        self.stored_bytes as f64 / self.ideal_bytes as f64
    }

    /// How many times the stored bytes gzip takes when it compresses each state by itself.
    fn gzip_factor(&self) -> f64 {
        self.gzip_bytes as f64 / self.stored_bytes as f64
    }
}

/// All figures as one JSON object: the total, and in `sessions` those of each session with its name.
pub(super) fn json(all: &[(&str, Figures)]) -> serde_json::Value {
    let total = Figures::total(all.iter().map(|(_, figures)| figures));
    let mut report = object(&total);
    let sessions: Vec<_> = all
        .iter()
        .map(|(name, figures)| {
            let mut session = object(figures);
            session["session"] = (*name).into();
            session
        })
        .collect();
    report["sessions"] = sessions.into();
    report
}

fn object(figures: &Figures) -> serde_json::Value {
    serde_json::json!({
        "snapshots": figures.snapshots,
        "raw_bytes": figures.raw_bytes,
        "stored_bytes": figures.stored_bytes,
        "allocated_bytes": figures.allocated_bytes,
        "ideal_bytes": figures.ideal_bytes,
        "gzip_bytes": figures.gzip_bytes,
        "ratio_to_ideal": figures.ratio_to_ideal(),
        "gzip_factor": figures.gzip_factor(),
        "max_objects_per_restore": figures.max_objects_per_restore,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_the_command_is_read_and_summed() {
        let report = r#"{"storage":"local","snapshots":3,"raw_bytes":900,"stored_bytes":200,"allocated_bytes":8192,
            "ideal_bytes":100,"gzip_bytes":600,"save_ms_p50":0.5,"max_objects_per_restore":2,"sessions":[]}"#;
        let one: Figures = serde_json::from_str(report).expect("figures");
        let other = Figures { max_objects_per_restore: 1, ..one.clone() };
        let json = json(&[("a", one), ("b", other)]);
        assert_eq!((&json["snapshots"], &json["stored_bytes"]), (&6.into(), &400.into()));
        assert_eq!((&json["ratio_to_ideal"], &json["gzip_factor"]), (&2.0.into(), &3.0.into()));
        assert_eq!(json["max_objects_per_restore"], 2);
        assert_eq!(
            (&json["sessions"][1]["session"], &json["sessions"][1]["raw_bytes"]),
            (&"b".into(), &900.into())
        );
    }
}
