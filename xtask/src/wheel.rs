//! `cargo xtask wheel`: the Python package as one file, with the plugins inside.
//!
//! The library and the plugins are those that the workspace's build makes, so nothing is compiled for the wheel alone.
//! maturin, which also builds the package from its source, writes what the wheel says of itself.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use persist_test_support::profile_dir;

use crate::{
    artifacts::{self, Plugins},
    dist,
    error::{Error, Result},
    install::put,
    tools::{program, root, run as run_command},
    venv::Venv,
};

/// The package's directory in the repository.
pub(crate) const PACKAGE: &str = "persist-python";

/// Builds the wheel and prints its path.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let profile = match arguments {
        [] => "release".to_owned(),
        [option, profile] if option == "--profile" => profile.to_string_lossy().into_owned(),
        _ => return Err(Error::usage("`wheel` takes --profile NAME")),
    };
    println!("{}", build(&profile)?.display());
    Ok(())
}

/// Builds the wheel in a profile of cargo's, and returns its path in `target/wheels`, where no other is left.
pub(crate) fn build(profile: &str) -> Result<PathBuf> {
    let built = artifacts::build_for_use(profile, Plugins::Core)?;
    let temporary = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
    let stage = temporary.path().join("wheel");
    put_package(&built, Plugins::Core.in_directory(built.clone()), &stage)?;
    let tools = Venv::with(&profile_dir().with_file_name("python-build"), &["requirements-build.txt"])?;
    let mut describe = program(tools.program("maturin"));
    describe.args(["pep517", "write-dist-info", "--metadata-directory"]).arg(&stage);
    describe.arg("--interpreter").arg(tools.program("python")).current_dir(root().join(PACKAGE));
    run_command(&mut describe)?;

    let wheels = profile_dir().with_file_name("wheels");
    // Whoever installs `target/wheels/*.whl` gets this one.
    if wheels.exists() {
        fs::remove_dir_all(&wheels).map_err(Error::io(format!("empty {}", wheels.display())))?;
    }
    fs::create_dir_all(&wheels).map_err(Error::io(format!("make {}", wheels.display())))?;
    let mut pack = program(tools.program("python"));
    run_command(pack.args(["-m", "wheel", "pack", "--dest-dir"]).arg(&wheels).arg(&stage))?;
    match &dist::files(&wheels)?[..] {
        [wheel] => Ok(wheels.join(wheel)),
        found => Err(Error::usage(format!("expected one wheel in {}, found {found:?}", wheels.display()))),
    }
}

/// Puts the package into a directory where Python can import it from, with the native module that was built and these plugins.
pub(crate) fn put_package(
    built: &Path,
    plugins: impl Iterator<Item = PathBuf>,
    directory: &Path,
) -> Result<()> {
    let sources = root().join(PACKAGE).join("python");
    for file in dist::files(&sources)?.into_iter().filter(|file| is_source(file)) {
        put(&sources.join(&file), &directory.join(&file), 0o644)?;
    }
    let package = directory.join("persist_agents");
    put(&built.join(library("_persist")), &package.join("_persist.abi3.so"), 0o755)?;
    for plugin in plugins {
        put(&plugin, &package.join("plugins").join(plugin.file_name().unwrap_or_default()), 0o755)?;
    }
    Ok(())
}

/// What the package consists of, without what a run or a build left there.
fn is_source(file: &Path) -> bool {
    let kept = file.extension().is_some_and(|extension| extension == "py" || extension == "pyi");
    kept || file.file_name().is_some_and(|name| name == "py.typed")
}

fn library(name: &str) -> String {
    format!("{}{name}{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_are_packed() {
        for (file, packed) in [
            ("persist_agents/__init__.py", true),
            ("persist_agents/_persist.pyi", true),
            ("persist_agents/py.typed", true),
            ("persist_agents/__pycache__/_store.cpython-311.pyc", false),
            ("persist_agents/plugins/libpersist_storage_local.so", false),
        ] {
            assert_eq!(is_source(Path::new(file)), packed, "{file}");
        }
    }
}
