//! From MessagePack to JSON.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{BYTES, EXT, FLOAT, MAP, MAX_DEPTH, is_tag};

/// The JSON of a message; `None` where the way back would not give the same bytes, or the message is none.
pub(crate) fn to_json(message: &[u8]) -> Option<Vec<u8>> {
    let mut json = Vec::with_capacity(message.len() + message.len() / 8);
    let mut reader = Reader { rest: message };
    reader.value(&mut json, 0)?;
    reader.rest.is_empty().then_some(json)
}

/// One item of a message; what arrays and maps hold follows it.
enum Item<'a> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Array(u64),
    Map(u64),
    Ext(i8, &'a [u8]),
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    /// An unsigned number of up to eight bytes.
    fn number(&mut self, bytes: u64) -> Option<u64> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The same, if it is too large for a shorter form.
    fn number_from(&mut self, bytes: u64, least: u64) -> Option<u64> {
        self.number(bytes).filter(|number| *number >= least)
    }

    fn item(&mut self) -> Option<Item<'a>> {
        let first = self.take(1)?.first().copied()?;
        Some(match first {
            0x00..=0x7f => Item::Unsigned(first.into()),
            0x80..=0x8f => Item::Map((first & 0x0f).into()),
            0x90..=0x9f => Item::Array((first & 0x0f).into()),
            0xa0..=0xbf => Item::Text(self.take((first & 0x1f).into())?),
            0xc0 => Item::Nil,
            0xc2 => Item::Bool(false),
            0xc3 => Item::Bool(true),
            0xc4 => self.bytes(1, 0)?,
            0xc5 => self.bytes(2, 1 << 8)?,
            0xc6 => self.bytes(4, 1 << 16)?,
            0xc7 => self.ext(1, 0)?,
            0xc8 => self.ext(2, 1 << 8)?,
            0xc9 => self.ext(4, 1 << 16)?,
            0xcb => Item::Float(f64::from_bits(self.number(8)?)),
            0xcc => Item::Unsigned(self.number_from(1, 1 << 7)?),
            0xcd => Item::Unsigned(self.number_from(2, 1 << 8)?),
            0xce => Item::Unsigned(self.number_from(4, 1 << 16)?),
            0xcf => Item::Unsigned(self.number_from(8, 1 << 32)?),
            0xd0 => self.negative(1, -32)?,
            0xd1 => self.negative(2, i8::MIN.into())?,
            0xd2 => self.negative(4, i16::MIN.into())?,
            0xd3 => self.negative(8, i32::MIN.into())?,
            0xd4..=0xd8 => {
                let length = 1 << (first - 0xd4);
                self.ext_of(length)?
            }
            0xd9 => self.text(1, 1 << 5)?,
            0xda => self.text(2, 1 << 8)?,
            0xdb => self.text(4, 1 << 16)?,
            0xdc => Item::Array(self.number_from(2, 1 << 4)?),
            0xdd => Item::Array(self.number_from(4, 1 << 16)?),
            0xde => Item::Map(self.number_from(2, 1 << 4)?),
            0xdf => Item::Map(self.number_from(4, 1 << 16)?),
            0xe0..=0xff => Item::Signed(i64::from(first) - 0x100),
            // A 32-bit float would come back as a 64-bit one; 0xc1 is never used.
            0xc1 | 0xca => return None,
        })
    }

    fn text(&mut self, bytes: u64, least: u64) -> Option<Item<'a>> {
        let length = self.number_from(bytes, least)?;
        self.take(length).map(Item::Text)
    }

    fn bytes(&mut self, bytes: u64, least: u64) -> Option<Item<'a>> {
        let length = self.number_from(bytes, least)?;
        self.take(length).map(Item::Bytes)
    }

    fn ext(&mut self, bytes: u64, least: u64) -> Option<Item<'a>> {
        let length = self.number_from(bytes, least)?;
        // These lengths have a form of their own.
        if matches!(length, 1 | 2 | 4 | 8 | 16) {
            return None;
        }
        self.ext_of(length)
    }

    fn ext_of(&mut self, length: u64) -> Option<Item<'a>> {
        let code = i8::from_be_bytes([self.take(1)?.first().copied()?]);
        Some(Item::Ext(code, self.take(length)?))
    }

    /// A negative number that is too small for a shorter form.
    fn negative(&mut self, bytes: u64, above: i64) -> Option<Item<'a>> {
        let unused = 64 - 8 * u32::try_from(bytes).ok()?;
        let number = (self.number(bytes)? << unused).cast_signed() >> unused;
        (number < above).then_some(Item::Signed(number))
    }

    /// Passes over values with all that they hold.
    fn skip(&mut self, values: u64) -> Option<()> {
        let mut left = values;
        while left > 0 {
            left -= 1;
            match self.item()? {
                Item::Array(length) => left = left.checked_add(length)?,
                Item::Map(length) => left = left.checked_add(length.checked_mul(2)?)?,
                _ => {}
            }
        }
        Some(())
    }

    fn value(&mut self, json: &mut Vec<u8>, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.item()? {
            Item::Nil => json.extend_from_slice(b"null"),
            Item::Bool(true) => json.extend_from_slice(b"true"),
            Item::Bool(false) => json.extend_from_slice(b"false"),
            Item::Unsigned(number) => write!(json, "{number}").ok()?,
            Item::Signed(number) => write!(json, "{number}").ok()?,
            Item::Float(number) => write_float(json, number)?,
            Item::Text(text) => write_text(json, text)?,
            Item::Bytes(bytes) => {
                write!(json, r#"{{"{BYTES}":"{}"}}"#, STANDARD.encode(bytes)).ok()?;
            }
            Item::Array(length) => {
                json.push(b'[');
                self.separated(json, length, |reader, json| reader.value(json, depth + 1))?;
                json.push(b']');
            }
            Item::Map(length) if self.is_plain(length)? => {
                json.push(b'{');
                self.separated(json, length, |reader, json| {
                    let Item::Text(key) = reader.item()? else { return None };
                    write_text(json, key)?;
                    json.push(b':');
                    reader.value(json, depth + 1)
                })?;
                json.push(b'}');
            }
            Item::Map(length) => {
                write!(json, r#"{{"{MAP}":["#).ok()?;
                self.separated(json, length, |reader, json| {
                    json.push(b'[');
                    reader.value(json, depth + 3)?;
                    json.push(b',');
                    reader.value(json, depth + 3)?;
                    json.push(b']');
                    Some(())
                })?;
                json.extend_from_slice(b"]}");
            }
            Item::Ext(code, payload) => write_ext(json, code, payload, depth)?,
        }
        Some(())
    }

    fn separated(
        &mut self,
        json: &mut Vec<u8>,
        length: u64,
        mut one: impl FnMut(&mut Self, &mut Vec<u8>) -> Option<()>,
    ) -> Option<()> {
        for at in 0..length {
            if at > 0 {
                json.push(b',');
            }
            one(self, json)?;
        }
        Some(())
    }

    /// Whether a map can be an object: all keys are strings, and the first does not make it stand for something else.
    fn is_plain(mut self, length: u64) -> Option<bool> {
        for at in 0..length {
            match self.item()? {
                Item::Text(key) if at > 0 || !is_tag(key) => self.skip(1)?,
                _ => return Some(false),
            }
        }
        Some(true)
    }
}

fn write_ext(json: &mut Vec<u8>, code: i8, payload: &[u8], depth: usize) -> Option<()> {
    write!(json, r#"{{"{EXT}":[{code},"#).ok()?;
    let start = json.len();
    let mut inner = Reader { rest: payload };
    if inner.value(json, depth + 2).is_none() || !inner.rest.is_empty() {
        json.truncate(start);
        write!(json, r#"null,"{}""#, STANDARD.encode(payload)).ok()?;
    }
    json.extend_from_slice(b"]}");
    Some(())
}

fn write_float(json: &mut Vec<u8>, number: f64) -> Option<()> {
    if number.is_finite() {
        // The shortest digits that read back as this number, and never without a point or an exponent.
        write!(json, "{number:?}").ok()
    } else if number.to_bits() == f64::NAN.to_bits() {
        write!(json, r#"{{"{FLOAT}":"nan"}}"#).ok()
    } else if number.is_nan() {
        write!(json, r#"{{"{FLOAT}":"{:016x}"}}"#, number.to_bits()).ok()
    } else {
        write!(json, r#"{{"{FLOAT}":"{number}"}}"#).ok()
    }
}

fn write_text(json: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    std::str::from_utf8(text).ok()?;
    json.push(b'"');
    let mut rest = text;
    while let Some(at) = find_special(rest) {
        let (plain, special) = rest.split_at(at);
        json.extend_from_slice(plain);
        let (first, after) = special.split_first()?;
        match first {
            b'"' => json.extend_from_slice(br#"\""#),
            b'\\' => json.extend_from_slice(br"\\"),
            b'\n' => json.extend_from_slice(br"\n"),
            b'\r' => json.extend_from_slice(br"\r"),
            b'\t' => json.extend_from_slice(br"\t"),
            control => write!(json, r"\u{control:04x}").ok()?,
        }
        rest = after;
    }
    json.extend_from_slice(rest);
    json.push(b'"');
    Some(())
}

/// Where the first byte is that a JSON text cannot hold as it is.
fn find_special(text: &[u8]) -> Option<usize> {
    /// Blocks are looked through without a way out in the middle, which lets the compiler compare many bytes at once.
    const BLOCK: usize = 64;
    let is_special = |byte: &u8| (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\');
    let is_plain = |block: &&[u8]| !block.iter().fold(false, |found, byte| found | is_special(byte));
    let plain = text.chunks(BLOCK).take_while(is_plain).map(<[u8]>::len).sum::<usize>();
    let rest = text.get(plain..)?;
    rest.iter().position(is_special).map(|at| plain + at)
}
