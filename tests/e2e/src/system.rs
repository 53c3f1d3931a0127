//! What some tests need from the system, and may not get: a full disk, a tracer, a C compiler.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Whether a program can be started, by the answer to `--version`.
#[must_use]
pub fn has_program(name: &str) -> bool {
    Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Whether `strace` is there and may trace and change system calls, as it may not in some containers.
#[must_use]
pub fn can_inject_faults() -> bool {
    let injected = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "true"])
        .output();
    injected.is_ok_and(|output| output.status.success())
}

/// Tells why a test ends without having tested anything.
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

/// A small file system in memory, mounted until this is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    mount_point: PathBuf,
}

impl SmallDisk {
    /// Mounts one of `kibibytes` at a new directory; `None` when the system does not allow it.
    ///
    /// # Panics
    ///
    /// When the directory cannot be made.
    #[must_use]
    pub fn mount(mount_point: &Path, kibibytes: u32) -> Option<Self> {
        fs::create_dir_all(mount_point).expect("a directory to mount at");
        let options = format!("size={kibibytes}k,mode=0700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "persist-e2e"]).arg(mount_point);
        let disk = Self { mount_point: mount_point.to_owned() };
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(disk);
        }
        // Nothing was mounted, so there is nothing to unmount.
        std::mem::forget(disk);
        None
    }

    /// Lets nobody write, or lets everybody again.
    ///
    /// # Panics
    ///
    /// When the system refuses.
    pub fn set_read_only(&self, read_only: bool) {
        let options = if read_only { "remount,ro" } else { "remount,rw" };
        let status = Command::new("mount").args(["-o", options]).arg(&self.mount_point).status();
        assert!(status.is_ok_and(|status| status.success()), "mount -o {options}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, so that a process that still looks at it cannot keep the mount; there is nobody to tell a failure.
        let _ = Command::new("umount").arg("-l").arg(&self.mount_point).output();
    }
}

/// Compiles C source text into a shared library; `None` when there is no compiler.
///
/// # Panics
///
/// When the compiler refuses the source.
#[must_use]
pub fn compile_library(source: &str, library: &Path) -> Option<()> {
    if !has_program("cc") {
        return None;
    }
    let file = library.with_extension("c");
    fs::write(&file, source).expect("a source file");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(library).arg(&file).output();
    let compiled = compiled.expect("cc starts");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    fs::remove_file(&file).expect("the source file was there");
    Some(())
}
