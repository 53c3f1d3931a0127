//! The arguments of `persist bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueHint};

/// The longest state that is made, in bytes.
const LONGEST_STATE: u64 = 1 << 30;

/// What the units stand for. Kubernetes writes quantities so, and a B may follow.
const UNITS: [(&str, u64); 6] =
    [("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// A directory of successive states, one file each, in the order of their names; several are a session each
    #[arg(value_name = "DIR", required_unless_present = "generate", value_hint = ValueHint::DirPath)]
    pub(crate) directories: Vec<PathBuf>,
    /// Make a session up: so many states, the first of so many bytes, so many more with each step, as in 200,17k,2Ki
    #[arg(long, value_name = "STEPS,BYTES,CHANGE", conflicts_with = "directories")]
    pub(crate) generate: Option<Synthetic>,
    /// Replay only the first states of each session
    #[arg(long, value_name = "N")]
    pub(crate) steps: Option<NonZeroUsize>,
    /// Also gzip every state by itself, to compare
    #[arg(long)]
    pub(crate) compare: bool,
    /// Leave the scratch sessions in the store
    #[arg(long)]
    pub(crate) keep: bool,
}

/// The measures of a session that is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Synthetic {
    /// How many states it has.
    pub(crate) steps: usize,
    /// About how many bytes the first has.
    pub(crate) bytes: usize,
    /// About how many each further one adds.
    pub(crate) change: usize,
}

impl FromStr for Synthetic {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').collect();
        let [steps, bytes, change] = parts.as_slice() else {
            return Err("expected STEPS,BYTES,CHANGE, as in 200,17k,2Ki".to_owned());
        };
        let steps = steps
            .parse()
            .ok()
            .filter(|steps| *steps > 0)
            .ok_or_else(|| format!("{steps:?} is not a number of steps, of which there is at least 1"))?;
        let (bytes, change) = (size(bytes)?, size(change)?);
        let last = u64::try_from(steps).ok().and_then(|steps| change.checked_mul(steps)?.checked_add(bytes));
        if last.is_none_or(|last| last > LONGEST_STATE) {
            return Err("the last state would be longer than 1 GiB".to_owned());
        }
        // Both are at most a gibibyte.
        Ok(Self { steps, bytes: bytes as usize, change: change as usize })
    }
}

/// A number of bytes, with a unit or without.
fn size(text: &str) -> Result<u64, String> {
    let refused = || {
        format!(
            "{text:?} is not a number of bytes; write 2048, 2k, 2M, 2G (powers of 1000) or 2Ki, 2Mi, 2Gi (of 1024)"
        )
    };
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.strip_suffix('B').unwrap_or(unit);
    let factor = match unit {
        "" => Some(1),
        _ => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor),
    };
    let number: u64 = number.parse().map_err(|_| refused())?;
    factor.and_then(|factor| number.checked_mul(factor)).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_units_of_quantities() {
        for (text, bytes) in [
            ("0", 0),
            ("7B", 7),
            ("17k", 17_000),
            ("17kB", 17_000),
            ("2Ki", 2_048),
            ("2KiB", 2_048),
            ("3M", 3_000_000),
            ("1Mi", 1 << 20),
            ("1G", 1_000_000_000),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in
            ["", "k", "1K", "1.5k", "-1", "1 k", "1kk", "99999999999999999999", "18446744073709551615k"]
        {
            assert!(size(text).unwrap_err().contains("number of bytes"), "{text}");
        }
    }

    #[test]
    fn a_made_up_session_has_three_measures_that_fit() {
        assert_eq!("200,17k,2Ki".parse(), Ok(Synthetic { steps: 200, bytes: 17_000, change: 2_048 }));
        for (text, reason) in [
            ("200,17k", "STEPS,BYTES,CHANGE"),
            ("1,2,3,4", "STEPS,BYTES,CHANGE"),
            ("0,1,1", "number of steps"),
            ("x,1,1", "number of steps"),
            ("1,x,1", "number of bytes"),
            ("1,2Gi,0", "1 GiB"),
            ("1000000,1,1M", "1 GiB"),
            ("18446744073709551615,1,2", "1 GiB"),
        ] {
            let error = text.parse::<Synthetic>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
