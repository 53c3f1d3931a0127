//! `cargo xtask test`: everything that a change must pass, in the order in which failures are cheapest.

use std::process::Command;

use persist_test_support::{
    Azurite, FakeGcs, PERSIST_BIN_VARIABLE, PLUGIN_DIR_VARIABLE, Postgres, Redis, SEAWEEDFS_VARIABLE,
    SeaweedFs, SecantusDb, profile_dir, seaweedfs_bin,
};

use crate::{
    artifacts, bench_hot_paths, bench_instructions,
    error::Result,
    plugins, python, python_tests, servers,
    steps::{Outcome, Steps},
    tools::{cargo, has_cargo_subcommand, run as run_command},
};

/// How much to test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What every change must pass.
    Usual,
    /// Also the tests that are marked `#[ignore]` because they take long.
    Full,
}

/// Runs all steps and prints a summary; stops at the first step that fails.
pub(crate) fn run(scope: Scope) -> Result<()> {
    let mut steps = Steps::default();
    let outcome = run_steps(&mut steps, scope);
    print!("{}", steps.summary());
    outcome
}

/// Every step that compiles names the whole workspace with its development dependencies, for then cargo resolves the
/// same features each time: a dependency is compiled once for lints and documentation and once for all that runs.
///
/// The tests come last, so that their count ends the output.
fn run_steps(steps: &mut Steps, scope: Scope) -> Result<()> {
    steps.run("format", || command(&mut cargo("fmt --all --check")))?;
    steps.run("Python files", || {
        Ok(match python::check()? {
            0 => Outcome::Skipped("there are none".to_owned()),
            _ => Outcome::Done,
        })
    })?;
    steps.run("lints", || command(&mut cargo("clippy --workspace --all-targets --locked -- -D warnings")))?;
    steps.run("documentation", || {
        // Without the examples, cargo leaves the development dependencies' features out and checks anew whatever
        // they change, which is half of everything.
        let mut doc = cargo("doc --no-deps --workspace --lib --bins --examples --locked");
        command(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.run("dependencies", dependencies)?;
    steps.run("fuzz targets' lock file", || {
        command(&mut cargo("tree --manifest-path fuzz/Cargo.toml --locked --depth 0"))
    })?;
    // What authors of plugins get from the registry, up to the compilation, which is what follows here anyway.
    steps.run("packages", || {
        let packages = "-p persist-plugin-api -p persist-plugin-testkit";
        command(&mut cargo(&format!("package {packages} --quiet --no-verify --allow-dirty")))
    })?;
    if scope == Scope::Full {
        steps
            .run("fuzz targets", || command(&mut cargo("check --manifest-path fuzz/Cargo.toml --locked")))?;
    }
    // `cargo test` does not build the libraries that other packages' tests load at run time.
    steps.run("build", || command(&mut cargo("build --workspace --all-targets --locked")))?;
    steps.run("servers", || {
        Ok(if servers::install()? {
            Outcome::Done
        } else {
            Outcome::Skipped("they are installed".to_owned())
        })
    })?;
    steps.run("Python packages", || {
        Ok(if python::install_codecs()? {
            Outcome::Done
        } else {
            Outcome::Skipped("python3 has no pip".to_owned())
        })
    })?;
    steps.run("example plugins", || plugins::test_examples().map(|()| Outcome::Done))?;
    steps.run("documentation tests", || command(&mut cargo("test --doc --workspace --locked")))?;
    steps.run("benchmarks", bench_hot_paths::smoke)?;
    // Before the server starts: nothing else runs beside.
    steps.run("instruction counts", bench_instructions::check)?;
    let server = SeaweedFs::try_start()?;
    steps.run("Python tests", || python_tests::run(&server, scope == Scope::Full))?;
    steps.run("tests", || tests(scope, &server))
}

/// Runs the tests with the one server of each kind that all of them share.
fn tests(scope: Scope, server: &SeaweedFs) -> Result<Outcome> {
    let (azurite, fake_gcs) = (Azurite::try_start()?, FakeGcs::try_start()?);
    let redis = Redis::try_start()?;
    let postgres = Postgres::try_start()?;
    let mongodb = SecantusDb::try_start()?;
    let mut command = if has_cargo_subcommand("nextest") {
        let mut command = cargo("nextest run --workspace --locked");
        if scope == Scope::Full {
            command.args(["--run-ignored", "all"]);
        }
        command
    } else {
        println!("cargo-nextest is not installed; using cargo test");
        let mut command = cargo("test --workspace --locked --lib --bins --tests --examples --no-fail-fast");
        if scope == Scope::Full {
            command.args(["--", "--include-ignored"]);
        }
        command
    };
    command
        .env(PERSIST_BIN_VARIABLE, artifacts::persist())
        .env(PLUGIN_DIR_VARIABLE, profile_dir())
        .env(SEAWEEDFS_VARIABLE, seaweedfs_bin())
        .envs(server.environment())
        .envs(azurite.environment())
        .envs(fake_gcs.environment())
        .envs(redis.environment())
        .envs(mongodb.environment())
        .envs(postgres.environment());
    run_command(&mut command)?;
    Ok(Outcome::Done)
}

/// Licences, sources and who may depend on what; `deny.toml` has the rules.
fn dependencies() -> Result<Outcome> {
    if !has_cargo_subcommand("deny") {
        return Ok(Outcome::Skipped("cargo-deny is not installed".to_owned()));
    }
    command(&mut cargo("deny --locked check bans licenses sources"))
}

fn command(command: &mut Command) -> Result<Outcome> {
    run_command(command)?;
    Ok(Outcome::Done)
}
