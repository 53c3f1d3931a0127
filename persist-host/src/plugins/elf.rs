//! What a shared library says of itself, read from the file without running any of its code.
//!
//! Only the headers and the few tables that matter are read, never the whole file.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _, SectionHeader as _, SectionTable, Sym as _};
use object::{LittleEndian, ReadCache};
use persist_plugin_api::host::{ENTRY_SYMBOL, MAX_DESCRIPTOR_BYTES, SECTION};
use persist_plugin_api::{Descriptor, PROTOCOL};

use super::error::RejectReason;
use super::platform::{MACHINE, is_system_library, machine_name};
use super::trust::unreadable;

type Header = FileHeader64<LittleEndian>;
type Cache<'file> = ReadCache<&'file File>;
type Sections<'data, 'file> = SectionTable<'data, Header, &'data Cache<'file>>;

const ENDIAN: LittleEndian = LittleEndian;
const HEADER_LENGTH: u64 = size_of::<Header>() as u64;

/// Checks all that can be checked without running the library, and returns its descriptor.
///
/// Moves the file's position, so no other thread may do the same at the same time.
pub(super) fn inspect(file: &File) -> Result<Descriptor, RejectReason> {
    let length = file.metadata().map_err(|error| unreadable(&error))?.len();
    check_magic(file, length)?;
    let cache = ReadCache::new(file);
    let header = Header::parse(&cache).map_err(malformed)?;
    check_extent(header, &cache, length)?;
    let sections = header.sections(ENDIAN, &cache).map_err(malformed)?;
    let descriptor = descriptor(&sections, &cache)?;
    check_compatibility(&descriptor)?;
    check_dependencies(&sections, &cache)?;
    check_entry(&sections, &cache)?;
    Ok(descriptor)
}

/// Is it a shared library for this machine? Looks at the first bytes alone, so that other files are told apart.
fn check_magic(file: &File, length: u64) -> Result<(), RejectReason> {
    let mut start = [0; 20];
    match file.read_exact_at(&mut start, 0) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(unreadable(&error)),
    }
    if start[..4] != elf::ELFMAG {
        return Err(RejectReason::NotALibrary);
    }
    if length < HEADER_LENGTH {
        return Err(RejectReason::Truncated { needs: HEADER_LENGTH, length });
    }
    let wrong = |found: String| RejectReason::WrongMachine { found, expected: machine_name(MACHINE) };
    let (class, encoding) = (start[4], start[5]);
    if class != 2 {
        return Err(wrong("a 32-bit machine".to_owned()));
    }
    if encoding != 1 {
        return Err(wrong("a big-endian machine".to_owned()));
    }
    let machine = elf::Machine(u16::from_le_bytes([start[18], start[19]]));
    if machine != MACHINE {
        return Err(wrong(machine_name(machine)));
    }
    Ok(())
}

/// Does the file reach as far as its tables say? If not, the dynamic linker maps pages that do not exist, and the
/// first touch of one ends the process.
fn check_extent(header: &Header, cache: &Cache<'_>, length: u64) -> Result<(), RejectReason> {
    let reaches = |needs: u64| {
        if needs > length { Err(RejectReason::Truncated { needs, length }) } else { Ok(()) }
    };
    let table = |start: u64, count: u16, size: u16| start.saturating_add(u64::from(count) * u64::from(size));
    reaches(table(header.e_phoff(ENDIAN), header.e_phnum(ENDIAN), header.e_phentsize(ENDIAN)))?;
    for segment in header.program_headers(ENDIAN, cache).map_err(malformed)? {
        reaches(segment.p_offset(ENDIAN).saturating_add(segment.p_filesz(ENDIAN)))?;
    }
    reaches(table(header.e_shoff(ENDIAN), header.e_shnum(ENDIAN), header.e_shentsize(ENDIAN)))?;
    for section in header.section_headers(ENDIAN, cache).map_err(malformed)? {
        if let Some((start, size)) = section.file_range(ENDIAN) {
            reaches(start.saturating_add(size))?;
        }
    }
    Ok(())
}

fn descriptor<'data, 'file>(
    sections: &Sections<'data, 'file>,
    cache: &'data Cache<'file>,
) -> Result<Descriptor, RejectReason> {
    let Some((_, section)) = sections.section_by_name(ENDIAN, SECTION.as_bytes()) else {
        return Err(RejectReason::NotAPlugin);
    };
    let size = section.sh_size(ENDIAN);
    if size > MAX_DESCRIPTOR_BYTES {
        return Err(RejectReason::DescriptorTooLarge { size });
    }
    let bytes = section.data(ENDIAN, cache).map_err(malformed)?;
    let descriptor = Descriptor::parse(bytes)
        .map_err(|error| RejectReason::BadDescriptor { problem: error.to_string() })?;
    check_texts(&descriptor).map_err(|problem| RejectReason::BadDescriptor { problem })?;
    Ok(descriptor)
}

/// A descriptor's texts go to people's terminals, and its names into config files.
fn check_texts(descriptor: &Descriptor) -> Result<(), String> {
    let own = [&descriptor.name, &descriptor.version, &descriptor.api, &descriptor.rustc];
    let adapters = descriptor.adapters.iter().flat_map(|it| [&it.kind, &it.name, &it.description]);
    if let Some(text) = own.into_iter().chain(adapters).find(|text| text.chars().any(char::is_control)) {
        return Err(format!("{text:?} holds control characters"));
    }
    let mut names = BTreeSet::new();
    for adapter in &descriptor.adapters {
        if !names.insert((&adapter.kind, &adapter.name)) {
            return Err(format!("it lists the {} adapter {:?} twice", adapter.kind, adapter.name));
        }
    }
    Ok(())
}

fn check_compatibility(descriptor: &Descriptor) -> Result<(), RejectReason> {
    if descriptor.protocol != PROTOCOL {
        return Err(RejectReason::Protocol { found: descriptor.protocol });
    }
    if !descriptor.panic_unwind {
        return Err(RejectReason::PanicAborts);
    }
    Ok(())
}

/// A library that the plugin brings along would be code that nobody checked.
fn check_dependencies<'data, 'file>(
    sections: &Sections<'data, 'file>,
    cache: &'data Cache<'file>,
) -> Result<(), RejectReason> {
    let table = sections.dynamic_table(ENDIAN, cache).map_err(malformed)?;
    for entry in &table {
        let text = || table.string(entry).map(|text| String::from_utf8_lossy(text).into_owned());
        match entry.tag {
            elf::DT_RPATH | elf::DT_RUNPATH => {
                return Err(RejectReason::RunPath { path: text().map_err(malformed)? });
            }
            elf::DT_NEEDED | elf::DT_AUXILIARY | elf::DT_FILTER => {
                let name = text().map_err(malformed)?;
                if !is_system_library(&name) {
                    return Err(RejectReason::ForeignLibrary { name });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_entry<'data, 'file>(
    sections: &Sections<'data, 'file>,
    cache: &'data Cache<'file>,
) -> Result<(), RejectReason> {
    let symbols = sections.symbols(ENDIAN, cache, elf::SHT_DYNSYM).map_err(malformed)?;
    for symbol in symbols.iter() {
        let name = symbols.symbol_name(ENDIAN, symbol).map_err(malformed)?;
        if name == ENTRY_SYMBOL.as_bytes() && !symbol.is_undefined(ENDIAN) {
            return Ok(());
        }
    }
    Err(RejectReason::NoEntryPoint)
}

fn malformed(error: object::Error) -> RejectReason {
    RejectReason::Malformed { problem: error.to_string() }
}
