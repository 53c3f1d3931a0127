//! The record that says what a plugin is without running it.
//!
//! The export macro renders it as JSON at compile time into a section of the shared library of its own. The host finds
//! the section in the file, so listing plugins and resolving an adapter's name executes nothing.

use serde::{Deserialize, Serialize};

use crate::abi::PROTOCOL;

/// The section of the shared library that holds the descriptor. The export macro repeats the name, because an
/// attribute takes only a literal.
#[cfg(feature = "host")]
pub const SECTION: &str = if cfg!(target_vendor = "apple") { "__persist_plugin" } else { ".persist.plugin" };

/// The largest descriptor that a host reads, in bytes.
#[cfg(feature = "host")]
pub const MAX_DESCRIPTOR_BYTES: u64 = 1 << 20;

/// The keyword in the schema of an option, or of a list's items, that says which kind of adapter the option is: one that the
/// host opens and passes on as a [`Part`](crate::Part).
#[cfg(feature = "host")]
pub const PART_KEYWORD: &str = "persist";

/// The version of the API crate that a plugin was built with.
const API_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The compiler that built the plugin.
const RUSTC: &str = env!("PERSIST_RUSTC");

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Descriptor {
    /// The plugin's name: the name of its package.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// The meaning of the boundary that the plugin was built for; see [`PROTOCOL`].
    pub protocol: u32,
    /// The version of `persist-plugin-api` that the plugin was built with.
    pub api: String,
    /// The compiler that built it.
    pub rustc: String,
    /// Whether panics unwind in it. A plugin in which they abort would take the host with it, and is refused.
    pub panic_unwind: bool,
    /// Its adapters.
    pub adapters: Vec<AdapterDescriptor>,
}

/// What a plugin says of one of its adapters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AdapterDescriptor {
    /// `storage`, `compression`, or a kind of a later release.
    pub kind: String,
    /// The name that config files use.
    pub name: String,
    /// One sentence on what it is.
    pub description: String,
    /// The JSON Schema of its options.
    pub schema: serde_json::Value,
}

impl Descriptor {
    /// Reads a descriptor from its section's bytes.
    ///
    /// # Errors
    /// When they are not the JSON of a descriptor.
    pub fn parse(section: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(section)
    }
}

/// One adapter, as the export macro lists it.
#[doc(hidden)]
pub struct AdapterEntry {
    pub kind: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    pub schema: &'static str,
}

/// How long [`descriptor_bytes`] is.
#[doc(hidden)]
#[must_use]
pub const fn descriptor_length(name: &str, version: &str, unwinds: bool, adapters: &[AdapterEntry]) -> usize {
    render(&mut [], name, version, unwinds, adapters)
}

/// The descriptor's JSON.
#[doc(hidden)]
#[must_use]
pub const fn descriptor_bytes<const N: usize>(
    name: &str,
    version: &str,
    unwinds: bool,
    adapters: &[AdapterEntry],
) -> [u8; N] {
    let mut bytes = [0; N];
    assert!(
        render(&mut bytes, name, version, unwinds, adapters) == N,
        "the descriptor's length is computed twice"
    );
    bytes
}

/// Writes the JSON into `out`, or only counts its bytes when `out` is empty.
const fn render(
    out: &mut [u8],
    name: &str,
    version: &str,
    unwinds: bool,
    adapters: &[AdapterEntry],
) -> usize {
    let mut at = put(out, 0, "{\"name\":");
    at = put_quoted(out, at, name);
    at = put(out, at, ",\"version\":");
    at = put_quoted(out, at, version);
    at = put(out, at, ",\"protocol\":");
    at = put_number(out, at, PROTOCOL);
    at = put(out, at, ",\"api\":");
    at = put_quoted(out, at, API_VERSION);
    at = put(out, at, ",\"rustc\":");
    at = put_quoted(out, at, RUSTC);
    at = put(out, at, if unwinds { ",\"panic_unwind\":true" } else { ",\"panic_unwind\":false" });
    at = put(out, at, ",\"adapters\":[");
    let mut index = 0;
    while index < adapters.len() {
        let adapter = &adapters[index];
        at = put(out, at, if index == 0 { "{\"kind\":" } else { ",{\"kind\":" });
        at = put_quoted(out, at, adapter.kind);
        at = put(out, at, ",\"name\":");
        at = put_quoted(out, at, adapter.name);
        at = put(out, at, ",\"description\":");
        at = put_quoted(out, at, adapter.description);
        at = put(out, at, ",\"schema\":");
        at = put(out, at, adapter.schema);
        at = put(out, at, "}");
        index += 1;
    }
    put(out, at, "]}")
}

const fn put(out: &mut [u8], at: usize, text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() && !out.is_empty() {
        out[at + index] = bytes[index];
        index += 1;
    }
    at + bytes.len()
}

const fn put_quoted(out: &mut [u8], at: usize, text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        assert!(
            bytes[index] >= 0x20 && bytes[index] != b'"' && bytes[index] != b'\\',
            "a plugin's names and descriptions hold no quotes, backslashes or control characters"
        );
        index += 1;
    }
    let at = put(out, at, "\"");
    let at = put(out, at, text);
    put(out, at, "\"")
}

const fn put_number(out: &mut [u8], at: usize, number: u32) -> usize {
    let at = if number >= 10 { put_number(out, at, number / 10) } else { at };
    if !out.is_empty() {
        out[at] = b'0' + (number % 10) as u8;
    }
    at + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADAPTERS: &[AdapterEntry] = &[
        AdapterEntry { kind: "storage", name: "a", description: "An a.", schema: "{}" },
        AdapterEntry { kind: "compression", name: "b", description: "A b.", schema: r#"{"type":"object"}"# },
    ];
    const LENGTH: usize = descriptor_length("plug", "1.2.3", true, ADAPTERS);
    static BYTES: [u8; LENGTH] = descriptor_bytes("plug", "1.2.3", true, ADAPTERS);

    #[test]
    fn what_the_macro_renders_is_what_the_host_reads() {
        let descriptor = Descriptor::parse(&BYTES).unwrap();
        assert_eq!(descriptor.name, "plug");
        assert_eq!(descriptor.protocol, PROTOCOL);
        assert!(descriptor.panic_unwind);
        assert!(descriptor.rustc.starts_with("rustc "));
        assert_eq!(descriptor.adapters[1].kind, "compression");
        assert_eq!(descriptor.adapters[1].schema["type"], "object");
    }

    #[test]
    fn numbers_of_several_digits_are_rendered_whole() {
        let mut out = [0; 5];
        assert_eq!(put_number(&mut out, 0, 40_960), 5);
        assert_eq!(&out, b"40960");
    }
}
