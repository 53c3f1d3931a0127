//! Arrays with fixed positions, the one shape that headers are made of.
//!
//! A position keeps its meaning for ever. Trailing fields without a value are left out, and readers skip
//! trailing fields that they do not know, so that later releases can add fields.

use std::collections::BTreeMap;

use minicbor::data::Type;
use minicbor::decode::Error as DecodeError;
use minicbor::{Decoder, Encoder};

use super::FormatError;

/// Encodes into memory. Only a length limit of the encoder itself could fail.
pub(super) type Writer = Encoder<Vec<u8>>;

/// What writing a value returns.
pub(super) type WriteResult = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

/// Runs `write` and returns the bytes that it wrote.
pub(super) fn encode(
    what: &'static str,
    write: impl FnOnce(&mut Writer) -> WriteResult,
) -> Result<Vec<u8>, FormatError> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder)
        .map_err(|error| FormatError::unencodable_with(format!("its {what} has no CBOR form"), error))?;
    Ok(encoder.into_writer())
}

/// Writes one field of an array.
pub(super) type WriteField<'a> = &'a dyn Fn(&mut Writer) -> WriteResult;

/// Writes an array of the given fields. An absent field is null, or left out where only absent ones follow.
pub(super) fn write_fields(writer: &mut Writer, fields: &[(bool, WriteField<'_>)]) -> WriteResult {
    let length = fields.iter().rposition(|(present, _)| *present).map_or(0, |last| last + 1);
    writer.array(length as u64)?;
    for (present, write) in &fields[..length] {
        if *present {
            write(writer)?;
        } else {
            writer.null()?;
        }
    }
    Ok(())
}

/// Reads the fields of one array in order.
pub(super) struct Fields<'d, 'b> {
    decoder: &'d mut Decoder<'b>,
    left: u64,
    what: &'static str,
}

impl<'d, 'b> Fields<'d, 'b> {
    /// Opens the array that comes next in `decoder`; `what` names it in errors.
    pub(super) fn open(decoder: &'d mut Decoder<'b>, what: &'static str) -> Result<Self, FormatError> {
        let left = array_len(decoder, what)?;
        Ok(Self { decoder, left, what })
    }

    /// Reads a field that must be there.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Decoder<'b>) -> Result<T, DecodeError>,
    ) -> Result<T, FormatError> {
        self.take(name)?;
        read(self.decoder).map_err(|error| self.bad(name, error))
    }

    /// Reads a field that may be null or left out.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Decoder<'b>) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, FormatError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let datatype = self.decoder.datatype().map_err(|error| self.bad(name, error))?;
        if datatype == Type::Null {
            self.decoder.null().map_err(|error| self.bad(name, error))?;
            return Ok(None);
        }
        read(self.decoder).map(Some).map_err(|error| self.bad(name, error))
    }

    /// Reads a field that may be null or left out, and that has fields of its own.
    pub(super) fn nested<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Decoder<'b>) -> Result<T, FormatError>,
    ) -> Result<Option<T>, FormatError> {
        let mut value = None;
        // The outer result is that of looking at the field, the inner one that of reading it.
        self.optional(name, |decoder| {
            value = Some(read(decoder));
            Ok(())
        })?;
        value.transpose()
    }

    /// Reads a field that must be there and that has fields of its own.
    pub(super) fn record<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Decoder<'b>) -> Result<T, FormatError>,
    ) -> Result<T, FormatError> {
        self.take(name)?;
        read(self.decoder)
    }

    /// Reads a field that is an array of its own, item by item.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        item: impl FnMut(&mut Decoder<'b>) -> Result<T, FormatError>,
    ) -> Result<Vec<T>, FormatError> {
        self.take(name)?;
        read_list(self.decoder, name, item)
    }

    /// Skips the fields that this release does not know.
    pub(super) fn close(self) -> Result<(), FormatError> {
        for _ in 0..self.left {
            self.decoder.skip().map_err(|error| self.bad("that follows", error))?;
        }
        Ok(())
    }

    fn take(&mut self, name: &'static str) -> Result<(), FormatError> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| FormatError::corrupt(format!("the {} ends before the field {name}", self.what)))?;
        Ok(())
    }

    fn bad(&self, name: &'static str, error: DecodeError) -> FormatError {
        FormatError::corrupt_with(format!("the {} has a malformed field {name}", self.what), error)
    }
}

/// Reads an array item by item; `what` names it in errors.
pub(super) fn read_list<'b, T>(
    decoder: &mut Decoder<'b>,
    what: &'static str,
    mut item: impl FnMut(&mut Decoder<'b>) -> Result<T, FormatError>,
) -> Result<Vec<T>, FormatError> {
    // The announced length is not trusted with an allocation: every item costs input first.
    let mut items = Vec::new();
    for _ in 0..array_len(decoder, what)? {
        items.push(item(decoder)?);
    }
    Ok(items)
}

/// Writes a map from text to text, in the ascending order of its keys' bytes.
pub(super) fn write_text_map(writer: &mut Writer, map: &BTreeMap<String, String>) -> WriteResult {
    writer.map(map.len() as u64)?;
    for (key, value) in map {
        writer.str(key)?.str(value)?;
    }
    Ok(())
}

/// Reads a map from text to text whose keys ascend, as every writer stores them.
pub(super) fn read_text_map(decoder: &mut Decoder<'_>) -> Result<BTreeMap<String, String>, DecodeError> {
    let length = decoder.map()?.ok_or_else(|| DecodeError::message("a map of indefinite length"))?;
    let mut map = BTreeMap::new();
    for _ in 0..length {
        let (key, value) = (decoder.str()?, decoder.str()?);
        if map.last_key_value().is_some_and(|(last, _): (&String, _)| last.as_str() >= key) {
            return Err(DecodeError::message("the keys of a map are not in ascending order"));
        }
        map.insert(key.to_owned(), value.to_owned());
    }
    Ok(map)
}

/// Reads a byte string of exactly `N` bytes.
pub(super) fn fixed_bytes<const N: usize>(decoder: &mut Decoder<'_>) -> Result<[u8; N], DecodeError> {
    let bytes = decoder.bytes()?;
    bytes.try_into().map_err(|_| DecodeError::message(format!("expected {N} bytes, found {}", bytes.len())))
}

/// Checks that nothing follows the value that was read.
pub(super) fn end(decoder: &Decoder<'_>, what: &'static str) -> Result<(), FormatError> {
    let left = decoder.input().len() - decoder.position();
    if left == 0 {
        return Ok(());
    }
    Err(FormatError::corrupt(format!("{left} bytes follow the {what}")))
}

fn array_len(decoder: &mut Decoder<'_>, what: &'static str) -> Result<u64, FormatError> {
    match decoder.array() {
        Ok(Some(length)) => Ok(length),
        Ok(None) => Err(FormatError::corrupt(format!("the {what} is an array of indefinite length"))),
        Err(error) => Err(FormatError::corrupt_with(format!("the {what} is not an array"), error)),
    }
}
