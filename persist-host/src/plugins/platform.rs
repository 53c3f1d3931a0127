//! What differs between platforms: the names of libraries, the machine, how an open file is named, files in memory.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

use object::elf;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// How the names of shared libraries end.
pub(super) const LIBRARY_SUFFIX: &[u8] = b".so";

/// Where an installation keeps its plugins, relative to the directory above the program's own.
pub(super) const BUNDLED_DIRECTORY: &str = "lib/persist/plugins";

/// The machine that this program was built for, as a library's header names it.
pub(super) const MACHINE: elf::Machine = if cfg!(target_arch = "x86_64") {
    elf::EM_X86_64
} else if cfg!(target_arch = "aarch64") {
    elf::EM_AARCH64
} else if cfg!(target_arch = "riscv64") {
    elf::EM_RISCV
} else {
    elf::EM_NONE
};

/// The libraries of the C runtime, without what follows `.so`. A plugin may need these and no others.
const SYSTEM_LIBRARIES: [&str; 6] = ["libc", "libm", "libgcc_s", "libpthread", "libdl", "librt"];

/// Whether a plugin may need this library.
pub(super) fn is_system_library(name: &str) -> bool {
    // The dynamic linker looks a name without a slash up where the system keeps its libraries.
    let Some((stem, _)) = name.split_once(".so") else { return false };
    !name.contains('/') && (SYSTEM_LIBRARIES.contains(&stem) || stem.starts_with("ld-linux"))
}

/// A person's name for a machine.
pub(super) fn machine_name(machine: elf::Machine) -> String {
    match machine {
        elf::EM_X86_64 => "x86-64".to_owned(),
        elf::EM_AARCH64 => "AArch64".to_owned(),
        elf::EM_RISCV => "RISC-V".to_owned(),
        elf::EM_386 => "x86".to_owned(),
        elf::EM_ARM => "ARM".to_owned(),
        elf::EM_PPC64 => "PowerPC 64".to_owned(),
        elf::EM_S390 => "S/390".to_owned(),
        elf::Machine(number) => format!("machine {number}"),
    }
}

/// A path that leads to an open file itself, whatever has become of its name.
pub(super) fn path_of_open_file(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// An empty file without a name, in memory.
pub(super) fn memory_file() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    Ok(File::from(memfd_create("persist-plugin", flags)?))
}

/// Makes a [`memory_file`] as it is for good.
pub(super) fn seal(file: &File) -> io::Result<()> {
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    Ok(fcntl_add_seals(file, seals)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bare_names_of_the_c_runtime_are_system_libraries() {
        for name in ["libc.so.6", "libgcc_s.so.1", "libm.so.6", "ld-linux-x86-64.so.2"] {
            assert!(is_system_library(name), "{name}");
        }
        for name in ["libz.so.1", "/tmp/libc.so.6", "libc", "libcrypto.so.3", "libc-evil.so"] {
            assert!(!is_system_library(name), "{name}");
        }
    }
}
