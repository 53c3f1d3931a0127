//! The tests of the Python package, against the wheel that users install.

use std::process::Command;

use persist_test_support::{PERSIST_BIN_VARIABLE, Rotel, SeaweedFs, profile_dir};

use crate::{
    artifacts,
    error::Result,
    steps::Outcome,
    tools::{program, root, run as run_command},
    venv::Venv,
    wheel,
};

/// Names the wheel to the test that follows the README.
const WHEEL_VARIABLE: &str = "PERSIST_TEST_WHEEL";

/// Name a collector's endpoint and the file that it writes spans to.
const COLLECTOR_VARIABLE: &str = "PERSIST_TEST_OTLP";
const COLLECTOR_LOG_VARIABLE: &str = "PERSIST_TEST_OTLP_LOG";

/// Runs them by themselves, with a server of their own.
pub(crate) fn run_alone(slow: bool) -> Result<()> {
    run(&SeaweedFs::try_start()?, slow).map(drop)
}

/// Builds the wheel, installs it, checks the types of package and tests, and runs the tests; with `slow`, also those
/// that take long.
pub(crate) fn run(server: &SeaweedFs, slow: bool) -> Result<Outcome> {
    let wheel = wheel::build("dev")?;
    let venv = Venv::with(&profile_dir().with_file_name("python-tests"), &["requirements-test.txt"])?;
    venv.install(&wheel)?;
    run_command(in_package(&venv, "mypy").args(["--strict", "--package", "persist_agents"]))?;
    run_command(in_package(&venv, "mypy").args(["--strict", "tests"]))?;
    run_command(in_package(&venv, "pyright").arg("--pythonpath").arg(venv.program("python")))?;
    let collector = Rotel::try_start()?;
    let mut tests = in_package(&venv, "python");
    tests.args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider"]);
    tests.args(["--doctest-modules", "--pyargs", "persist_agents", "tests"]);
    if slow {
        tests.arg("--slow");
    }
    tests
        .env(WHEEL_VARIABLE, wheel)
        .env(PERSIST_BIN_VARIABLE, artifacts::persist())
        .env(COLLECTOR_VARIABLE, collector.http())
        .env(COLLECTOR_LOG_VARIABLE, collector.log_file())
        .envs(server.environment());
    run_command(&mut tests)?;
    Ok(Outcome::Done)
}

/// A program of the environment in the package's directory, where its configuration lies. Python does not see the
/// sources there, which have no native module: what is tested is what was installed.
fn in_package(venv: &Venv, name: &str) -> Command {
    let mut command = program(venv.program(name));
    command.current_dir(root().join(wheel::PACKAGE));
    command
}
