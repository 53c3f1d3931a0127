//! JSON text as objects of Python: exactly, or not at all.

use std::borrow::Cow;
use std::collections::HashMap;

use persist_host::validate_json;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};

use crate::errors::invalid;

/// The longest keys that are made only once.
const LONGEST_SHARED_KEY: usize = 64;

/// A list or dictionary that is being read.
enum Open<'py> {
    List(Vec<Bound<'py, PyAny>>),
    Dict { entries: Bound<'py, PyDict>, key: Option<Bound<'py, PyString>> },
}

/// Reads JSON. It takes no stack, however deep it is nested.
///
/// # Errors
///
/// When it is no JSON, and when objects of Python cannot say the same: for a key that is repeated, a number too large for
/// a float, and half a surrogate pair.
pub(crate) fn decode<'py>(py: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    validate_json(text)
        .map_err(|error| invalid("state_not_json", format!("the state cannot be read: {error}")))?;
    // Checked just now; the rest relies on it only for what it means, never for safety.
    let text = std::str::from_utf8(text).map_err(|_| broken(0))?;
    let mut reader = Reader { text, at: 0, keys: HashMap::new() };
    let mut open: Vec<Open<'py>> = Vec::new();
    loop {
        let mut value = match reader.token(py, &mut open)? {
            Token::Opened | Token::Key => continue,
            Token::Value(value) => value,
        };
        // A value that ends the one that it lies in ends perhaps more.
        loop {
            match open.last_mut() {
                None => return Ok(value),
                Some(Open::List(items)) => items.push(value),
                Some(Open::Dict { entries, key }) => {
                    let key = key.take().ok_or_else(|| broken(reader.at))?;
                    let before = entries.len();
                    entries.set_item(&key, value)?;
                    if entries.len() == before {
                        let key = key.to_string_lossy().into_owned();
                        return Err(inexpressible(&format!("the key {key:?} stands twice in one object")));
                    }
                }
            }
            match reader.close(py, &mut open)? {
                Some(closed) => value = closed,
                None => break,
            }
        }
    }
}

enum Token<'py> {
    /// A list or dictionary that is not empty begins.
    Opened,
    /// The key of an entry.
    Key,
    Value(Bound<'py, PyAny>),
}

struct Reader<'a, 'py> {
    text: &'a str,
    at: usize,
    keys: HashMap<&'a str, Bound<'py, PyString>>,
}

impl<'a, 'py> Reader<'a, 'py> {
    fn peek(&mut self) -> PyResult<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(*byte);
            }
            self.at += 1;
        }
        Err(broken(self.at))
    }

    /// Reads up to the next value or key.
    fn token(&mut self, py: Python<'py>, open: &mut Vec<Open<'py>>) -> PyResult<Token<'py>> {
        if let Some(Open::Dict { key: key @ None, .. }) = open.last_mut() {
            self.peek()?;
            *key = Some(self.key(py)?);
            if self.peek()? != b':' {
                return Err(broken(self.at));
            }
            self.at += 1;
            return Ok(Token::Key);
        }
        Ok(Token::Value(match self.peek()? {
            b'{' => {
                self.at += 1;
                let entries = PyDict::new(py);
                if self.peek()? != b'}' {
                    open.push(Open::Dict { entries, key: None });
                    return Ok(Token::Opened);
                }
                self.at += 1;
                entries.into_any()
            }
            b'[' => {
                self.at += 1;
                if self.peek()? != b']' {
                    open.push(Open::List(Vec::new()));
                    return Ok(Token::Opened);
                }
                self.at += 1;
                PyList::empty(py).into_any()
            }
            b'"' => PyString::new(py, &self.string()?).into_any(),
            b't' => self.word(4, PyBool::new(py, true).to_owned().into_any()),
            b'f' => self.word(5, PyBool::new(py, false).to_owned().into_any()),
            b'n' => self.word(4, py.None().into_bound(py)),
            _ => self.number(py)?,
        }))
    }

    fn word(&mut self, length: usize, value: Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        self.at += length;
        value
    }

    /// After a value: passes the comma, or ends the list or dictionary and gives it back.
    fn close(&mut self, py: Python<'py>, open: &mut Vec<Open<'py>>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if open.is_empty() {
            return Ok(None);
        }
        let byte = self.peek()?;
        self.at += 1;
        if byte == b',' {
            return Ok(None);
        }
        Ok(match open.pop() {
            Some(Open::List(items)) => Some(PyList::new(py, items)?.into_any()),
            Some(Open::Dict { entries, .. }) => Some(entries.into_any()),
            None => None,
        })
    }

    /// The string that begins here, and its end.
    fn string(&mut self) -> PyResult<Cow<'a, str>> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut at = start;
        let mut is_plain = true;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_plain = false;
                    at += 2;
                }
                Some(_) => at += 1,
                None => return Err(broken(at)),
            }
        }
        self.at = at + 1;
        if is_plain {
            return self.text.get(start..at).map(Cow::Borrowed).ok_or_else(|| broken(start));
        }
        let quoted = self.text.get(start - 1..=at).ok_or_else(|| broken(start))?;
        serde_json::from_str(quoted)
            .map(Cow::Owned)
            .map_err(|_| inexpressible(&format!("the string at offset {start} holds half a surrogate pair")))
    }

    fn key(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        match self.string()? {
            Cow::Borrowed(key) if key.len() <= LONGEST_SHARED_KEY => {
                Ok(self.keys.entry(key).or_insert_with(|| PyString::new(py, key)).clone())
            }
            key => Ok(PyString::new(py, &key)),
        }
    }

    fn number(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.find(|byte: char| !matches!(byte, '0'..='9' | '-' | '+' | '.' | 'e' | 'E'));
        let text = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if text.is_empty() {
            return Err(broken(self.at));
        }
        let start = self.at;
        self.at += text.len();
        if text.contains(['.', 'e', 'E']) {
            let number: f64 = text.parse().map_err(|_| broken(start))?;
            if !number.is_finite() {
                return Err(inexpressible(&format!("the number {text} is too large for a float")));
            }
            return Ok(PyFloat::new(py, number).into_any());
        }
        if let Ok(number) = text.parse::<i64>() {
            return Ok(number.into_pyobject(py)?.into_any());
        }
        // Python refuses to read integers of thousands of digits, which takes long.
        py.get_type::<PyInt>().call1((text,)).map_err(|error| {
            inexpressible(&format!("the integer of {} digits cannot be read: {error}", text.len()))
        })
    }
}

fn inexpressible(problem: &str) -> PyErr {
    invalid(
        "state_not_expressible",
        format!("the state cannot be restored as objects: {problem}; restore_bytes gives it as it is"),
    )
}

/// What the check before would not have let through.
fn broken(at: usize) -> PyErr {
    invalid("state_not_json", format!("the state is no JSON at offset {at}"))
}
