//! Where in the container a Persist key lies.
//!
//! A key is stored under its own name, but for what OpenDAL or a service would take for something else: OpenDAL removes
//! white space around a path, and Azure takes a backslash for a slash and drops dots at the end of a segment. Such
//! characters, and the percent sign itself, are stored as percent signs with hexadecimal digits.

use std::borrow::Cow;
use std::fmt::Write as _;

use percent_encoding::percent_decode_str;
use persist_plugin_api::{Error, ErrorCode, MAX_KEY_BYTES, Result, check_key};

/// The longest prefix. The services take names of 1024 bytes: a prefix, a slash, and 900 bytes of Persist's.
pub(crate) const MAX_PREFIX_BYTES: usize = 120;

/// The longest name that both services take.
const MAX_NAME_BYTES: usize = 1024;

/// The key, below the prefix, of the object on which conditional creation is tried.
pub(crate) const PROBE_KEY: &str = "persist-probe";

/// The part of the container that holds the objects: empty, or a prefix that ends with a slash.
#[derive(Clone, Debug)]
pub(crate) struct Root(String);

impl Root {
    /// Takes the prefix as the user writes it, with or without slashes around it.
    pub(crate) fn new(prefix: &str) -> Result<Self> {
        let trimmed = prefix.trim_matches('/');
        if trimmed.is_empty() {
            return Ok(Self(String::new()));
        }
        let wrong = |why: &str| Error::new(ErrorCode::CONFIG, format!("prefix = {prefix:?} {why}"));
        check_key(trimmed).map_err(|error| wrong("is not the beginning of a key").with_source(error))?;
        if trimmed.len() > MAX_PREFIX_BYTES {
            return Err(wrong(&format!("has more than {MAX_PREFIX_BYTES} bytes")));
        }
        if encode(trimmed) != trimmed {
            let why = "holds a percent sign, a backslash, or a segment with white space around it or a dot at its end";
            return Err(wrong(why));
        }
        Ok(Self(format!("{trimmed}/")))
    }

    /// The name in the container of an object that the host names.
    pub(crate) fn name(&self, key: &str) -> Result<String> {
        check_key(key)?;
        let refuse =
            |why: &str| Err(Error::new(ErrorCode::INVALID_ARGUMENT, format!("the key {key:?} {why}")));
        if key == PROBE_KEY {
            return refuse("is reserved: the adapter keeps its probe there");
        }
        let name = self.below(&encode(key));
        if name.len() > MAX_NAME_BYTES {
            return refuse(&format!(
                "takes {} bytes in the container, {MAX_NAME_BYTES} are allowed",
                name.len()
            ));
        }
        Ok(name)
    }

    /// The name of the probe's object.
    pub(crate) fn probe(&self) -> String {
        self.below(PROBE_KEY)
    }

    /// What the names of all keys with a prefix begin with; other names may begin with it, too. `None` when no key has it.
    pub(crate) fn listed(&self, prefix: &str) -> Option<String> {
        let (directory, last) = prefix.rsplit_once('/').map_or(("", prefix), |(before, last)| (before, last));
        let absurd = prefix.len() > MAX_KEY_BYTES
            || prefix.starts_with('/')
            || prefix.chars().any(char::is_control)
            || !directory.is_empty() && check_key(directory).is_err();
        if absurd {
            return None;
        }
        // Whether what ends the text also ends the segment is not known.
        let certain = last.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
        let directory = if directory.is_empty() { String::new() } else { format!("{}/", encode(directory)) };
        Some(self.below(&format!("{directory}{}", encode(certain))))
    }

    /// The key of an object, or the "directory", that a name in the container stands for; `None` for one that this adapter
    /// never gave.
    pub(crate) fn key(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix(&self.0)?;
        let key = percent_decode_str(name).decode_utf8().ok()?;
        let segments = key.strip_suffix('/').unwrap_or(&key);
        (check_key(segments).is_ok() && encode(&key) == name).then(|| key.into_owned())
    }

    fn below(&self, text: &str) -> String {
        format!("{}{text}", self.0)
    }
}

