//! `cargo xtask plugins`.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{
    artifacts,
    error::{Error, Result},
};

/// Builds the plugins and, if asked, puts them into a directory; prints where they are.
pub(crate) fn run(directory: Option<&Path>) -> Result<()> {
    artifacts::build()?;
    for plugin in artifacts::plugins() {
        match directory {
            Some(directory) => println!("{}", install(&plugin, directory)?.display()),
            None => println!("{}", plugin.display()),
        }
    }
    Ok(())
}

/// Copies a plugin beside its destination and renames it: a process that has the old file loaded keeps it,
/// whereas writing into the file would change code under the process's feet.
fn install(plugin: &Path, directory: &Path) -> Result<PathBuf> {
    fs::create_dir_all(directory).map_err(Error::io(format!("make {}", directory.display())))?;
    let destination = directory.join(plugin.file_name().unwrap_or_default());
    let temporary = destination.with_extension("partial");
    copy(plugin, &temporary)
        .and_then(|()| fs::rename(&temporary, &destination))
        .map_err(Error::io(format!("copy {} to {}", plugin.display(), destination.display())))?;
    Ok(destination)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let file = File::options().write(true).open(to)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Persist refuses a plugin that others may write to, whatever mask the build ran under.
        file.set_permissions(fs::Permissions::from_mode(0o755))?;
    }
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
        fs::write(&built, "first").expect("it is written");
        let installed = install(&built, &target).expect("it is installed");
        let mut in_use = File::open(&installed).expect("it opens");

        fs::write(&built, "second").expect("it is written");
        install(&built, &target).expect("it is installed again");

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
