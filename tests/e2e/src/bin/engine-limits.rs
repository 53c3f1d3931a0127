//! How long saves and restores take beside what the hardware needs at least, for `cargo xtask bench-limits`.
//!
//! ```text
//! engine-limits CASE DIR [STATES]     times `small`, `middle`, `end`, `append`, `front` or `cold`: milliseconds, and the share
//!                                     of what it may take in terms of its yardstick
//! engine-limits save DIR FILE         saves one state and prints the peak memory
//! engine-limits restore DIR FILE      restores it, compares it with the file, and prints the peak memory
//! ```
//!
//! The yardsticks are measured in the same run, between the cases, because machines are noisy: `F` is one durable write
//! of 10 KB (write, fsync, link, fsync of the directory), `H` the SHA-256 of the state. A case has a process to itself, so that
//! none finds the memory as another left it. `STATES` is a directory of real states, joined until they are long enough;
//! without it, and for `small`, states are made.

use std::{
    env, fs,
    fs::File,
    hint::black_box,
    io::Write as _,
    path::{Path, PathBuf},
    time::Instant,
};

use persist_e2e::library;
use persist_host::{ContentHash, SaveRequest, Store};
use persist_test_support::agent_state;
use serde_json::json;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const SESSION: &str = "limits/session";

#[tokio::main]
async fn main() -> Result {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["save", directory, file] => {
            open(directory).await.save(SaveRequest::new(SESSION.parse()?, fs::read(file)?)).await?;
            print_peak()
        }
        ["restore", directory, file] => {
            let restored = open(directory).await.restore(&SESSION.parse()?).await?;
            print_peak()?;
            if restored.state == fs::read(file)? { Ok(()) } else { Err("another state came back".into()) }
        }
        [case, directory] => time(case, Path::new(directory), None).await,
        [case, directory, states] => time(case, Path::new(directory), Some(Path::new(states))).await,
        _ => Err("expected `CASE DIR [STATES]`, `save DIR FILE` or `restore DIR FILE`".into()),
    }
}

async fn open(directory: impl AsRef<Path>) -> Store {
    library::store("local", &json!({ "root": directory.as_ref() })).await
}

async fn time(case: &str, directory: &Path, states: Option<&Path>) -> Result {
    let yardstick = directory.join("yardstick");
    fs::create_dir_all(&yardstick)?;
    let samples = match states {
        Some(states) => real_states(states)?,
        None => Vec::new(),
    };
    let (name, base, states, most) = match case {
        "small" => {
            // Most real states are larger.
            let base = made_or_joined(&[], 10_000);
            let states = edits(&base, 200, 40, &Edit::End);
            ("warm save, 10 KB state, 200 bytes appended", base, states, Most { f: 1.5, h: 0.0 })
        }
        "middle" => {
            let base = made_or_joined(&samples, 400_000);
            let states = edits(&base, 2_000, 40, &Edit::Middle);
            ("warm save, 400 KB state, 2 KB new in the middle", base, states, Most { f: 1.5, h: 0.0 })
        }
        "end" => {
            let base = made_or_joined(&samples, 400_000);
            let states = edits(&base, 2_000, 40, &Edit::End);
            ("warm save, 400 KB state, 2 KB appended", base, states, Most { f: 1.5, h: 0.0 })
        }
        "append" => {
            let base = made_or_joined(&samples, 15_000_000);
            let states = edits(&base, 100_000, 12, &Edit::End);
            ("warm save, 15 MB state, 100 KB appended", base, states, Most { f: 1.0, h: 0.65 })
        }
        "front" => {
            let base = made_or_joined(&samples, 10_000_000);
            let states = edits(&base, 100_000, 12, &Edit::Front);
            ("warm save, 10 MB state, 100 KB new at the front", base, states, Most { f: 1.0, h: 1.5 })
        }
        "cold" => return cold(directory, &made_or_joined(&samples, 50_000_000), &yardstick).await,
        other => return Err(format!("there is no case {other:?}").into()),
    };
    drop(samples);
    warm(directory, name, &base, &states, &most, &yardstick).await
}

/// What a save may take at most: so many times F and H together.
struct Most {
    f: f64,
    h: f64,
}

/// Where the successive states of a case differ.
enum Edit {
    Front,
    Middle,
    End,
}