/// A key, or a part of one that ends with a segment, as a part of a name.
fn encode(key: &str) -> Cow<'_, str> {
    let plain = |segment: &str| {
        !segment.contains(['%', '\\']) && !segment.ends_with('.') && segment.trim() == segment
    };
    if key.split('/').all(plain) {
        return Cow::Borrowed(key);
    }
    Cow::Owned(key.split('/').map(encode_segment).collect::<Vec<_>>().join("/"))
}

fn encode_segment(segment: &str) -> String {
    let inner = segment.trim();
    let begin = segment.len() - segment.trim_start().len();
    let end = begin + inner.len();
    let dots = segment.len() - segment.trim_end_matches('.').len();
    let mut name = String::with_capacity(segment.len() + 6);
    for (at, c) in segment.char_indices() {
        let around = at < begin || at >= end || at >= segment.len() - dots;
        if around || matches!(c, '%' | '\\') {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                // Writing into a string cannot fail.
                let _ = write!(name, "%{byte:02X}");
            }
        } else {
            name.push(c);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_below_the_prefix_and_come_back() {
        for (prefix, expected) in [("", "a/b"), ("p", "p/a/b"), ("/p/q/", "p/q/a/b"), ("/", "a/b")] {
            let root = Root::new(prefix).unwrap();
            let name = root.name("a/b").unwrap();
            assert_eq!(name, expected);
            assert_eq!(root.key(&name).unwrap(), "a/b");
        }
        assert_eq!(Root::new("p").unwrap().key("pq/a"), None);
    }

    #[test]
    fn what_services_change_is_stored_in_other_words() {
        let root = Root::new("").unwrap();
        for (key, expected) in [
            (" a b ", "%20a b%20"),
            ("...", "%2E%2E%2E"),
            ("a./b.c", "a%2E/b.c"),
            (r"..\up", "..%5Cup"),
            ("%2e/%", "%252e/%25"),
            ("x\u{3000}", "x%E3%80%80"),
            ("é/日本", "é/日本"),
        ] {
            let name = root.name(key).unwrap();
            assert_eq!(name, expected);
            assert_eq!(root.key(&name).as_deref(), Some(key));
        }
    }

    #[test]
    fn names_of_others_are_no_keys() {
        let root = Root::new("p").unwrap();
        for name in ["p/", "p/a//b", "p/%61", "p/%zz", "p/a.", "p/%FF", "q", "p/../q"] {
            assert_eq!(root.key(name), None, "{name}");
        }
        assert_eq!(root.key("p/a/b/").as_deref(), Some("a/b/"));
    }

    #[test]
    fn a_listed_prefix_leaves_open_what_follows() {
        let root = Root::new("p").unwrap();
        for (prefix, expected) in [
            ("", "p/"),
            ("a/b", "p/a/b"),
            ("a./b. ", "p/a%2E/b"),
            (" a", "p/%20a"),
            (" ", "p/"),
            ("a%", "p/a%25"),
        ] {
            assert_eq!(root.listed(prefix).as_deref(), Some(expected), "{prefix:?}");
        }
        for prefix in ["/", "a//b", "../", "a/./", "a\n", &"x".repeat(901)] {
            assert_eq!(root.listed(prefix), None, "{prefix:?}");
        }
    }

    #[test]
    fn no_key_leaves_the_prefix() {
        let root = Root::new("p").unwrap();
        for key in ["", "../a", "a/..", "/a", "a//b", PROBE_KEY, &"%".repeat(400)] {
            assert_eq!(root.name(key).unwrap_err().code(), ErrorCode::INVALID_ARGUMENT, "{key:?}");
        }
        root.name("a/persist-probe").unwrap();
    }

    #[test]
    fn prefixes_that_are_no_keys_are_refused() {
        for prefix in ["a//b", "..", "a\nb", "a%", " a", &"x".repeat(MAX_PREFIX_BYTES + 1)] {
            assert_eq!(Root::new(prefix).unwrap_err().code(), ErrorCode::CONFIG, "{prefix:?}");
        }
        Root::new(&"x".repeat(MAX_PREFIX_BYTES)).unwrap();
    }
}
