//! JSON text, read piece by piece.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A JSON text that stands for no message, and where that shows.
#[derive(Debug)]
pub(crate) struct Malformed {
    offset: usize,
    expected: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "expected {} at byte {}", self.expected, self.offset)
    }
}

/// A place in a text.
pub(super) struct Reader<'a> {
    text: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Result<Self, Malformed> {
        match std::str::from_utf8(text) {
            Ok(_) => Ok(Self { text, at: 0 }),
            Err(error) => Err(Malformed { offset: error.valid_up_to(), expected: "UTF-8" }),
        }
    }

    pub(super) fn fail<T>(&self, expected: &'static str) -> Result<T, Malformed> {
        Err(Malformed { offset: self.at, expected })
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes a byte if it comes next, after white space.
    pub(super) fn is_next(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        let expected = match byte {
            b'{' => "an object",
            b'[' => "an array",
            b':' => "a colon",
            b',' => "a comma",
            b'"' => "a string",
            _ => "the end of an array or object",
        };
        if self.is_next(byte) { Ok(()) } else { self.fail(expected) }
    }

    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { self.fail("the end of the text") }
    }

    pub(super) fn is_word(&mut self, word: &str) -> bool {
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        if found {
            self.at += word.len();
        }
        found
    }

    /// Comma-separated items up to a closing byte; returns how many there were.
    pub(super) fn items(
        &mut self,
        last: u8,
        mut one: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<usize, Malformed> {
        let mut length = 0;
        if self.is_next(last) {
            return Ok(length);
        }
        loop {
            one(self)?;
            length += 1;
            if !self.is_next(b',') {
                self.expect(last)?;
                return Ok(length);
            }
        }
    }

    /// The bytes that a number may have, from here on.
    pub(super) fn digits(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }

    pub(super) fn base64(&mut self) -> Result<Vec<u8>, Malformed> {
        let text = self.string()?;
        STANDARD.decode(text.as_bytes()).or_else(|_| self.fail("base64"))
    }

    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.expect(b'"')?;
        let mut decoded: Option<String> = None;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(length) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
                return self.fail("the end of a string");
            };
            // The text is UTF-8 and is cut at ASCII bytes.
            let plain =
                rest.get(..length).and_then(|part| std::str::from_utf8(part).ok()).unwrap_or_default();
            self.at += length + 1;
            let escaped = rest.get(length) == Some(&b'\\');
            match &mut decoded {
                None if !escaped => return Ok(Cow::Borrowed(plain)),
                None => decoded = Some(plain.to_owned()),
                Some(decoded) => decoded.push_str(plain),
            }
            match &mut decoded {
                Some(decoded) if escaped => decoded.push(self.escape()?),
                _ => return Ok(Cow::Owned(decoded.unwrap_or_default())),
            }
        }
    }

    /// The character of an escape whose backslash was taken.
    fn escape(&mut self) -> Result<char, Malformed> {
        let kind = self.peek();
        self.at += 1;
        Ok(match kind {
            Some(plain @ (b'"' | b'\\' | b'/')) => plain.into(),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let mut code = self.hex4()?;
                if (0xd800..0xdc00).contains(&code) && self.is_word("\\u") {
                    let low = self.hex4()?;
                    code = 0x10000 + ((code - 0xd800) << 10) + (low ^ 0xdc00);
                }
                match char::from_u32(code) {
                    Some(character) => character,
                    None => return self.fail("a character"),
                }
            }
            _ => return self.fail("an escape"),
        })
    }

    fn hex4(&mut self) -> Result<u32, Malformed> {
        let digits = self.text.get(self.at..self.at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        code.map_or_else(|| self.fail("four hexadecimal digits"), Ok)
    }

    /// Passes over one value; brackets are counted, not matched, since the text was checked to be JSON.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        let mut open = 0_usize;
        loop {
            self.space();
            match self.peek() {
                Some(b'"') => drop(self.string()?),
                Some(b'{' | b'[') => {
                    open += 1;
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') if open > 0 => {
                    open -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if open > 0 => {
                    self.at += 1;
                    continue;
                }
                Some(b'-' | b'0'..=b'9') => drop(self.digits()),
                _ if self.is_word("null") || self.is_word("false") || self.is_word("true") => {}
                _ => return self.fail("a value"),
            }
            if open == 0 {
                return Ok(());
            }
        }
    }
}
