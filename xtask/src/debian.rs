//! Programs that come as Debian packages, unpacked without installing them: that takes no root.

use std::{fs, path::Path};

use crate::{
    error::{Error, Result},
    tools::{program, run},
};

/// Unpacks the system's own versions of packages into a directory. What they depend on is not unpacked with them.
pub(crate) fn install(packages: &[&str], directory: &Path) -> Result<()> {
    let download = || {
        run(program("apt-get").args(["--quiet", "--quiet", "download"]).args(packages).current_dir(directory))
    };
    // On a fresh machine the lists of packages are missing; fetching them takes root, as such a machine has.
    download().or_else(|_| {
        run(program("apt-get").args(["--quiet", "--quiet", "update"])).and_then(|()| download())
    })?;
    let listed = fs::read_dir(directory).map_err(Error::io(format!("list {}", directory.display())))?;
    for entry in listed {
        let path = entry.map_err(Error::io(format!("list {}", directory.display())))?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            run(program("dpkg-deb").arg("--extract").arg(&path).arg(directory))?;
            fs::remove_file(&path).map_err(Error::io(format!("remove {}", path.display())))?;
        }
    }
    Ok(())
}
