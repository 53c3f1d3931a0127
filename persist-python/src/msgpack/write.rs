//! From JSON to MessagePack.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{BYTES, EXT, FLOAT, MAP, MAX_DEPTH, TYPED, is_tag};

/// The message that a JSON text stands for.
///
/// # Errors
/// [`Malformed`] when the text is not what [`to_json`](super::to_json) writes, apart from white space and number forms.
pub(crate) fn to_msgpack(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut reader = Reader::new(text)?;
    let mut message = Vec::with_capacity(text.len());
    reader.value(&mut message, 0)?;
    reader.end()?;
    Ok(message)
}

/// The type and the data of a `$typed` object; `None` when the text is another value.
///
/// # Errors
/// [`Malformed`] when the object is not of its form.
pub(crate) fn parse_typed(text: &[u8]) -> Result<Option<(String, Vec<u8>)>, Malformed> {
    let mut reader = Reader::new(text)?;
    if !reader.is_next(b'{') || reader.is_next(b'}') || reader.string()? != TYPED {
        return Ok(None);
    }
    reader.expect(b':')?;
    reader.expect(b'[')?;
    let kind = reader.string()?.into_owned();
    reader.expect(b',')?;
    let data = reader.base64()?;
    reader.expect(b']')?;
    reader.expect(b'}')?;
    reader.end()?;
    Ok(Some((kind, data)))
}

