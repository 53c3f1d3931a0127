//! The fuzz targets of `fuzz/`, run over their corpus and over mutations of it: the same each time.
//!
//! The allocator refuses to give more than an input may make a reader allocate. A reader that asks for more where it
//! cannot be refused ends this program.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::alloc::System;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cap::Cap;
use fastrand::Rng;
use persist_host::format::{Generation, Generations, IndexSet, Manifest, WriteId};

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is the library of the fuzz targets")]
mod targets;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What a reader may allocate beside what the input promises: what a store, a runtime and errors take, and room for
/// following copies of copies.
const SPARE: usize = 4 << 20;
/// What a reader may allocate for each byte of its input.
const PER_BYTE: usize = 256;
/// Promises beyond this are not kept; a reader has to cope without the memory.
const MOST_PROMISED: u64 = 16 << 20;

/// A function that any bytes may be given to.
type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 4] = [
    ("header", targets::header),
    ("manifest", targets::manifest),
    ("ops", targets::ops),
    ("object", targets::object),
];

#[test]
fn the_corpus_and_some_mutations_are_survived() {
    run_all(5_000);
}

#[test]
#[ignore = "takes a minute; `cargo xtask test --full` runs it"]
fn the_corpus_and_many_mutations_are_survived() {
    run_all(50_000);
}

#[test]
fn the_samples_are_what_they_are_meant_to_be() {
    let object = targets::whole(&targets::sample_object()).expect("a whole object");
    let state = targets::restore(&object).expect("the sample restores");
    assert_eq!(state, targets::sample_state());
    let error = targets::restore(&targets::delta_of(&targets::sample_ops()).expect("an object"));
    let error = std::error::Error::source(&error.expect_err("the hash is another")).map(ToString::to_string);
    assert!(error.as_ref().is_some_and(|error| error.contains("its content has the SHA-256")), "{error:?}");
}

/// The committed corpus begins with what this release writes, so that a change of the format shows here. Set
/// `PERSIST_WRITE_CORPUS` to write it anew.
#[test]
fn the_corpus_holds_what_is_written_today() {
    for (target, samples) in samples() {
        for (name, sample) in samples {
            let path = corpus(target).join(name);
            if std::env::var_os("PERSIST_WRITE_CORPUS").is_some() {
                std::fs::create_dir_all(corpus(target)).expect("the directory of the corpus");
                std::fs::write(&path, &sample).expect("a file of the corpus");
            }
            let found = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(found == sample, "{} is not what is written today", path.display());
        }
    }
}

fn run_all(mutations: usize) {
    // One at a time: what others allocate would count.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        let mut random = Rng::with_seed(1);
        for seed in &seeds {
            survive(name, target, seed);
        }
        for _ in 0..mutations {
            survive(name, target, &mutated(&seeds, &mut random));
        }
        println!("{name}: {} seeds, {mutations} mutations", seeds.len());
    }
}

/// Runs a target with no more memory than the input justifies.
fn survive(name: &str, target: Target, input: &[u8]) {
    let promised = targets::promised(input, name).min(MOST_PROMISED);
    let allowed = SPARE + PER_BYTE * input.len() + usize::try_from(promised).unwrap_or(usize::MAX);
    ALLOCATOR.set_limit(ALLOCATOR.allocated() + allowed).expect("more than is allocated");
    target(input);
    ALLOCATOR.set_limit(usize::MAX).expect("more than is allocated");
}

/// One of the seeds, changed in one to four places.
fn mutated(seeds: &[Vec<u8>], random: &mut Rng) -> Vec<u8> {
    let pick = |random: &mut Rng| seeds[random.usize(..seeds.len())].clone();
    let mut input = pick(random);
    for _ in 0..random.usize(1..=4) {
        let at = random.usize(..=input.len());
        let end = random.usize(at..=input.len());
        match random.u8(..8) {
            0 => input.truncate(at),
            1 => drop(input.drain(at..end.min(at + 8))),
            2 => {
                let other = pick(random);
                let from = random.usize(..=other.len());
                input.splice(at..end, other[from..].iter().copied());
            }
            3 => {
                let part = input[at..end.min(at + 16)].to_vec();
                input.splice(at..at, part);
            }
            // Numbers that lengths go wrong at, in the byte orders and sizes that there are.
            4 | 5 => {
                let number = *random.choice(&EDGES).unwrap_or(&0);
                let bytes = if random.bool() { number.to_le_bytes() } else { number.to_be_bytes() };
                let width = 1 << random.usize(..4);
                let bytes = if random.bool() { &bytes[..width] } else { &bytes[8 - width..] };
                for (byte, new) in input.iter_mut().skip(at).zip(bytes) {
                    *byte = *new;
                }
            }
            6 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = random.u8(..);
                }
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << random.u8(..8);
                }
            }
        }
    }
    input
}

const EDGES: [u64; 12] = [
    0,
    1,
    23,
    0x7f,
    0xff,
    0x1_0000,
    0x1b00_0000_0000_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target)
}

/// All files of a target's corpus, in the order of their names.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(corpus(target)).expect("the directory of the corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a directory entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file of the corpus")).collect()
}

/// What this release writes, as inputs of the targets.
fn samples() -> BTreeMap<&'static str, Vec<(&'static str, Vec<u8>)>> {
    let header_of = |object: &[u8]| {
        let length = u32::from_le_bytes([object[6], object[7], object[8], object[9]]);
        object[42..42 + length as usize].to_vec()
    };
    let object = targets::whole(&targets::sample_object()).expect("a whole object");
    let [full, delta] = targets::base();
    let manifest = manifest().encode().expect("a manifest is encodable");
    BTreeMap::from([
        (
            "header",
            vec![
                ("full", header_of(&full)),
                ("delta", header_of(&delta)),
                ("frames", header_of(&object)),
                ("whole", full.to_vec()),
            ],
        ),
        ("manifest", vec![("fields", header_of(&manifest)), ("whole", manifest.to_vec())]),
        ("ops", vec![("steps", targets::sample_ops())]),
        ("object", vec![("frames", targets::sample_object())]),
    ])
}

fn manifest() -> Manifest {
    let indices = |range: std::ops::Range<u64>| -> IndexSet {
        range.map(|index| persist_host::SnapshotIndex::new(index).expect("an index")).collect()
    };
    let index = |number| persist_host::SnapshotIndex::new(number).expect("an index");
    let mut generations = Generations::default();
    let generation = Generation { seq: 2, attempt: WriteId([2; 16]) };
    generations.replace(index(3), index(9), generation, indices(5..9));
    Manifest {
        write_id: WriteId([1; 16]),
        seq: 3,
        session: "a/s".parse().expect("a session"),
        boundary: 1,
        deleted: indices(1..5),
        gone: indices(3..5),
        generations,
        labels: [(index(7), [("keep".to_owned(), Some("yes".to_owned())), ("old".to_owned(), None)].into())]
            .into(),
    }
}
