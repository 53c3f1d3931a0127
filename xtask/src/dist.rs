//! `cargo xtask dist`: an archive that works wherever it is unpacked.
//!
//! ```text
//! persist-VERSION-ARCH-OS/
//!   bin/persist
//!   lib/persist/plugins/*.so, plugins.lock
//!   share/man/man1/persist*.1
//!   share/bash-completion/completions/persist, share/zsh/site-functions/_persist, share/fish/vendor_completions.d/persist.fish
//!   README.md, CHANGELOG.md, LICENSE*, SHA256SUMS
//! ```

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use flate2::{Compression, GzBuilder};
use persist_test_support::profile_dir;
use sha2::{Digest as _, Sha256};

use crate::{
    artifacts::{self, Plugins},
    error::{Error, Result},
    install::put,
    is_option,
    tools::{self, program, run as run_command},
};

const PLUGINS: &str = "lib/persist/plugins";
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/persist"),
    ("zsh", "share/zsh/site-functions/_persist"),
    ("fish", "share/fish/vendor_completions.d/persist.fish"),
];
const PAPERS: [&str; 5] = ["README.md", "CHANGELOG.md", "LICENSE", "LICENSE-APACHE", "LICENSE-MIT"];

/// Builds, makes the archive with its SHA-256 beside it, and prints its path.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let (plugins, rest) = plugins(arguments);
    let (profile, rest) = profile(&rest)?;
    let directory = match &rest[..] {
        [] => profile_dir().with_file_name("dist"),
        [directory] if !is_option(directory) => PathBuf::from(directory),
        _ => return Err(Error::usage("`dist` takes --backends, --profile NAME and one directory")),
    };
    let name = format!("persist-{}-{}-{}", env!("CARGO_PKG_VERSION"), env::consts::ARCH, env::consts::OS);
    let temporary = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
    let root = temporary.path().join(&name);
    stage(&profile, plugins, &root)?;
    fs::create_dir_all(&directory).map_err(Error::io(format!("make {}", directory.display())))?;
    let archive = directory.join(format!("{name}.tar.gz"));
    pack(&root, &name, &archive)?;
    let digest = digest(&archive)?;
    let beside = directory.join(format!("{name}.tar.gz.sha256"));
    fs::write(&beside, format!("{digest}  {name}.tar.gz\n"))
        .map_err(Error::io(format!("write {}", beside.display())))?;
    println!("{}", archive.display());
    Ok(())
}

/// The plugins that are asked for, those for servers with `--backends`, and the other arguments.
pub(crate) fn plugins(arguments: &[OsString]) -> (Plugins, Vec<OsString>) {
    let rest: Vec<OsString> =
        arguments.iter().filter(|argument| *argument != "--backends").cloned().collect();
    (if rest.len() < arguments.len() { Plugins::All } else { Plugins::Core }, rest)
}

/// The profile that `--profile NAME` asks for, `release` unless it is given, and the other arguments.
pub(crate) fn profile(arguments: &[OsString]) -> Result<(String, Vec<OsString>)> {
    let mut rest = arguments.to_vec();
    let Some(at) = rest.iter().position(|argument| argument == "--profile") else {
        return Ok(("release".to_owned(), rest));
    };
    if at + 1 == rest.len() {
        return Err(Error::usage("--profile needs a name"));
    }
    let profile = rest.drain(at..at + 2).next_back().unwrap_or_default();
    Ok((profile.to_string_lossy().into_owned(), rest))
}

