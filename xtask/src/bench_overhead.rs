//! `cargo xtask bench-overhead`: how many instructions a warm save of 400 KB takes, and how many more where it is watched.

use crate::{
    artifacts,
    callgrind::{Operation, Valgrind},
    error::Result,
};

/// What watches, as the program calls it, and what that is.
const WATCHED: [(&str, &str); 4] = [
    ("bare", "nothing watches"),
    ("metrics", "metrics are counted"),
    ("logs", "metrics, and a log at the level info"),
    ("debug", "metrics, and a log at the level debug"),
];

/// The save. Without compression it is shortest, and what watches shows most.
const SAVE: Operation = Operation { name: "warm-save", codec: "none", watched: "bare", count: 20, runs: 5 };

/// Builds the program in the profile of development, counts, and prints a table.
pub(crate) fn run() -> Result<()> {
    artifacts::build(artifacts::Plugins::All)?;
    let valgrind = Valgrind::find()?;
    println!(
        "\ninstructions of one warm save of 400 KB with 2 KB changed, without compression, mean of {}, least of {} runs:",
        SAVE.count, SAVE.runs
    );
    let mut bare = None;
    for (watched, meaning) in WATCHED {
        let one = valgrind.instructions(&Operation { watched, ..SAVE })?;
        let base = *bare.get_or_insert(one);
        let more = (one as f64 / base as f64 - 1.0) * 100.0;
        println!("{watched:8} {one:>12}  {more:+6.2} %  {meaning}");
    }
    Ok(())
}