/// The members of an object, each value as the text that it is.
///
/// # Errors
/// [`Malformed`] when the text is not an object.
pub(crate) fn members(text: &[u8]) -> Result<Vec<(String, &[u8])>, Malformed> {
    let mut reader = Reader::new(text)?;
    let mut found = Vec::new();
    reader.expect(b'{')?;
    if !reader.is_next(b'}') {
        loop {
            let key = reader.string()?.into_owned();
            reader.expect(b':')?;
            reader.space();
            let start = reader.at;
            reader.skip()?;
            found.push((key, text.get(start..reader.at).unwrap_or_default()));
            if !reader.is_next(b',') {
                break;
            }
        }
        reader.expect(b'}')?;
    }
    reader.end()?;
    Ok(found)
}

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

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a [u8]) -> Result<Self, Malformed> {
        match std::str::from_utf8(text) {
            Ok(_) => Ok(Self { text, at: 0 }),
            Err(error) => Err(Malformed { offset: error.valid_up_to(), expected: "UTF-8" }),
        }
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, Malformed> {
        Err(Malformed { offset: self.at, expected })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes a byte if it comes next, after white space.
    fn is_next(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
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

    fn end(&mut self) -> Result<(), Malformed> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { self.fail("the end of the text") }
    }

    fn is_word(&mut self, word: &str) -> bool {
        let found = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes()));
        if found {
            self.at += word.len();
        }
        found
    }

    fn value(&mut self, message: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        if depth > MAX_DEPTH + 2 {
            return self.fail("fewer levels");
        }
        self.space();
        match self.peek() {
            Some(b'"') => write_text(message, &self.string()?),
            Some(b'[') => {
                self.at += 1;
                let start = open(message);
                let length = self.items(b']', |reader| reader.value(message, depth + 1))?;
                close(message, start, &array_header(length));
            }
            Some(b'{') => {
                self.at += 1;
                self.object(message, depth)?;
            }
            Some(b'-' | b'0'..=b'9') => self.number(message)?,
            _ if self.is_word("null") => message.push(0xc0),
            _ if self.is_word("false") => message.push(0xc2),
            _ if self.is_word("true") => message.push(0xc3),
            _ => return self.fail("a value"),
        }
        Ok(())
    }

    /// Comma-separated items up to a closing byte; returns how many there were.
    fn items(
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

    /// An object whose opening brace was taken: a map, or what its first key makes of it.
    fn object(&mut self, message: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        let start = open(message);
        let before = self.at;
        if !self.is_next(b'}') {
            let first = self.string()?;
            if is_tag(first.as_bytes()) {
                self.expect(b':')?;
                message.truncate(start);
                self.tagged(&first, message, depth)?;
                return self.expect(b'}');
            }
        }
        self.at = before;
        let length = self.items(b'}', |reader| {
            write_text(message, &reader.string()?);
            reader.expect(b':')?;
            reader.value(message, depth + 1)
        })?;
        close(message, start, &map_header(length));
        Ok(())
    }

    fn tagged(&mut self, tag: &str, message: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        match tag {
            FLOAT => {
                let bits = match &*self.string()? {
                    "nan" => Some(f64::NAN.to_bits()),
                    "inf" => Some(f64::INFINITY.to_bits()),
                    "-inf" => Some(f64::NEG_INFINITY.to_bits()),
                    digits => u64::from_str_radix(digits, 16).ok(),
                };
                let Some(bits) = bits else { return self.fail("a float") };
                message.push(0xcb);
                message.extend_from_slice(&bits.to_be_bytes());
            }
            BYTES => {
                let bytes = self.base64()?;
                message.extend_from_slice(&bytes_header(bytes.len()));
                message.extend_from_slice(&bytes);
            }
            MAP => {
                self.expect(b'[')?;
                let start = open(message);
                let length = self.items(b']', |reader| {
                    reader.expect(b'[')?;
                    reader.value(message, depth + 3)?;
                    reader.expect(b',')?;
                    reader.value(message, depth + 3)?;
                    reader.expect(b']')
                })?;
                close(message, start, &map_header(length));
            }
            EXT => self.ext(message, depth)?,
            _ => return self.fail("no value of another serialization inside a value"),
        }
        Ok(())
    }

    fn ext(&mut self, message: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        self.expect(b'[')?;
        self.space();
        let Ok(code) = self.digits().parse::<i8>() else { return self.fail("the code of an extension") };
        self.expect(b',')?;
        let start = open(message);
        self.value(message, depth + 2)?;
        if self.is_next(b',') {
            message.truncate(start + 1);
            let payload = self.base64()?;
            message.extend_from_slice(&payload);
        }
        let length = message.len() - start - 1;
        close(message, start, &ext_header(length, code));
        self.expect(b']')
    }

    /// The bytes that a number may have, from here on.
    fn digits(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default()
    }

    fn number(&mut self, message: &mut Vec<u8>) -> Result<(), Malformed> {
        let digits = self.digits();
        if digits.contains(['.', 'e', 'E']) {
            let Some(number) = digits.parse::<f64>().ok().filter(|number| number.is_finite()) else {
                return self.fail("a number");
            };
            message.push(0xcb);
            message.extend_from_slice(&number.to_bits().to_be_bytes());
        } else if let Ok(number) = digits.parse::<u64>() {
            write_unsigned(message, number);
        } else if let Ok(number) = digits.parse::<i64>() {
            write_signed(message, number);
        } else {
            return self.fail("an integer of at most 64 bits");
        }
        Ok(())
    }

    fn base64(&mut self) -> Result<Vec<u8>, Malformed> {
        let text = self.string()?;
        STANDARD.decode(text.as_bytes()).or_else(|_| self.fail("base64"))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
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
    fn skip(&mut self) -> Result<(), Malformed> {
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

/// Leaves room for the shortest header, and tells where.
fn open(message: &mut Vec<u8>) -> usize {
    message.push(0);
    message.len() - 1
}

/// Puts a header before what was written since `start` was opened.
fn close(message: &mut Vec<u8>, start: usize, header: &[u8]) {
    message.splice(start..=start, header.iter().copied());
}

fn array_header(length: usize) -> Vec<u8> {
    header(length, &[(0x0f, 0x90, 0), (0xffff, 0xdc, 2), (usize::MAX, 0xdd, 4)])
}

fn map_header(length: usize) -> Vec<u8> {
    header(length, &[(0x0f, 0x80, 0), (0xffff, 0xde, 2), (usize::MAX, 0xdf, 4)])
}

fn text_header(length: usize) -> Vec<u8> {
    header(length, &[(0x1f, 0xa0, 0), (0xff, 0xd9, 1), (0xffff, 0xda, 2), (usize::MAX, 0xdb, 4)])
}

fn bytes_header(length: usize) -> Vec<u8> {
    header(length, &[(0xff, 0xc4, 1), (0xffff, 0xc5, 2), (usize::MAX, 0xc6, 4)])
}

fn ext_header(length: usize, code: i8) -> Vec<u8> {
    let mut header = match length {
        1 => vec![0xd4],
        2 => vec![0xd5],
        4 => vec![0xd6],
        8 => vec![0xd7],
        16 => vec![0xd8],
        _ => header(length, &[(0xff, 0xc7, 1), (0xffff, 0xc8, 2), (usize::MAX, 0xc9, 4)]),
    };
    header.extend_from_slice(&code.to_be_bytes());
    header
}

/// The first form that can hold a length: each is the most it holds, its first byte, and how many bytes of length follow.
/// Without any, the length is in the first byte.
fn header(length: usize, forms: &[(usize, u8, usize)]) -> Vec<u8> {
    let Some((_, first, bytes)) = forms.iter().find(|(most, _, _)| length <= *most) else {
        return Vec::new();
    };
    let number = (length as u64).to_be_bytes();
    match bytes {
        0 => vec![first | number[7]],
        bytes => [&[*first], &number[8 - bytes..]].concat(),
    }
}

fn write_text(message: &mut Vec<u8>, text: &str) {
    message.extend_from_slice(&text_header(text.len()));
    message.extend_from_slice(text.as_bytes());
}

fn write_unsigned(message: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    match number {
        0..=0x7f => message.push(bytes[7]),
        0x80..=0xff => message.extend_from_slice(&[0xcc, bytes[7]]),
        0x100..=0xffff => message.extend_from_slice(&[&[0xcd], &bytes[6..]].concat()),
        0x1_0000..=0xffff_ffff => message.extend_from_slice(&[&[0xce], &bytes[4..]].concat()),
        _ => message.extend_from_slice(&[&[0xcf], &bytes[..]].concat()),
    }
}

/// Writes a negative number.
fn write_signed(message: &mut Vec<u8>, number: i64) {
    let bytes = number.to_be_bytes();
    match number {
        -32.. => message.push(bytes[7]),
        -0x80.. => message.extend_from_slice(&[0xd0, bytes[7]]),
        -0x8000.. => message.extend_from_slice(&[&[0xd1], &bytes[6..]].concat()),
        -0x8000_0000.. => message.extend_from_slice(&[&[0xd2], &bytes[4..]].concat()),
        _ => message.extend_from_slice(&[&[0xd3], &bytes[..]].concat()),
    }
}
