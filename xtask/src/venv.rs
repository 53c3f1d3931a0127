//! Virtual environments of Python below the target directory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    tools::{program, root, run},
    wheel::PACKAGE,
};

/// The file that tells what an environment was made from.
const STAMP: &str = "made-from.txt";

/// A virtual environment.
pub(crate) struct Venv {
    directory: PathBuf,
}

impl Venv {
    /// An environment with the packages of requirement files of the Python package. It is made anew when these change.
    pub(crate) fn with(directory: &Path, requirements: &[&str]) -> Result<Self> {
        let venv = Self { directory: directory.to_owned() };
        let files: Vec<PathBuf> = requirements.iter().map(|file| root().join(PACKAGE).join(file)).collect();
        let mut wanted = String::new();
        for file in &files {
            wanted
                .push_str(&fs::read_to_string(file).map_err(Error::io(format!("read {}", file.display())))?);
        }
        let stamp = directory.join(STAMP);
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(venv);
        }
        if directory.exists() {
            fs::remove_dir_all(directory).map_err(Error::io(format!("remove {}", directory.display())))?;
        }
        run(program("python3").args(["-m", "venv"]).arg(directory))?;
        let mut install = program(venv.program("python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        for file in &files {
            install.arg("--requirement").arg(file);
        }
        run(&mut install)?;
        fs::write(&stamp, wanted).map_err(Error::io(format!("write {}", stamp.display())))?;
        Ok(venv)
    }

    /// Puts a wheel into the environment, in the place of any earlier one. What it needs must be there.
    pub(crate) fn install(&self, wheel: &Path) -> Result<()> {
        let mut install = program(self.program("python"));
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run(install.args(["--no-deps", "--no-index", "--force-reinstall"]).arg(wheel))
    }

    /// A program of the environment.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.directory.join("bin").join(name)
    }
}
