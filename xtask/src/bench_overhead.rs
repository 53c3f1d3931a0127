//! `cargo xtask bench-overhead`: how many instructions a warm save of 400 KB takes, and how many more where it is watched.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use persist_test_support::profile_dir;

use crate::{
    error::{Error, Result},
    tools::{cargo, program, run as run_command},
};

/// What watches, as the program calls it, and what that is.
const WATCHED: [(&str, &str); 4] = [
    ("bare", "nothing watches"),
    ("metrics", "metrics are counted"),
    ("logs", "metrics, and a log at the level info"),
    ("debug", "metrics, and a log at the level debug"),
];

/// How many saves are counted together.
const SAVES: u64 = 20;

/// How often each count is made. Tables in memory are seeded anew in each process, so that counts differ by a percent; the least
/// of several is steady.
const RUNS: u64 = 5;

/// Builds the program in the profile of development, counts, and prints a table.
///
/// All threads count. What a process does beside the saves is the same in a run with one save and in one with more, and
/// cancels out.
pub(crate) fn run() -> Result<()> {
    run_command(&mut cargo("build --locked -p persist-e2e --bin save-cost"))?;
    let directory = tempfile::tempdir_in(profile_dir()).map_err(Error::io("make a temporary directory"))?;
    println!(
        "\ninstructions of one warm save of 400 KB with 2 KB changed, without compression, mean of {SAVES}, least of {RUNS} runs:"
    );
    let mut bare = None;
    for (watched, meaning) in WATCHED {
        let few = least(watched, 1, directory.path())?;
        let many = least(watched, 1 + SAVES, directory.path())?;
        let one = many.saturating_sub(few) / SAVES;
        let base = *bare.get_or_insert(one);
        let more = (one as f64 / base as f64 - 1.0) * 100.0;
        println!("{watched:8} {one:>12}  {more:+6.2} %  {meaning}");
    }
    Ok(())
}

/// The least of several counts.
fn least(watched: &str, saves: u64, directory: &Path) -> Result<u64> {
    let runs =
        (0..RUNS).map(|run| count(watched, saves, &directory.join(format!("{watched}-{saves}-{run}"))));
    runs.collect::<Result<Vec<u64>>>().map(|counts| counts.into_iter().min().unwrap_or_default())
}

/// How many instructions a process takes that saves so often.
fn count(watched: &str, saves: u64, directory: &Path) -> Result<u64> {
    let mut command = program("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(profile_dir().join("save-cost"))
        .args([watched.as_ref(), directory.as_os_str()])
        .arg(saves.to_string())
        .stderr(Stdio::piped());
    let text = output(&mut command)?;
    let collected =
        text.lines().find_map(|line| line.split_once("Collected :")).map(|(_, count)| count.trim());
    collected.and_then(|count| count.parse().ok()).ok_or_else(|| {
        Error::usage(format!("valgrind did not say how many instructions it counted:\n{text}"))
    })
}

fn output(command: &mut Command) -> Result<String> {
    let line = format!("{command:?}");
    let output = command.output().map_err(|source| Error::Start { line: line.clone(), source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Err(Error::Failed { line, status: output.status })
}
