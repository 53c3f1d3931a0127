//! The layout of all that crosses the boundary, as text that can be kept and compared.
#![expect(unsafe_code, reason = "interprets the symbol of an opened library")]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use abi_stable::StableAbi;
use abi_stable::type_layout::{TLData, TLFields, TLFunction, TypeLayout};

use super::handshake::{HandshakeError, header};
use super::{PROTOCOL, PluginModule_Ref};

/// Describes the layout of every type that this version of the interface passes across the boundary.
///
/// The text has the protocol and the version of this crate in its first two lines. Each type follows after an empty
/// line: its kind, name, size and alignment, and its fields in their order, functions with their signatures. Of the
/// tables that may grow (`prefix`) it gives neither size nor alignment. It names no address, no path and no line, so
/// equal layouts give equal texts.
#[must_use]
pub fn interface() -> String {
    let layout = <PluginModule_Ref as StableAbi>::LAYOUT;
    format!("protocol {PROTOCOL}\napi {}\n{}", env!("CARGO_PKG_VERSION"), describe(layout))
}

/// Describes the layout of the interface that a plugin was built with, without its protocol and version.
///
/// # Errors
/// When the library is no plugin or holds no description of its layout.
///
/// # Safety
/// As for [`Plugin::connect`](super::handshake::Plugin::connect).
pub unsafe fn plugin_interface(entry: *const ()) -> Result<String, HandshakeError> {
    // SAFETY: the caller's promise.
    let header = unsafe { header(entry) }?;
    header.layout().map(describe).ok_or_else(|| HandshakeError::Layout {
        finding: "it does not say what it is".to_owned(),
        detail: String::new(),
    })
}

/// Describes a type and all that it refers to, in the order of their names.
fn describe(root: &'static TypeLayout) -> String {
    let mut texts = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut waiting = vec![root];
    while let Some(layout) = waiting.pop() {
        // By address: two types may have one name, and one type, used twice, may have two addresses.
        if seen.insert(std::ptr::from_ref(layout).addr()) {
            texts.insert(type_text(layout));
            waiting.extend(layout.shared_vars().type_layouts().iter().map(|layout| layout()));
        }
    }
    texts.into_iter().map(|text| format!("\n{text}")).collect()
}

fn type_text(layout: &TypeLayout) -> String {
    let size = format!("size {} align {}", layout.size(), layout.alignment());
    let name = format!("{}::{}", layout.mod_path(), reference(layout));
    let (title, fields) = match layout.data() {
        TLData::Primitive(_) => (format!("primitive {name} {size}"), String::new()),
        TLData::Opaque => (format!("opaque {name} {size}"), String::new()),
        TLData::Struct { fields } => (format!("struct {name} {size}"), field_lines(fields, None)),
        TLData::Union { fields } => (format!("union {name} {size}"), field_lines(fields, None)),
        TLData::Enum(data) => {
            let (variants, counts) = (data.variant_names.as_str().replace(';', " "), data.field_count);
            (format!("enum {name} {size}: {variants}{counts:?}"), field_lines(data.fields, None))
        }
        TLData::PrefixType(data) => {
            (format!("prefix {name}"), field_lines(data.fields, Some(data.first_suffix_field)))
        }
    };
    let mut text = title + "\n";
    // Before the fields, for it is at their end that tables grow.
    for field in layout.phantom_fields() {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  checked with it: {}", reference(field.layout()));
    }
    text + &fields
}

/// One line per field. In a table that may grow, the fields that every release has are marked.
fn field_lines(fields: TLFields, first_appended: Option<u8>) -> String {
    let mut text = String::new();
    for (index, field) in fields.iter().enumerate() {
        let mark = match first_appended {
            Some(first) if index < usize::from(first) => "always ",
            Some(_) => "appended ",
            None => "",
        };
        let mut types: Vec<String> = field.function_range().iter().map(signature).collect();
        if !field.is_function() {
            types.insert(0, reference(field.layout()));
        }
        let _ = writeln!(text, "  {mark}{}: {}", field.name(), types.join(" of "));
    }
    text
}

fn signature(function: TLFunction) -> String {
    let parameters = function.param_type_layouts.iter().map(|layout| reference(layout()));
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    let returned =
        function.return_type_layout().map_or_else(|| "()".to_owned(), |layout| reference(layout()));
    let safety = if function.fn_qualifs.is_unsafe() { "unsafe " } else { "" };
    format!("{safety}fn({parameters}) -> {returned}")
}

/// A type's name. The names of generic types lack their parameters, so a number made of what is in them tells them apart.
fn reference(layout: &TypeLayout) -> String {
    let name = layout.full_type().to_string();
    if is_ours(layout) || layout.is_prefix_kind() || layout.shared_vars().type_layouts().is_empty() {
        return name;
    }
    // FNV-1a: any function that stays the same for ever will do.
    let content = content(layout, CONTENT_DEPTH);
    let hash = content
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{name}~{hash:08x}")
}

/// How deep a future hides what it resolves to, and one level more.
const CONTENT_DEPTH: usize = 5;

/// The names of the types that a type of another crate is made of. Ours stand for themselves, so that what changes in
/// one of them shows there alone.
fn content(layout: &TypeLayout, depth: usize) -> String {
    let name = layout.full_type().to_string();
    if depth == 0 || is_ours(layout) || layout.is_prefix_kind() {
        return name;
    }
    let parts = layout.shared_vars().type_layouts().iter().map(|part| content(part(), depth - 1));
    format!("{name}({})", parts.collect::<Vec<_>>().join(" "))
}

fn is_ours(layout: &TypeLayout) -> bool {
    layout.package() == env!("CARGO_PKG_NAME")
}
