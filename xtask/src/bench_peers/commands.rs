//! Peers that are commands: Persist's own, compressors of files, and programs for backups.

use std::path::{Path, PathBuf};

use persist_test_support::{profile_dir, with_causes};

use super::{
    machine::{first_line, said},
    measure::Call,
    peer::{Commands, Peer, Setup},
};
use crate::{artifacts, debian, error::Result, tools::make_whole};

/// What borg needs beside itself: modules and libraries that a small system lacks.
const BORG: [&str; 6] =
    ["borgbackup", "libxxhash0", "liblz4-1", "python3-msgpack", "python3-packaging", "python3-pkg-resources"];

/// What a save has on disk when it returns, in the words of the table.
const YES: &str = "yes";
const NO: &str = "no";

/// All of them; those that cannot be had say why.
pub(super) fn peers(built: &Path) -> Vec<Peer> {
    let mut peers = Vec::new();
    for codec in ["gzip", "zstd"] {
        peers.push(persist(built, codec));
    }
    for codec in ["gzip", "zstd"] {
        peers.push(library(built, codec));
    }
    peers.push(files("gzip -6, a file each", "gzip", &["-6", "-c"], &["-d", "-c"]));
    peers.push(files("zstd -3, a file each", "zstd", &["-q", "-3", "-c"], &["-q", "-d", "-c"]));
    peers.push(restic());
    peers.push(borg());
    peers
}

/// A process of the command for each save.
fn persist(built: &Path, codec: &'static str) -> Peer {
    let program = artifacts::persist_in(built);
    let version = said(&program.to_string_lossy(), &["--version"]).ok();
    let commands = move |states: &[PathBuf], kept: &Path| {
        let config = kept.with_file_name("config.toml");
        let call = || {
            Call::new(&program, kept).env("HOME", kept.with_file_name("home")).env("PERSIST_CONFIG", &config)
        };
        let text = format!(
            "[stores.main]\nstorage = {{ adapter = \"local\", root = {kept:?} }}\n\
             compression = {{ adapter = \"{codec}\" }}\n"
        );
        let write = Call::new("sh", kept).args(["-c", "printf %s \"$0\" > \"$1\"", &text]).args([&config]);
        let saves = states.iter().map(|state| call().args(["save", "peer/session"]).args([state]));
        Commands {
            before: vec![write],
            saves: saves.collect(),
            restore: call().args(["restore", "peer/session", "-o", "-"]),
        }
    };
    Peer {
        name: format!("Persist, command, {codec}"),
        durable: YES,
        version: version.filter(|_| codec == "gzip"),
        setup: Ok(Setup::Commands(Box::new(commands))),
    }
}

/// One process for all saves, another for the restore.
fn library(built: &Path, codec: &'static str) -> Peer {
    let program = built.join("peer-library");
    let commands = move |states: &[PathBuf], kept: &Path| {
        let call = |what: &str| Call::new(&program, kept).args([what, codec]).args([kept]);
        Commands { before: Vec::new(), saves: vec![call("save").args(states)], restore: call("restore") }
    };
    Peer {
        name: format!("Persist, library, {codec}"),
        durable: YES,
        version: None,
        setup: Ok(Setup::Commands(Box::new(commands))),
    }
}

/// A compressor, from the standard system, that makes a file of each state.
fn files(name: &str, program: &'static str, compress: &'static [&str], expand: &'static [&str]) -> Peer {
    let commands = move |states: &[PathBuf], kept: &Path| {
        let file = |step: usize| kept.join(format!("{step:06}"));
        let save = |(step, state): (usize, &PathBuf)| {
            Call::new(program, kept).args(compress).args([state]).into_file(file(step))
        };
        let last = states.len().saturating_sub(1);
        Commands {
            before: Vec::new(),
            saves: states.iter().enumerate().map(save).collect(),
            // gzip knows its files by their names, so it gets this one without.
            restore: Call::new("sh", kept)
                .args(["-c", "exec \"$@\" < \"$0\""])
                .args([&file(last)])
                .args([program].iter().chain(expand)),
        }
    };
    let version = said(program, &["--version"]);
    Peer {
        name: name.to_owned(),
        durable: NO,
        version: version.as_ref().ok().cloned(),
        setup: version.map(|_| Setup::Commands(Box::new(commands))).map_err(|error| with_causes(&error)),
    }
}

