//! TOML, with the line of every key.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use super::syntax_error;
use crate::Result;
use crate::config::document::{Document, child, element};

pub(super) fn parse(text: &str, path: &Path) -> Result<Document> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, &span));
        syntax_error(path, line, "TOML", error.message().to_owned())
    })?;
    let mut reader = Reader { text, path, lines: BTreeMap::new() };
    let root = reader.table("", table.get_ref())?;
    Ok(Document { file: path.to_owned(), root, lines: reader.lines })
}

struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    lines: BTreeMap<String, usize>,
}

impl Reader<'_> {
    fn table(&mut self, path: &str, table: &DeTable<'_>) -> Result<Map<String, Value>> {
        let mut map = Map::new();
        for (key, value) in table {
            let path = child(path, key.get_ref());
            let line = line_of(self.text, &key.span());
            map.insert(key.get_ref().to_string(), self.value(path, line, value.get_ref())?);
        }
        Ok(map)
    }

    fn value(&mut self, path: String, line: usize, value: &DeValue<'_>) -> Result<Value> {
        let converted = match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(number) => {
                i64::from_str_radix(number.as_str(), number.radix()).map(Value::from).map_err(|_| {
                    syntax_error(self.path, line, "TOML", format!("`{path}` is not a 64-bit integer"))
                })?
            }
            DeValue::Float(number) => {
                number.as_str().parse().ok().and_then(Number::from_f64).map(Value::Number).ok_or_else(
                    || syntax_error(self.path, line, "TOML", format!("`{path}` is not a finite number")),
                )?
            }
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let line = line_of(self.text, &item.span());
                    list.push(self.value(element(&path, index), line, item.get_ref())?);
                }
                Value::Array(list)
            }
            DeValue::Table(table) => Value::Object(self.table(&path, table)?),
        };
        self.lines.insert(path, line);
        Ok(converted)
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let end = span.start.min(text.len());
    1 + text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count()
}
