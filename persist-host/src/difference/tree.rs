//! Valid JSON as a flat list of values, each with its place in the text and a hash of what it means.

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use serde::Deserializer as _;
use serde::de::Visitor;

/// A value's number in its [`Tree`].
pub(super) type NodeId = u32;

/// The values of one JSON text in the order in which they begin. An object's children are its keys and values in turn.
pub(super) struct Tree<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

struct Node {
    /// Equal for equal values.
    hash: u128,
    /// Where in the text the value begins.
    start: u32,
    /// Where it ends.
    end: u32,
    /// The first value behind this one and all that it contains.
    next: NodeId,
    /// For an object: a key is repeated or is no Unicode text.
    ambiguous: bool,
}

/// Hashes with keys that are drawn anew each time: nobody can prepare values that differ and have the same hash, and by
/// chance 128 bits do not meet.
pub(super) struct Hashing([RandomState; 2]);

impl Hashing {
    pub(super) fn new() -> Self {
        Self([RandomState::new(), RandomState::new()])
    }

    fn hash(&self, kind: u8, bytes: &[u8]) -> u128 {
        self.hash_all(kind, [bytes])
    }

    fn hash_all<T: AsRef<[u8]>>(&self, kind: u8, parts: impl IntoIterator<Item = T>) -> u128 {
        let [mut high, mut low] = [self.0[0].build_hasher(), self.0[1].build_hasher()];
        high.write_u8(kind);
        low.write_u8(kind);
        for part in parts {
            high.write(part.as_ref());
            low.write(part.as_ref());
        }
        (u128::from(high.finish()) << 64) | u128::from(low.finish())
    }
}

impl<'a> Tree<'a> {
    /// Lists the values of a text that is known to be JSON and shorter than 4 GiB.
    pub(super) fn new(text: &'a str, hashing: &Hashing) -> Self {
        let mut tree = Self { text, nodes: Vec::new() };
        let mut open: Vec<NodeId> = Vec::new();
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            at += 1;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => {}
                b'{' | b'[' => open.push(tree.push(0, start, start)),
                b'}' | b']' => {
                    if let Some(container) = open.pop() {
                        tree.close(container, at, hashing);
                    }
                }
                b'"' => {
                    at = string_end(bytes, at);
                    let hash = hashing.hash(b'"', &characters(&text[start..at]));
                    tree.push(hash, start, at);
                }
                _ => {
                    at = scalar_end(bytes, at);
                    let hash = hashing.hash(b'0', &bytes[start..at]);
                    tree.push(hash, start, at);
                }
            }
        }
        tree
    }

    /// The outermost value.
    pub(super) const ROOT: NodeId = 0;

    pub(super) fn hash(&self, node: NodeId) -> u128 {
        self.node(node).hash
    }

    /// The value as it is written.
    pub(super) fn text(&self, node: NodeId) -> &'a str {
        let node = self.node(node);
        &self.text[node.start as usize..node.end as usize]
    }

    pub(super) fn is_array(&self, node: NodeId) -> bool {
        self.text(node).starts_with('[')
    }

    pub(super) fn is_object(&self, node: NodeId) -> bool {
        self.text(node).starts_with('{')
    }

    /// Whether no path names each member of the object.
    pub(super) fn is_ambiguous(&self, object: NodeId) -> bool {
        self.node(object).ambiguous
    }

    /// The values right inside an array, or an object's keys and values in turn.
    pub(super) fn children(&self, container: NodeId) -> impl Iterator<Item = NodeId> {
        let end = self.node(container).next;
        let first = Some(container + 1).filter(|first| *first < end);
        std::iter::successors(first, move |child| {
            Some(self.node(*child).next).filter(|following| *following < end)
        })
    }

    /// An object's members: key and value.
    pub(super) fn members(&self, object: NodeId) -> impl Iterator<Item = (NodeId, NodeId)> {
        let mut children = self.children(object);
        std::iter::from_fn(move || Some((children.next()?, children.next()?)))
    }

    /// The characters of a key that is Unicode text.
    pub(super) fn key(&self, node: NodeId) -> String {
        String::from_utf8_lossy(&characters(self.text(node))).into_owned()
    }

    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// Every value takes at least a byte of a text shorter than 4 GiB, so that numbers and places fit.
    fn push(&mut self, hash: u128, start: usize, end: usize) -> NodeId {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(Node { hash, start: start as u32, end: end as u32, next: id + 1, ambiguous: false });
        id
    }

    fn close(&mut self, container: NodeId, end: usize, hashing: &Hashing) {
        self.nodes[container as usize].next = self.nodes.len() as NodeId;
        self.nodes[container as usize].end = end as u32;
        let (hash, ambiguous) = if self.is_array(container) {
            let hashes = self.children(container).map(|child| self.hash(child).to_ne_bytes());
            (hashing.hash_all(b'[', hashes), false)
        } else {
            self.hash_object(container, hashing)
        };
        let node = &mut self.nodes[container as usize];
        (node.hash, node.ambiguous) = (hash, ambiguous);
    }

    fn hash_object(&self, object: NodeId, hashing: &Hashing) -> (u128, bool) {
        let as_written: Vec<[u128; 2]> =
            self.members(object).map(|(key, value)| [self.hash(key), self.hash(value)]).collect();
        let mut members = as_written.clone();
        members.sort_unstable();
        let ambiguous = members.windows(2).any(|pair| pair[0][0] == pair[1][0])
            || self.members(object).any(|(key, _)| !is_unicode(self.text(key)));
        // Which of two members with one key counts may depend on their order.
        let (kind, members) = if ambiguous { (b'!', as_written) } else { (b'{', members) };
        let hashes = members.iter().flatten().map(|hash| hash.to_ne_bytes());
        (hashing.hash_all(kind, hashes), ambiguous)
    }
}

/// The end of the string whose first character is at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => at += 1,
            _ => {}
        }
    }
    at.min(bytes.len())
}

/// The end of the number or word that goes on at `at`.
fn scalar_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b']' | b'}' | b':');
    at + rest.iter().position(ends).unwrap_or(rest.len())
}

/// Whether the string holds no half of a surrogate pair.
fn is_unicode(string: &str) -> bool {
    !string.contains('\\') || std::str::from_utf8(&characters(string)).is_ok()
}

/// What a string stands for, without quotes and escapes. Half of a surrogate pair, which no UTF-8 can hold, is written as
/// if it could.
fn characters(string: &str) -> Cow<'_, [u8]> {
    let inner = string.get(1..string.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner.as_bytes());
    }
    let decoded = serde_json::Deserializer::from_str(string).deserialize_bytes(Characters);
    // Only text that is no JSON string cannot be decoded; as it stands it is still itself.
    decoded.map_or(Cow::Borrowed(inner.as_bytes()), Cow::Owned)
}

struct Characters;

impl Visitor<'_> for Characters {
    type Value = Vec<u8>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(bytes.to_vec())
    }
}
