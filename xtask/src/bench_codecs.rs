//! `cargo xtask bench-codecs`: what each codec makes of agents' whole states, and how fast.

use std::{ffi::OsString, fs, path::Path};

use serde::Deserialize;

use crate::{
    bench_sessions::{Codec, Trial, absolute, build, find, usual_collection},
    error::{Error, Result},
};

/// How many states of each session are looked at; the last of them is taken.
const STEPS: usize = 200;

/// The rows of the table: a codec, its option and the values to try, or the codec as it is by default.
const CODECS: [(&str, &str, &[i64]); 4] = [
    ("gzip", "level", &[1, 5, 6, 9]),
    ("zstd", "level", &[-5, 1, 3, 6, 9, 12, 19]),
    ("lz4", "", &[]),
    ("brotli", "quality", &[1, 5, 9]),
];

/// What is taken from the report of a run.
#[derive(Deserialize)]
struct Figures {
    codec_ratio: f64,
    compress_mb_s: f64,
    decompress_mb_s: f64,
}

/// Builds for release and prints a line per codec and option.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let collection = match arguments {
        [] => usual_collection(),
        [option, directory] if option == "--sessions" => absolute(directory)?,
        _ => return Err(Error::usage("`bench-codecs` takes nothing but --sessions DIR")),
    };
    let codecs = codecs();
    build(&codecs)?;
    let directory = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
    let states = directory.path().join("states");
    let count = gather(&collection, &states)?;
    println!("\nthe last of the first {STEPS} states of each of {count} sessions, each stored in full");
    println!("  ratio  compress MB/s  decompress MB/s  codec");
    for codec in codecs {
        let name = codec.to_string();
        // A segment of one record is a full snapshot.
        let trial = Trial { codec, layout: vec![("segment_records".to_owned(), 1)] };
        let figures: Figures = trial.bench(directory.path(), &states, &[])?;
        println!(
            "{:>7.2}  {:>13.0}  {:>15.0}  {name}",
            figures.codec_ratio, figures.compress_mb_s, figures.decompress_mb_s
        );
    }
    Ok(())
}

fn codecs() -> Vec<Codec> {
    let rows = CODECS.iter().flat_map(|(name, option, values)| {
        let codec = |options| Codec { name: (*name).to_owned(), options };
        let mut rows: Vec<_> =
            values.iter().map(|value| codec(vec![((*option).to_owned(), *value)])).collect();
        if rows.is_empty() {
            rows.push(codec(Vec::new()));
        }
        rows
    });
    rows.collect()
}

/// Puts one state of each session into a directory and returns how many they are.
fn gather(collection: &Path, states: &Path) -> Result<usize> {
    fs::create_dir(states).map_err(Error::io(format!("make {}", states.display())))?;
    let sessions = find(collection)?;
    for (number, session) in sessions.iter().enumerate() {
        let scratch = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
        let directory = session.states_in(&scratch.path().join("states"), STEPS)?;
        let list = fs::read_dir(&directory).map_err(Error::io(format!("list {}", directory.display())))?;
        let mut paths: Vec<_> = list.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        paths.truncate(STEPS);
        let Some(last) = paths.last() else {
            return Err(Error::usage(format!("the session {} has no states", session.name)));
        };
        let copy = states.join(format!("{number:06}.json"));
        fs::copy(last, &copy).map_err(Error::io(format!("copy {}", last.display())))?;
    }
    Ok(sessions.len())
}
