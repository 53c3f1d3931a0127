//! JSON-like objects of Python as JSON text: exactly, or not at all.

use std::io::Write as _;

use pyo3::prelude::*;
use pyo3::types::dict::BoundDictIterator;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::errors::invalid;

/// How deep lists and dictionaries may lie in each other. Something that contains itself is found out there.
const DEEPEST: usize = 100_000;

/// A list or dictionary that is being written.
enum Open<'py> {
    List { items: Bound<'py, PyList>, next: usize },
    Dict { entries: BoundDictIterator<'py>, key: Option<Bound<'py, PyString>> },
}

/// Writes a value as JSON: without white space, dictionaries in their own order, text in UTF-8, floats as the shortest
/// text that reads back as the same number.
///
/// Only exact types are taken: `None`, `bool`, `int`, `float`, `str`, `list`, and `dict` with keys of type `str`. It
/// takes no stack, however deep they are nested.
///
/// # Errors
///
/// For anything that JSON cannot say, or that would come back as something else. The message names the place.
pub(crate) fn encode(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut out = Vec::with_capacity(256);
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut next = Some(value.clone());
    loop {
        if let Some(value) = next.take()
            && let Some(inner) = write(&value, &mut out, &open)?
        {
            if open.len() == DEEPEST {
                let message = format!("the state is nested deeper than {DEEPEST} levels, or contains itself");
                return Err(invalid("state_too_deep", message));
            }
            open.push(inner);
        }
        let Some(innermost) = open.last_mut() else { return Ok(out) };
        let (closing, item) = match innermost {
            Open::List { items, next } => {
                // Looked up each time: the list is the caller's and might be changed by a finaliser.
                let item = if *next < items.len() { Some(items.get_item(*next)?) } else { None };
                *next += 1;
                if item.is_some() && *next > 1 {
                    out.push(b',');
                }
                (b']', item)
            }
            Open::Dict { entries, key } => {
                let is_first = key.is_none();
                let entry = entries.next();
                let mut item = None;
                if let Some((name, value)) = entry {
                    if !is_first {
                        out.push(b',');
                    }
                    match name.cast_into_exact::<PyString>() {
                        Ok(name) => *key = Some(name),
                        Err(error) => {
                            let found = error.into_inner();
                            return Err(bad_key(&found, &open));
                        }
                    }
                    item = Some(value);
                }
                (b'}', item)
            }
        };
        match item {
            None => {
                out.push(closing);
                open.pop();
            }
            Some(item) => {
                if let Some(Open::Dict { key: Some(key), .. }) = open.last() {
                    let key = key.clone();
                    write_text(utf8(&key, &open)?, &mut out);
                    out.push(b':');
                }
                next = Some(item);
            }
        }
    }
}

/// A text that is a whole state, in UTF-8.
///
/// # Errors
///
/// When it holds half a surrogate pair.
pub(super) fn encode_text(text: &Bound<'_, PyString>) -> PyResult<Vec<u8>> {
    utf8(text, &[]).map(|text| text.as_bytes().to_vec())
}

/// Writes a value that holds no others, or begins one that does.
fn write<'py>(
    value: &Bound<'py, PyAny>,
    out: &mut Vec<u8>,
    open: &[Open<'py>],
) -> PyResult<Option<Open<'py>>> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        write_text(utf8(text, open)?, out);
    } else if let Ok(entries) = value.cast_exact::<PyDict>() {
        out.push(b'{');
        return Ok(Some(Open::Dict { entries: entries.iter(), key: None }));
    } else if let Ok(items) = value.cast_exact::<PyList>() {
        out.push(b'[');
        return Ok(Some(Open::List { items: items.clone(), next: 0 }));
    } else if value.is_none() {
        out.extend_from_slice(b"null");
    } else if let Ok(value) = value.cast_exact::<PyBool>() {
        out.extend_from_slice(if value.is_true() { b"true" } else { b"false" });
    } else if let Ok(value) = value.cast_exact::<PyInt>() {
        write_int(value, out, open)?;
    } else if let Ok(value) = value.cast_exact::<PyFloat>() {
        let value: f64 = value.extract()?;
        if !value.is_finite() {
            return Err(refused(open, &format!("is {value}, which JSON cannot say")));
        }
        // The shortest text that reads back as the same number. Writing to a vector cannot fail.
        let _ = write!(out, "{value:?}");
    } else {
        return Err(wrong_type(value, open));
    }
    Ok(None)
}

fn write_int(value: &Bound<'_, PyInt>, out: &mut Vec<u8>, open: &[Open<'_>]) -> PyResult<()> {
    if let Ok(small) = value.extract::<i64>() {
        let _ = write!(out, "{small}");
        return Ok(());
    }
    // Python refuses to write integers of thousands of digits, which takes long.
    let text = value.str().map_err(|error| refused(open, &format!("cannot be written: {error}")))?;
    out.extend_from_slice(text.to_str()?.as_bytes());
    Ok(())
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| ESCAPED[usize::from(*byte)]) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = special.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            _ => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The bytes that a JSON string cannot hold as they are.
const ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        escaped[byte] = true;
        byte += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped
};

/// A text in UTF-8.
///
/// # Errors
///
/// When it holds half a surrogate pair.
fn utf8<'a>(text: &'a Bound<'_, PyString>, open: &[Open<'_>]) -> PyResult<&'a str> {
    text.to_str().map_err(|_| refused(open, "is text with half a surrogate pair, which UTF-8 cannot say"))
}

fn wrong_type(value: &Bound<'_, PyAny>, open: &[Open<'_>]) -> PyErr {
    let name = value.get_type().fully_qualified_name();
    let name = name.map_or_else(|_| "something unknown".to_owned(), |name| name.to_string());
    let why = if value.is_instance_of::<PyTuple>() {
        "would come back as a list; pass list(...) of it".to_owned()
    } else {
        "cannot be saved as JSON and come back as the same; convert it, or save bytes".to_owned()
    };
    refused(open, &format!("is of type {name}, which {why}"))
}

fn bad_key(key: &Bound<'_, PyAny>, open: &[Open<'_>]) -> PyErr {
    let name = key.get_type().fully_qualified_name();
    let name = name.map_or_else(|_| "something unknown".to_owned(), |name| name.to_string());
    // The dictionary itself is what is wrong, not what lies under its last key.
    let around = open.len().saturating_sub(1);
    refused(&open[..around], &format!("has a key of type {name}; JSON has only keys of type str"))
}

fn refused(open: &[Open<'_>], problem: &str) -> PyErr {
    invalid("state_not_json", format!("the state cannot be saved: {} {problem}", path(open)))
}

/// Where the value is, such as `$.messages[3].when`.
fn path(open: &[Open<'_>]) -> String {
    let mut path = "$".to_owned();
    for one in open {
        match one {
            Open::List { next, .. } => path.push_str(&format!("[{}]", next.saturating_sub(1))),
            Open::Dict { key: None, .. } => {}
            Open::Dict { key: Some(key), .. } => {
                let key = key.to_string_lossy();
                let plain = |character: char| character.is_alphanumeric() || character == '_';
                if !key.is_empty() && key.chars().all(plain) {
                    path.push_str(&format!(".{key}"));
                } else {
                    path.push_str(&format!("[{key:?}]"));
                }
            }
        }
    }
    path
}
