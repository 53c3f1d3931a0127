//! Where in Redis a Persist key lies.
//!
//! A session's objects and the index that lists them share a hash tag, so that one transaction can change both, in a
//! cluster too. Everything else, and the names of the sessions, lies in the index at the root of the store.
//!
//! ```text
//! {persist}:index                                     persist-store.json, agents/a/s/
//! {persist}:object:persist-store.json
//! {persist/agents/a/s}:index                          d/0000000000, …
//! {persist/agents/a/s}:object:d/0000000000
//! ```

use persist_plugin_api::{Result, check_key};

/// How many segments of a key name the group that it belongs to: `agents`, the agent and the session.
const GROUP_SEGMENTS: usize = 3;

/// The names of everything that one store keeps.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    prefix: String,
}

/// An object's place.
pub(crate) struct Located<'a> {
    /// The group's name, which ends with a slash; empty at the root.
    pub(crate) group: &'a str,
    /// The Redis key of the group's index.
    pub(crate) index: String,
    /// The object's member of the index.
    pub(crate) member: &'a str,
    /// The Redis key of the object.
    pub(crate) object: String,
}

impl Located<'_> {
    /// Whether the object is of no use without records that were written before it: a record but a session's first, a
    /// manifest, or a rewritten snapshot.
    pub(crate) fn continues(&self) -> bool {
        let later = |number: &str| number.bytes().any(|digit| digit != b'0');
        match self.member.split_once('/') {
            Some(("d", number)) => number.bytes().all(|byte| byte.is_ascii_digit()) && later(number),
            Some(("m" | "g", _)) => true,
            _ => false,
        }
    }
}

impl Layout {
    /// Names that begin with a prefix without braces and slashes.
    pub(crate) fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// Where an object of the host's lies.
    pub(crate) fn locate<'a>(&self, key: &'a str) -> Result<Located<'a>> {
        check_key(key)?;
        let (group, member) = split(key);
        Ok(Located { group, index: self.index(group), member, object: self.object(group, member) })
    }

    /// The Redis key of a group's index.
    pub(crate) fn index(&self, group: &str) -> String {
        format!("{}:index", self.tag(group))
    }

    /// The Redis key of an object.
    pub(crate) fn object(&self, group: &str, member: &str) -> String {
        format!("{}:object:{member}", self.tag(group))
    }

    /// What decides on the slot. The prefix is not empty, so that the tag never is: an empty one would not count. A brace
    /// in a group's name ends the tag early, but at the same byte for all keys of the group.
    fn tag(&self, group: &str) -> String {
        match group.strip_suffix('/') {
            Some(group) => format!("{{{}/{group}}}", self.prefix),
            None => format!("{{{}}}", self.prefix),
        }
    }
}

/// Splits a key, or the beginning of one, into its group and the rest. The group is empty where the text has too few
/// segments to name one.
pub(crate) fn split(text: &str) -> (&str, &str) {
    match text.match_indices('/').nth(GROUP_SEGMENTS - 1) {
        Some((slash, _)) => text.split_at(slash + 1),
        None => ("", text),
    }
}

#[cfg(test)]
mod tests {
    use persist_plugin_api::ErrorCode;

    use super::*;

    #[test]
    fn sessions_have_a_tag_each() {
        let layout = Layout::new("persist".to_owned());
        let at = layout.locate("agents/a/s/d/0000000000").unwrap();
        assert_eq!((at.group, at.member), ("agents/a/s/", "d/0000000000"));
        assert_eq!(at.index, "{persist/agents/a/s}:index");
        assert_eq!(at.object, "{persist/agents/a/s}:object:d/0000000000");
        let root = layout.locate("agents/a/s").unwrap();
        assert_eq!((root.group, root.index.as_str()), ("", "{persist}:index"));
        assert_eq!(root.object, "{persist}:object:agents/a/s");
    }

    #[test]
    fn what_continues_a_session_is_told_by_its_key() {
        let layout = Layout::new("p".to_owned());
        for (member, continues) in [
            ("d/0000000000", false),
            ("d/0000000010", true),
            ("m/0000000001", true),
            ("g/0000000001-0a/0000000000", true),
            ("n/name/0000000003", false),
            ("w/0000000000/name/0000000001", false),
        ] {
            let key = format!("agents/a/s/{member}");
            assert_eq!(layout.locate(&key).unwrap().continues(), continues, "{member}");
        }
    }

    #[test]
    fn keys_of_a_group_share_what_is_hashed_whatever_their_names_are() {
        let hashed = |key: &str| {
            let open = key.find('{').unwrap();
            let close = open + key[open..].find('}').unwrap();
            key[open + 1..close].to_owned()
        };
        let layout = Layout::new("p".to_owned());
        for key in ["agents/a}b/s/d/1", "}/}/}/x", "{/{}/a/b}"] {
            let at = layout.locate(key).unwrap();
            assert_eq!(hashed(&at.index), hashed(&at.object), "{key}");
            assert!(!hashed(&at.index).is_empty(), "{key}");
        }
    }

    #[test]
    fn invalid_keys_are_refused() {
        let layout = Layout::new("p".to_owned());
        for key in ["", "a//b", "../a", "a/"] {
            let error = layout.locate(key).err().unwrap();
            assert_eq!(error.code(), ErrorCode::INVALID_ARGUMENT, "{key:?}");
        }
    }
}
