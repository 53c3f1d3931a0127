//! The project's own commands: `cargo xtask help` lists them.

mod artifacts;
mod bench_backends;
mod bench_codecs;
mod bench_hot_paths;
mod bench_instructions;
mod bench_limits;
mod bench_overhead;
mod bench_peers;
mod bench_save;
mod bench_sessions;
mod callgrind;
mod conformance;
mod debian;
mod demo;
mod dist;
mod error;
mod install;
mod plugins;
mod python;
mod python_tests;
mod servers;
mod steps;
mod test;
mod tools;
mod venv;
mod wheel;

use std::{env, ffi::OsString, process::ExitCode};

use error::{Error, Result};

const USAGE: &str = "\
Usage: cargo xtask COMMAND

Commands:
  demo [ARGUMENT]...  Build the persist command and its plugins, then run `persist demo`
  test [--full]       Run everything that a change must pass: format, lints, build, tests, documentation.
                      With --full also the tests that are marked as ignored for their length
  dist [--backends] [--profile NAME] [DIR]
                      Make an archive of the command, its plugins, manual pages and completions, built for release
                      or in another profile, in target/dist or DIR; with --backends, also of the plugins for servers
                      (PostgreSQL, Redis, MongoDB, Azure, Google Cloud and others), which take long to build
  install --prefix DIR [--backends] [--profile NAME]
                      Put what the archive holds into bin, lib and share of DIR
  plugins [--backends] [DIR]
                      Build the persist command and its plugins; with DIR, put the plugins there as well
  bench-backends [--profile NAME]
                      Run `persist bench`, built for release, on each storage adapter, with its server on this machine
  bench-codecs [--sessions DIR]
                      Compress whole states of recorded sessions with each codec, built for release: ratio and speed
  bench-hot-paths [ARGUMENT]...
                      Time what everything passes through, built for release, with criterion, which the arguments go to,
                      such as a part of a benchmark's name
  bench-instructions [--update]
                      Count the instructions of three operations, with valgrind, beside the counts in
                      tests/e2e/instruction-counts.json; with --update, write them there
  bench-limits [STATES]
                      Time saves and restores, built for release, beside a durable write and a hash; on the real
                      states in the directory STATES, or on made ones
  bench-overhead      Count the instructions of a warm save, with valgrind: unwatched, with metrics, with logs
  bench-peers [--data DIR [--sessions N]] [--profile NAME] [--only TEXT]...
                      Compare Persist, built for release, with gzip, zstd, SQLite, LangGraph's savers, restic and borg:
                      bytes, processor time, time and memory, on made states and on N of the recorded sessions in DIR,
                      4 unless said otherwise; with --only, the peers whose names hold one of the texts
  bench-save [FILE]   Compare `persist save`, built for release, with `gzip -6`: on FILE, or on a state of 50 MB
  bench-sessions [--steps N] [--sessions DIR] [--codec NAME] [--option KEY=N]... [--layout KEY=N]... [--json]
                      Replay recorded sessions with `persist bench`, built for release: the first N states of each,
                      200 unless said otherwise, from DIR/sessions and DIR/states/openhands-steps, where DIR is
                      ../shared/data unless said otherwise; with a codec, gzip unless said otherwise, with its options
                      and with keys of the config's table `layout`
  conformance [--check]
                      Run the checks of every adapter on its real server and write the tables of docs/conformance.md;
                      with --check, compare them
  test-python [--slow]
                      Build the Python package's wheel and run the package's tests, as `test` does too
  wheel [--profile NAME]
                      Build the Python package, for release or in another profile, in target/wheels
  servers             Install the servers that tests talk to, which `test` does by itself
  help                Print this text
";

fn main() -> ExitCode {
    match run(env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Usage { reason }) => {
            eprint!("error: {reason}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("error: {}", persist_test_support::with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<OsString>) -> Result<()> {
    let mut arguments = arguments.into_iter();
    let Some(command) = arguments.next() else {
        return Err(Error::usage("a command is missing"));
    };
    let rest: Vec<OsString> = arguments.collect();
    match (command.to_str(), rest.as_slice()) {
        (Some("demo"), rest) => demo::run(rest),
        (Some("test"), []) => test::run(test::Scope::Usual),
        (Some("test"), [only]) if only == "--full" => test::run(test::Scope::Full),
        (Some("plugins"), rest) => plugins::run(rest),
        (Some("bench-limits"), []) => bench_limits::run(None),
        (Some("bench-limits"), [states]) if !is_option(states) => bench_limits::run(Some(states.as_ref())),
        (Some("bench-backends"), rest) => bench_backends::run(rest),
        (Some("bench-hot-paths"), rest) => bench_hot_paths::run(rest),
        (Some("bench-instructions"), rest) => bench_instructions::run(rest),
        (Some("bench-overhead"), []) => bench_overhead::run(),
        (Some("bench-peers"), rest) => bench_peers::run(rest),
        // What `bench-peers` runs itself as.
        (Some("measure"), [file]) => bench_peers::measure(file.as_ref()),
        (Some("bench-save"), []) => bench_save::run(None),
        (Some("bench-save"), [file]) if !is_option(file) => bench_save::run(Some(file.as_ref())),
        (Some("bench-codecs"), rest) => bench_codecs::run(rest),
        (Some("bench-sessions"), rest) => bench_sessions::run(rest),
        (Some("conformance"), []) => conformance::run(false),
        (Some("conformance"), [only]) if only == "--check" => conformance::run(true),
        (Some("dist"), rest) => dist::run(rest),
        (Some("install"), rest) => install::run(rest),
        (Some("test-python"), []) => python_tests::run_alone(false),
        (Some("test-python"), [only]) if only == "--slow" => python_tests::run_alone(true),
        (Some("wheel"), rest) => wheel::run(rest),
        (Some("servers"), []) => servers::install().map(drop),
        (Some("help" | "--help" | "-h"), []) => {
            print!("{USAGE}");
            Ok(())
        }
        (
            Some(
                known @ ("test" | "bench-limits" | "bench-overhead" | "bench-save" | "servers"
                | "test-python" | "conformance" | "help"),
            ),
            _,
        ) => Err(Error::usage(format!("wrong arguments for `{known}`"))),
        _ => Err(Error::usage(format!("there is no command `{}`", command.display()))),
    }
}

fn is_option(argument: &OsString) -> bool {
    argument.as_encoded_bytes().starts_with(b"-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_arguments_are_usage_errors() {
        for arguments in [
            &[][..],
            &["bild"],
            &["test", "--ful"],
            &["test", "--full", "x"],
            &["plugins", "--dir"],
            &["plugins", "--backends", "a", "b"],
            &["bench-sessions", "--steps", "0"],
            &["bench-sessions", "--sessions"],
            &["bench-sessions", "x"],
            &["bench-sessions", "--codec", "../x"],
            &["bench-sessions", "--option", "level"],
            &["bench-sessions", "--layout", "merge_percent=much"],
            &["bench-backends", "x"],
            &["bench-codecs", "x"],
            &["bench-instructions", "--upgrade"],
            &["bench-peers", "--sessions", "0"],
            &["bench-peers", "--data"],
            &["bench-peers", "x"],
            &["help", "x"],
            &["conformance", "--write"],
            &["dist", "--profile"],
            &["dist", "a", "b"],
            &["install"],
            &["wheel", "--release"],
            &["test-python", "--fast"],
            &["install", "--prefix"],
        ] {
            let outcome = run(arguments.iter().map(OsString::from).collect());
            assert!(matches!(outcome, Err(Error::Usage { .. })), "{arguments:?}: {outcome:?}");
        }
    }
}