/// Successive states: each has `bytes` new ones more.
fn edits(base: &[u8], bytes: usize, count: usize, edit: &Edit) -> Vec<Vec<u8>> {
    let mut state = base.to_vec();
    let fresh = agent_state(bytes * count * 2);
    let text: Vec<u8> =
        fresh.iter().map(|byte| if byte.is_ascii_alphanumeric() { *byte } else { b' ' }).collect();
    text.chunks_exact(bytes)
        .take(count)
        .map(|text| {
            match edit {
                // The state is an array, so another element may stand behind its first bracket.
                Edit::Front => {
                    state.splice(1..1, [&b"\""[..], &text[..bytes - 3], b"\","].concat());
                }
                // Words with a space between them are within a string.
                Edit::Middle => {
                    let words = |window: &[u8]| {
                        let letters = window.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
                        letters == 6 && window[3] == b' '
                    };
                    let half = state.len() / 2;
                    let at = half + state[half..].windows(7).position(words).unwrap_or_default() + 4;
                    state.splice(at..at, text.iter().copied());
                }
                // The state is an array, so another element may stand before its last bracket.
                Edit::End => {
                    let at = state.len() - 1;
                    state.splice(at..at, [&b",\""[..], &text[..bytes - 3], b"\""].concat());
                }
            }
            state.clone()
        })
        .collect()
}

async fn warm(
    directory: &Path,
    name: &str,
    base: &[u8],
    states: &[Vec<u8>],
    most: &Most,
    yardstick: &Path,
) -> Result {
    let root = directory.join(name.replace(|sign: char| !sign.is_ascii_alphanumeric(), "-"));
    let store = open(&root).await;
    store.save(SaveRequest::new(SESSION.parse()?, base.to_vec())).await?;
    let (mut saves, mut writes, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for (at, state) in states.iter().enumerate() {
        writes.push(durable_write(yardstick, at)?);
        hashes.push(hash(state));
        let request = SaveRequest::new(SESSION.parse()?, state.clone());
        let begin = Instant::now();
        store.save(request).await?;
        saves.push(milliseconds(begin));
    }
    let (save, write, hash) = (median(saves), median(writes), median(hashes));
    println!(
        "{name:<50} {save:>8.2} ms   F {write:.2}, H {hash:.2}   {:.2} of {} F + {} H",
        save / (most.f * write + most.h * hash),
        most.f,
        most.h,
    );
    Ok(())
}

async fn cold(directory: &Path, state: &[u8], yardstick: &Path) -> Result {
    let (mut saves, mut restores, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..5 {
        let root = directory.join(format!("cold-{round}"));
        durable_write(yardstick, 1000 + round)?;
        hashes.push(hash(state));
        let request = SaveRequest::new(SESSION.parse()?, state.to_vec());
        let store = open(&root).await;
        let begin = Instant::now();
        store.save(request).await?;
        saves.push(milliseconds(begin));
        let store = open(&root).await;
        let begin = Instant::now();
        let restored = store.restore(&SESSION.parse()?).await?;
        restores.push(milliseconds(begin));
        if restored.state != state {
            return Err("another state came back".into());
        }
        fs::remove_dir_all(&root)?;
    }
    let (save, restore, hash) = (median(saves), median(restores), median(hashes));
    println!(
        "{:<50} {save:>8.2} ms   H {hash:.2}   {:.2} of 10 H",
        "cold save, 50 MB state, gzip",
        save / (10.0 * hash)
    );
    println!(
        "{:<50} {restore:>8.2} ms   H {hash:.2}   {:.2} of 3 H",
        "restore, 50 MB state",
        restore / (3.0 * hash)
    );
    Ok(())
}

/// F: what storing 10 KB for good takes at least.
fn durable_write(directory: &Path, at: usize) -> Result<f64> {
    let (temporary, target) = (directory.join(format!("{at}.tmp")), directory.join(at.to_string()));
    let data = vec![b'x'; 10_000];
    let begin = Instant::now();
    let mut file = File::create_new(&temporary)?;
    file.write_all(&data)?;
    file.sync_all()?;
    fs::hard_link(&temporary, &target)?;
    File::open(directory)?.sync_all()?;
    fs::remove_file(&temporary)?;
    let elapsed = milliseconds(begin);
    fs::remove_file(&target)?;
    Ok(elapsed)
}

/// H: what hashing a state takes.
fn hash(state: &[u8]) -> f64 {
    let begin = Instant::now();
    black_box(ContentHash::of(black_box(state)));
    milliseconds(begin)
}

fn milliseconds(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn real_states(directory: &Path) -> Result<Vec<Vec<u8>>> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    files.iter().map(|file| Ok(fs::read(file)?)).collect()
}

/// A JSON array of real states, cut at the wanted length, or a made state.
fn made_or_joined(samples: &[Vec<u8>], bytes: usize) -> Vec<u8> {
    if samples.is_empty() {
        let state = agent_state(bytes);
        return [b"[", &state[..], b"]"].concat();
    }
    let mut joined = b"[0".to_vec();
    for (round, sample) in samples.iter().cycle().enumerate() {
        if joined.len() >= bytes {
            break;
        }
        joined.extend_from_slice(format!(",{round},").as_bytes());
        joined.extend_from_slice(sample);
    }
    joined.push(b']');
    joined
}

/// The most memory that this process had.
fn print_peak() -> Result {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    println!("{}", line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024);
    Ok(())
}
