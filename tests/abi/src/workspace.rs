//! The workspace that the plugins and hosts are built in: written into the target directory, and built there.

mod manifest;

use std::{
    env, fs,
    fs::File,
    io::ErrorKind,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use persist_test_support::profile_dir;

use crate::versions::{Source, Version, versions};

/// What was built.
#[derive(Debug)]
pub struct Built {
    target: PathBuf,
}

/// The root of the repository.
///
/// # Panics
///
/// Never: this package is two levels below it.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this package is below the repository")
}

/// Builds the plugins and hosts of all versions, unless they are there. Tests in several processes wait for each other.
///
/// # Panics
///
/// When something cannot be written or does not compile.
#[must_use]
pub fn built() -> &'static Built {
    static BUILT: LazyLock<Built> = LazyLock::new(|| {
        let root = profile_dir().with_file_name("abi");
        fs::create_dir_all(&root).expect("a directory in the target directory");
        let lock = File::create(root.join("lock")).expect("a lock beside what is built");
        lock.lock().expect("no other process builds");
        build(&root)
    });
    &BUILT
}

impl Built {
    /// The plugin that was built with a version, or one of the plugins `aborting` (panics end the process), `allocator` and
    /// `optimised`, which today's version was built with in another way, or `over`, whose adapter is made over others.
    #[must_use]
    pub fn plugin(&self, name: &str) -> PathBuf {
        let profile = if name == "optimised" { "release" } else { "debug" };
        let stem = name.replace(['.', '-'], "_");
        let prefix = env::consts::DLL_PREFIX;
        self.target.join(profile).join(format!("{prefix}plugin_{stem}{}", env::consts::DLL_SUFFIX))
    }

    /// The host that was built with a version.
    #[must_use]
    pub fn host(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(format!("host-{}{}", dashed(name), env::consts::EXE_SUFFIX))
    }

    /// Copies a plugin into a directory, with permissions that Persist accepts.
    ///
    /// # Panics
    ///
    /// When it was not built or cannot be copied.
    pub fn install(&self, name: &str, directory: &Path) -> PathBuf {
        let (built, path) = (self.plugin(name), directory.join(format!("{name}.so")));
        fs::copy(&built, &path).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file of our own");
        path
    }
}

fn dashed(name: &str) -> String {
    name.replace('.', "-")
}

fn build(root: &Path) -> Built {
    let (workspace, target) = (root.join("workspace"), root.join("target"));
    let versions = versions();
    let mut members = Vec::new();
    for version in &versions {
        let name = dashed(&version.name);
        let api = api(&root.join("apis"), version);
        write(&workspace.join(format!("plugin-{name}/Cargo.toml")), &manifest::plugin(&name, &api));
        members.push(format!("plugin-{name}"));
        if version.host {
            let text = manifest::host(&name, &api, &version.name);
            write(&workspace.join(format!("host-{name}/Cargo.toml")), &text);
            members.push(format!("host-{name}"));
        }
    }
    let today = root.join("apis/today");
    for variant in ["aborting", "allocator", "optimised", "over"] {
        let path = workspace.join(format!("plugin-{variant}/Cargo.toml"));
        write(&path, &manifest::plugin(variant, &today));
        members.push(format!("plugin-{variant}"));
    }
    write(&workspace.join("Cargo.toml"), &manifest::workspace(&members));
    let lock = fs::read_to_string(repository().join("Cargo.lock")).expect("the repository's Cargo.lock");
    write(&workspace.join("Cargo.lock"), &lock);

    // Apart, or the plugins would be built with the features of the hosts.
    let plugins: Vec<&str> = members.iter().map(String::as_str).collect();
    let (hosts, plugins): (Vec<&str>, Vec<&str>) =
        plugins.into_iter().partition(|name| name.starts_with("host-"));
    let (optimised, plugins): (Vec<&str>, Vec<&str>) =
        plugins.into_iter().partition(|name| *name == "plugin-optimised");
    let (aborting, plugins): (Vec<&str>, Vec<&str>) =
        plugins.into_iter().partition(|name| *name == "plugin-aborting");
    cargo(&workspace, &target, "build", &plugins, &[]);
    cargo(&workspace, &target, "build", &hosts, &[]);
    cargo(&workspace, &target, "build", &optimised, &["--release"]);
    // The last crate decides what a panic does; what it is made of is the other plugins' too.
    cargo(&workspace, &target, "rustc", &aborting, &["--", "-C", "panic=abort"]);
    Built { target }
}

/// The directory of a version's API crate, which is written if it is not a frozen one.
fn api(apis: &Path, version: &Version) -> PathBuf {
    let (edits, step) = match &version.source {
        Source::Frozen(path) => return path.clone(),
        Source::Edited { edits, step } => (edits, *step),
    };
    let today = repository().join("persist-plugin-api");
    let directory = apis.join(&version.name);
    // Edited beside its place, so that what has not changed keeps its time and is not compiled again.
    let scratch = apis.join("scratch");
    remove(&scratch);
    copy(&today, &scratch);
    edits.iter().for_each(|edit| edit.apply(&scratch));
    let path = scratch.join("Cargo.toml");
    let text = fs::read_to_string(&path).expect("the manifest of the API");
    fs::write(&path, manifest::api(&text, step, &version.name)).expect("a copy of our own");
    synchronise(&scratch, &directory);
    directory
}

fn cargo(workspace: &Path, target: &Path, verb: &str, packages: &[&str], arguments: &[&str]) {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([verb, "--quiet", "--offline", "--target-dir"]).arg(target);
    command.args(packages.iter().flat_map(|package| ["--package", package])).args(arguments);
    // Where the result lies and how it is built is decided here.
    for name in ["CARGO_BUILD_TARGET", "CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"] {
        command.env_remove(name);
    }
    let output = command.current_dir(workspace).output().expect("cargo starts");
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Copies the manifest, the build script and the sources of a crate.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory for a copy");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("a directory entry").path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// Makes one directory equal to another, and leaves the files alone that are equal already.
fn synchronise(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory for the sources");
    let names = |directory: &Path| -> Vec<_> {
        let entries = fs::read_dir(directory).expect("a directory of sources");
        entries.map(|entry| entry.expect("a directory entry").file_name()).collect()
    };
    let kept = names(from);
    for name in names(to).into_iter().filter(|name| !kept.contains(name)) {
        remove(&to.join(name));
    }
    for name in kept {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            synchronise(&from, &to);
        } else {
            write(&to, &fs::read_to_string(&from).expect("a source file"));
        }
    }
}

/// Writes a file unless it holds the text already.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|found| found == text) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap_or(path)).expect("a directory for a file");
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => panic!("{}: {error}", path.display()),
        _ => {}
    }
}
