//! `cargo xtask bench-instructions`: how many instructions three operations take, beside the counts in the repository.

use std::{collections::BTreeMap, ffi::OsString, fs, path::PathBuf, process::Stdio};

use serde::{Deserialize, Serialize};

use crate::{
    artifacts,
    callgrind::{Operation, Valgrind},
    error::{Error, Result},
    steps::Outcome,
    tools::{line, program, root},
};

/// The counts, from the workspace's directory.
const FILE: &str = "tests/e2e/instruction-counts.json";

/// Growth in percent that is reported. Counts of the same code differ by less than one.
const MOST_GROWTH: f64 = 5.0;

const OPERATIONS: [(Operation, &str); 3] = [
    (
        Operation { name: "warm-save", codec: "gzip", watched: "bare", count: 6, runs: 2 },
        "save of 400 KB with 2 KB changed, the state before at hand",
    ),
    (
        Operation { name: "restore", codec: "gzip", watched: "bare", count: 4, runs: 2 },
        "restore of that state, by a store that has seen nothing yet",
    ),
    (
        Operation { name: "cold-save", codec: "gzip", watched: "bare", count: 1, runs: 1 },
        "first save of a session, 3 MB",
    ),
];

/// What the file holds.
#[derive(Debug, Deserialize, Serialize)]
struct Recorded {
    #[serde(flatten)]
    circumstances: Circumstances,
    /// Instructions of one operation, by its name.
    instructions: BTreeMap<String, u64>,
}

/// What counts depend on beside the code.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Circumstances {
    profile: String,
    rustc: String,
    valgrind: String,
    processor: String,
}

/// Builds in the profile of development, counts and prints; with `--update` the file says what was counted.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let update = match arguments {
        [] => false,
        [only] if only == "--update" => true,
        _ => return Err(Error::usage("`bench-instructions` takes nothing but --update")),
    };
    artifacts::build(artifacts::Plugins::All)?;
    let valgrind = Valgrind::find()?;
    let counted = count(&valgrind)?;
    if update {
        let text = serde_json::to_string_pretty(&counted)
            .map_err(|source| Error::Figures { line: FILE.to_owned(), source })?;
        fs::write(path(), text + "\n").map_err(Error::io(format!("write {FILE}")))?;
    }
    let recorded = recorded()?;
    print!("{}", table(&counted, &recorded));
    Ok(())
}

/// Counts with what is built, and says what grew. Where valgrind cannot be had nothing is counted.
pub(crate) fn check() -> Result<Outcome> {
    let valgrind = match Valgrind::find() {
        Ok(valgrind) => valgrind,
        Err(error) => {
            let reason = persist_test_support::with_causes(&error);
            return Ok(Outcome::Skipped(format!("valgrind cannot be had: {reason}")));
        }
    };
    let (counted, recorded) = (count(&valgrind)?, recorded()?);
    print!("{}", table(&counted, &recorded));
    let grown = grown(&counted, &recorded);
    Ok(if grown.is_empty() { Outcome::Done } else { Outcome::Noted(grown.join("; ")) })
}

fn count(valgrind: &Valgrind) -> Result<Recorded> {
    let circumstances = Circumstances {
        profile: "dev".to_owned(),
        rustc: rustc()?,
        valgrind: valgrind.version()?,
        processor: processor(),
    };
    let mut instructions = BTreeMap::new();
    for (operation, _) in &OPERATIONS {
        instructions.insert(operation.name.to_owned(), valgrind.instructions(operation)?);
    }
    Ok(Recorded { circumstances, instructions })
}

/// A line per operation: its count, by how much that differs from the recorded one, and what it is.
fn table(counted: &Recorded, recorded: &Recorded) -> String {
    let mut text = String::from("instructions of one operation, and how many more than recorded:\n");
    for (operation, meaning) in &OPERATIONS {
        let now = counted.instructions.get(operation.name).copied().unwrap_or_default();
        let more = growth(operation.name, counted, recorded)
            .map_or_else(|| "new".to_owned(), |percent| format!("{percent:+.2} %"));
        text += &format!("{:<10} {now:>13}  {more:>9}  {meaning}\n", operation.name);
    }
    if counted.circumstances != recorded.circumstances {
        text += &format!(
            "the recorded counts are those of other circumstances:\n  now       {:?}\n  recorded  {:?}\n",
            counted.circumstances, recorded.circumstances
        );
    }
    text
}

/// What to tell about each operation that grew by more than the allowance.
fn grown(counted: &Recorded, recorded: &Recorded) -> Vec<String> {
    let names = OPERATIONS.iter().map(|(operation, _)| operation.name);
    let grown = names.filter_map(|name| {
        let percent = growth(name, counted, recorded).filter(|percent| *percent > MOST_GROWTH)?;
        Some(format!("{name} takes {percent:.1} % more instructions than {FILE} says"))
    });
    let mut grown: Vec<String> = grown.collect();
    if !grown.is_empty() {
        grown.push("if that is intended, `cargo xtask bench-instructions --update`".to_owned());
    }
    grown
}

/// By how many percent a count exceeds the recorded one, if there is one.
fn growth(name: &str, counted: &Recorded, recorded: &Recorded) -> Option<f64> {
    let (now, before) = (*counted.instructions.get(name)?, *recorded.instructions.get(name)?);
    Some((now as f64 / before as f64 - 1.0) * 100.0)
}

fn path() -> PathBuf {
    root().join(FILE)
}

fn recorded() -> Result<Recorded> {
    let text = fs::read_to_string(path()).map_err(Error::io(format!("read {FILE}")))?;
    serde_json::from_str(&text).map_err(|source| Error::Figures { line: FILE.to_owned(), source })
}

fn rustc() -> Result<String> {
    let mut rustc = program(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.arg("--version").stdout(Stdio::piped());
    let output = rustc.output().map_err(|source| Error::Start { line: line(&rustc), source })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The architecture, and what of it changes which code hashes and checks run below valgrind.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return "x86_64 with AVX2".to_owned();
    }
    std::env::consts::ARCH.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(save: u64) -> Recorded {
        let text = |text: &str| text.to_owned();
        Recorded {
            circumstances: Circumstances {
                profile: text("dev"),
                rustc: text("rustc 1"),
                valgrind: text("valgrind 3"),
                processor: text("x86_64"),
            },
            instructions: BTreeMap::from([(text("warm-save"), save)]),
        }
    }

    #[test]
    fn growth_beyond_the_allowance_is_told() {
        assert!(grown(&with(1_049), &with(1_000)).is_empty());
        assert!(grown(&with(900), &with(1_000)).is_empty());
        let told = grown(&with(1_060), &with(1_000)).join("; ");
        assert!(told.starts_with("warm-save takes 6.0 % more instructions"), "{told}");
        assert!(told.contains("--update"), "{told}");
    }

    #[test]
    fn other_circumstances_are_told() {
        let mut other = with(1_000);
        assert!(!table(&with(1_000), &other).contains("other circumstances"));
        other.circumstances.rustc = "rustc 2".to_owned();
        assert!(table(&with(1_000), &other).contains("other circumstances"));
    }

    #[test]
    fn the_file_has_every_operation() {
        let recorded = recorded().expect("it is read");
        for (operation, _) in &OPERATIONS {
            assert!(recorded.instructions.contains_key(operation.name), "{}", operation.name);
        }
    }
}
