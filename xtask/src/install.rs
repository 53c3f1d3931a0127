//! `cargo xtask install`: what the archive holds, put under a prefix.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{
    dist,
    error::{Error, Result},
};

/// Builds and installs; prints each file.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    let (plugins, rest) = dist::plugins(arguments);
    let (profile, rest) = dist::profile(&rest)?;
    let prefix = match &rest[..] {
        [option, prefix] if option == "--prefix" => PathBuf::from(prefix),
        _ => return Err(Error::usage("`install` takes --prefix DIR, --backends and --profile NAME")),
    };
    let stage = tempfile::tempdir().map_err(Error::io("make a temporary directory"))?;
    dist::stage(&profile, plugins, stage.path())?;
    for file in dist::files(stage.path())? {
        // The archive's own papers are not part of an installation.
        if file.components().count() == 1 {
            continue;
        }
        let destination = prefix.join(&file);
        put(&stage.path().join(&file), &destination, dist::mode(&file))?;
        println!("{}", destination.display());
    }
    Ok(())
}

/// Copies a file beside its destination and renames it: a process that has the old file loaded keeps it, whereas writing
/// into the file would change code under the process's feet.
pub(crate) fn put(from: &Path, destination: &Path, mode: u32) -> Result<()> {
    let directory = destination.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(Error::io(format!("make {}", directory.display())))?;
    let mut temporary = destination.as_os_str().to_owned();
    temporary.push(".partial");
    let temporary = PathBuf::from(temporary);
    copy(from, &temporary, mode)
        .and_then(|()| fs::rename(&temporary, destination))
        .map_err(Error::io(format!("copy {} to {}", from.display(), destination.display())))
}

fn copy(from: &Path, to: &Path, mode: u32) -> io::Result<()> {
    fs::copy(from, to)?;
    let file = File::options().write(true).open(to)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Persist refuses a plugin that others may write to, whatever mask the build ran under.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    #[cfg(not(unix))]
    let _ = mode;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_plugin_is_a_new_file_that_only_its_owner_may_write() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let built = directory.path().join("libplugin.so");
        let target = directory.path().join("plugins");
        let installed = target.join("libplugin.so");
        fs::write(&built, "first").expect("it is written");
        put(&built, &installed, 0o755).expect("it is installed");
        let mut in_use = File::open(&installed).expect("it opens");

        fs::write(&built, "second").expect("it is written");
        put(&built, &installed, 0o755).expect("it is installed again");

        assert_eq!(io::read_to_string(&mut in_use).expect("it reads"), "first");
        assert_eq!(fs::read_to_string(&installed).expect("it reads"), "second");
        assert_eq!(fs::read_dir(&target).expect("it lists").count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&installed).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o755);
        }
    }
}
