//! From JSON to MessagePack.

use super::headers::{
    array_header, bytes_header, close, ext_header, map_header, open, write_signed, write_text, write_unsigned,
};
use super::text::{Malformed, Reader};
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

impl Reader<'_> {
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
}