/// restic encrypts, and cannot be told not to.
fn restic() -> Peer {
    let got = unpacked("restic", &["restic"]).map(|directory| directory.join("usr/bin/restic"));
    let version = got.as_ref().ok().and_then(|program| said(&program.to_string_lossy(), &["version"]).ok());
    let setup = got.map(|program| {
        let commands = move |states: &[PathBuf], kept: &Path| {
            let call = |state: Option<&PathBuf>| {
                Call::new(&program, state.and_then(|state| state.parent()).unwrap_or(kept))
                    .env("RESTIC_REPOSITORY", kept)
                    .env("RESTIC_PASSWORD", "benchmark")
                    .env("RESTIC_CACHE_DIR", kept.with_file_name("cache"))
                    .args(["--quiet"])
            };
            let last = states.last().and_then(|state| state.file_name()).unwrap_or_default();
            Commands {
                before: vec![call(None).args(["init"])],
                saves: states
                    .iter()
                    .map(|state| call(Some(state)).args(["backup"]).args(state.file_name()))
                    .collect(),
                restore: call(None).args(["dump", "latest"]).args([Path::new("/").join(last)]),
            }
        };
        Setup::Commands(Box::new(commands))
    });
    Peer {
        name: "restic, a snapshot each".to_owned(),
        durable: YES,
        version,
        setup: setup.map_err(|error| with_causes(&error)),
    }
}

/// borg without encryption, with its default compression.
fn borg() -> Peer {
    let got = unpacked("borg", &BORG);
    let call = |directory: &Path, kept: &Path| {
        // Debian's program asks for Debian's Python by its path; any of that version does.
        Call::new("python3", kept)
            .env("PYTHONPATH", directory.join("usr/lib/python3/dist-packages"))
            .env("LD_LIBRARY_PATH", directory.join("usr/lib/x86_64-linux-gnu"))
            .env("BORG_BASE_DIR", kept.with_file_name("borg"))
            .args(["-m", "borg"])
    };
    let got = got.and_then(|directory| {
        let version = first_line(&mut call(&directory, &directory).args(["--version"]).command())?;
        // It names the module that Python was told to run.
        Ok((directory, version.replace("__main__.py", "borg")))
    });
    let version = got.as_ref().ok().map(|(_, version)| version.clone());
    let setup = got.map(|(directory, _)| {
        let commands = move |states: &[PathBuf], kept: &Path| {
            let archive = |step: usize| format!("{}::{step}", kept.display());
            let save = |(step, state): (usize, &PathBuf)| {
                let parent = state.parent().unwrap_or(kept);
                let mut save =
                    call(&directory, kept).args(["create", &archive(step)]).args(state.file_name());
                save.directory = parent.to_owned();
                save
            };
            Commands {
                before: vec![call(&directory, kept).args(["init", "--encryption", "none"]).args([kept])],
                saves: states.iter().enumerate().map(save).collect(),
                restore: call(&directory, kept)
                    .args(["extract", "--stdout"])
                    .args([archive(states.len() - 1)]),
            }
        };
        Setup::Commands(Box::new(commands))
    });
    Peer {
        name: "borg, an archive each".to_owned(),
        durable: YES,
        version,
        setup: setup.map_err(|error| with_causes(&error)),
    }
}

/// Debian's packages, unpacked below the target directory.
fn unpacked(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let directory = profile_dir().with_file_name("tools").join(name);
    if !directory.is_dir() {
        make_whole(&directory, |partial| debian::install(packages, partial))?;
    }
    Ok(directory)
}