/// Builds, and lays out in a directory what an archive or an installation holds.
pub(crate) fn stage(profile: &str, plugins: Plugins, directory: &Path) -> Result<()> {
    let built = artifacts::build_for_use(profile, plugins)?;
    let persist = directory.join("bin/persist");
    put(&artifacts::persist_in(&built), &persist, 0o755)?;
    for plugin in plugins.in_directory(built) {
        put(&plugin, &directory.join(PLUGINS).join(plugin.file_name().unwrap_or_default()), 0o755)?;
    }
    // Whoever copies another plugin in locks the directory anew.
    run_command(program(&persist).args(["plugins", "lock"]).arg(directory.join(PLUGINS)))?;
    for (shell, file) in COMPLETIONS {
        let file = directory.join(file);
        fs::create_dir_all(file.parent().unwrap_or(directory))
            .map_err(Error::io(format!("make the directory of {}", file.display())))?;
        let script = File::create(&file).map_err(Error::io(format!("make {}", file.display())))?;
        run_command(program(&persist).args(["completions", shell]).stdout(Stdio::from(script)))?;
    }
    run_command(program(&persist).arg("man").arg(directory.join("share/man/man1")))?;
    for paper in PAPERS {
        put(&tools::root().join(paper), &directory.join(paper), 0o644)?;
    }
    let mut sums = String::new();
    for file in files(directory)? {
        sums.push_str(&format!("{}  {}\n", digest(&directory.join(&file))?, file.display()));
    }
    let file = directory.join("SHA256SUMS");
    fs::write(&file, sums).map_err(Error::io(format!("write {}", file.display())))
}

/// The files below a directory, relative to it, in order.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut left) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = left.pop() {
        let path = directory.join(&below);
        let read = Error::io(format!("list {}", path.display()));
        let entries = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(read)?;
        for entry in entries {
            let file = below.join(entry.file_name());
            if entry.path().is_dir() { left.push(file) } else { found.push(file) }
        }
    }
    found.sort();
    Ok(found)
}

/// The mode that a file of the archive has: only its owner may write to it, since Persist refuses other plugins.
pub(crate) fn mode(file: &Path) -> u32 {
    let runs = file.starts_with("bin") || file.extension().is_some_and(|extension| extension == "so");
    if runs { 0o755 } else { 0o644 }
}

/// Equal files give an equal archive: it holds neither times nor owners.
fn pack(root: &Path, name: &str, archive: &Path) -> Result<()> {
    let write = |source| Error::Io { attempt: format!("write {}", archive.display()), source };
    let file = File::create(archive).map_err(write)?;
    let mut tar = tar::Builder::new(GzBuilder::new().mtime(0).write(file, Compression::default()));
    for file in files(root)? {
        let path = root.join(&file);
        let content = fs::read(&path).map_err(Error::io(format!("read {}", path.display())))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode(&file));
        tar.append_data(&mut header, Path::new(name).join(&file), &content[..]).map_err(write)?;
    }
    let mut file = tar.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(write)?;
    file.flush().and_then(|()| file.sync_all()).map_err(write)
}

fn digest(file: &Path) -> Result<String> {
    let content = fs::read(file).map_err(Error::io(format!("read {}", file.display())))?;
    Ok(Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_files_give_equal_archives() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().join("root");
        for (file, content) in [("bin/persist", "program"), ("share/b", "two"), ("README.md", "read")] {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("a directory")).expect("it is made");
            fs::write(path, content).expect("it is written");
        }
        let archives = ["one.tar.gz", "two.tar.gz"].map(|name| directory.path().join(name));
        for archive in &archives {
            pack(&root, "persist-1", archive).expect("it is packed");
        }
        assert_eq!(digest(&archives[0]).expect("it reads"), digest(&archives[1]).expect("it reads"));
        let read = flate2::read::GzDecoder::new(File::open(&archives[0]).expect("it opens"));
        let mut archive = tar::Archive::new(read);
        let entries: Vec<(PathBuf, u32)> = archive
            .entries()
            .expect("it lists")
            .map(|entry| {
                let entry = entry.expect("it reads");
                (entry.path().expect("a path").into_owned(), entry.header().mode().expect("a mode"))
            })
            .collect();
        let expected = [("README.md", 0o644), ("bin/persist", 0o755), ("share/b", 0o644)];
        assert_eq!(entries, expected.map(|(file, mode)| (Path::new("persist-1").join(file), mode)));
    }
}
