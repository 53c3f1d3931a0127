//! JSON, with the line of every key.
//!
//! The parser reads its input byte by byte and never looks beyond the quote that ends a key, so the number of line
//! breaks read so far is the key's line.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::syntax_error;
use crate::Result;
use crate::config::document::{Document, child, element};

pub(super) fn parse(text: &str, path: &Path) -> Result<Document> {
    let position = Cell::new(1);
    let lines = RefCell::new(BTreeMap::new());
    let input = LineCounter { text: text.as_bytes(), line: &position };
    let mut parser = serde_json::Deserializer::from_reader(input);
    let node = Node { path: String::new(), position: &position, lines: &lines };
    let value = node
        .deserialize(&mut parser)
        .and_then(|value| parser.end().map(|()| value))
        .map_err(|error| syntax_error(path, error.line().max(1), "JSON", error.to_string()))?;
    let Value::Object(root) = value else {
        return Err(syntax_error(path, 1, "JSON", "the file holds no object".to_owned()));
    };
    Ok(Document { file: path.to_owned(), root, lines: lines.into_inner() })
}

/// Hands out one byte at a time and counts the line breaks among them.
struct LineCounter<'a> {
    text: &'a [u8],
    line: &'a Cell<usize>,
}

impl Read for LineCounter<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (Some((first, rest)), Some(slot)) = (self.text.split_first(), buffer.first_mut()) else {
            return Ok(0);
        };
        if *first == b'\n' {
            self.line.set(self.line.get() + 1);
        }
        *slot = *first;
        self.text = rest;
        Ok(1)
    }
}

/// One value on its way out of the parser, and where it is.
struct Node<'a> {
    path: String,
    position: &'a Cell<usize>,
    lines: &'a RefCell<BTreeMap<String, usize>>,
}

impl Node<'_> {
    fn at(&self, path: String) -> Self {
        self.lines.borrow_mut().insert(path.clone(), self.position.get());
        Self { path, position: self.position, lines: self.lines }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string, a number, a boolean, a list or an object")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.at(element(&self.path, list.len())))? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let path = child(&self.path, &key);
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key `{path}` appears twice")));
            }
            let value = entries.next_value_seed(self.at(path))?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}
