//! Where in the bucket a Persist key lies.

use persist_plugin_api::{Error, ErrorCode, Result, check_key};

/// The longest prefix. The service takes keys of 1024 bytes: a prefix, a slash, and 900 bytes of Persist's.
pub(crate) const MAX_PREFIX_BYTES: usize = 120;

/// The key, below the prefix, of the object on which conditional creation is tried.
pub(crate) const PROBE_KEY: &str = "persist-probe";

/// The part of the bucket that holds the objects: empty, or a prefix that ends with a slash.
#[derive(Clone, Debug)]
pub(crate) struct Root(String);

impl Root {
    /// Takes the prefix as the user writes it, with or without slashes around it.
    pub(crate) fn new(prefix: &str) -> Result<Self> {
        let prefix = prefix.trim_matches('/');
        if prefix.is_empty() {
            return Ok(Self(String::new()));
        }
        check_key(prefix)?;
        if prefix.len() > MAX_PREFIX_BYTES {
            let message = format!("the prefix has {} bytes", prefix.len());
            return Err(Error::new(ErrorCode::CONFIG, message));
        }
        Ok(Self(format!("{prefix}/")))
    }

    /// The key in the bucket of an object that the host names.
    pub(crate) fn object(&self, key: &str) -> Result<String> {
        check_key(key)?;
        if key == PROBE_KEY {
            let message = format!("the key {key:?} is reserved: the adapter keeps its probe there");
            return Err(Error::new(ErrorCode::INVALID_ARGUMENT, message));
        }
        Ok(self.below(key))
    }

    /// The same for text that is no whole key, such as the prefix of a listing.
    pub(crate) fn below(&self, text: &str) -> String {
        format!("{}{text}", self.0)
    }

    /// The host's name for a key in the bucket, unless the key lies elsewhere.
    pub(crate) fn relative<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_below_the_prefix_and_come_back() {
        for (prefix, expected) in [("", "a/b"), ("p", "p/a/b"), ("/p/q/", "p/q/a/b"), ("/", "a/b")] {
            let root = Root::new(prefix).unwrap();
            let key = root.object("a/b").unwrap();
            assert_eq!(key, expected);
            assert_eq!(root.relative(&key), Some("a/b"));
        }
        assert_eq!(Root::new("p").unwrap().relative("pq/a"), None);
    }

    #[test]
    fn no_key_leaves_the_prefix() {
        let root = Root::new("p").unwrap();
        for key in ["", "../a", "a/..", "/a", "a//b", PROBE_KEY] {
            assert_eq!(root.object(key).unwrap_err().code(), ErrorCode::INVALID_ARGUMENT, "{key:?}");
        }
        root.object("a/persist-probe").unwrap();
    }

    #[test]
    fn prefixes_that_are_no_keys_are_refused() {
        for prefix in ["a//b", "..", "a\nb", &"x".repeat(MAX_PREFIX_BYTES + 1)] {
            Root::new(prefix).unwrap_err();
        }
        Root::new(&"x".repeat(MAX_PREFIX_BYTES)).unwrap();
    }
}
