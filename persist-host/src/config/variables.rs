//! `${VAR}` in the string values of a config file.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde_json::{Map, Value};

use super::document::{Document, child, element};
use super::error::{at, bad_value};
use crate::Result;

/// Looks up an environment variable.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Replaces every `${VAR}` by the variable's value, and `$${` by a plain `${`.
///
/// Returns the values that changed as they were written, by path: what came from the environment may be secret and is
/// shown only in its written form.
///
/// # Errors
///
/// When a variable is not set or not UTF-8, or a `${` has no name and closing brace.
pub(super) fn expand(document: &mut Document, variable: Lookup<'_>) -> Result<BTreeMap<String, String>> {
    let mut root = std::mem::take(&mut document.root);
    let mut expander = Expander { document, variable, written: BTreeMap::new() };
    expander.table("", &mut root)?;
    let written = expander.written;
    document.root = root;
    Ok(written)
}

struct Expander<'a> {
    document: &'a Document,
    variable: Lookup<'a>,
    written: BTreeMap<String, String>,
}

impl Expander<'_> {
    fn table(&mut self, path: &str, table: &mut Map<String, Value>) -> Result<()> {
        table.iter_mut().try_for_each(|(key, value)| self.value(child(path, key), value))
    }

    fn value(&mut self, path: String, value: &mut Value) -> Result<()> {
        match value {
            Value::String(text) if text.contains("${") => {
                let expanded = self.text(&path, text)?;
                self.written.insert(path, std::mem::replace(text, expanded));
                Ok(())
            }
            Value::Array(items) => items
                .iter_mut()
                .enumerate()
                .try_for_each(|(index, item)| self.value(element(&path, index), item)),
            Value::Object(table) => self.table(&path, table),
            _ => Ok(()),
        }
    }

    fn text(&self, path: &str, text: &str) -> Result<String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if let Some(before) = rest[..start].strip_suffix('$') {
                expanded.push_str(before);
                expanded.push_str("${");
                rest = &rest[start + 2..];
                continue;
            }
            expanded.push_str(&rest[..start]);
            let name = rest[start + 2..]
                .split_once('}')
                .map(|(name, _)| name)
                .filter(|name| is_name(name))
                .ok_or_else(|| {
                let problem =
                    "has a ${ without a variable's name and }; write ${NAME}, or $${ for the characters ${";
                bad_value(self.document, path, problem)
            })?;
            expanded.push_str(&self.look_up(path, name)?);
            rest = &rest[start + "${}".len() + name.len()..];
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn look_up(&self, path: &str, name: &str) -> Result<String> {
        let problem = match (self.variable)(name).map(OsString::into_string) {
            Some(Ok(value)) => return Ok(value),
            Some(Err(_)) => format!("`{path}` uses the environment variable {name}, which is not UTF-8"),
            None => format!("`{path}` uses the environment variable {name}, which is not set"),
        };
        Err(at(self.document, path, "config_variable", &problem).with_context("variable", name))
    }
}

fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
}
