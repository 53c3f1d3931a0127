//! The little of a record's header that tells which record it is.

/// The kind of a stub.
pub(crate) const STUB: u64 = 2;

/// How deep arrays may lie in each other.
const MAX_DEPTH: u8 = 8;

const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

/// The kind and the write id of a record with this header; `None` when it is of another form.
pub(crate) fn record(header: &[u8]) -> Option<(u64, [u8; 16])> {
    let mut header = Reader(header);
    if header.start(ARRAY)? < 4 {
        return None;
    }
    // The features and the identity.
    for _ in 0..3 {
        header.skip(MAX_DEPTH)?;
    }
    let mut storage = Reader(header.bytes()?);
    if storage.start(ARRAY)? < 2 {
        return None;
    }
    let kind = storage.start(0)?;
    Some((kind, storage.bytes()?.try_into().ok()?))
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The start of an item: its major type, and its number or length.
    fn item(&mut self) -> Option<(u8, u64)> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        let argument = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            size @ 24..=27 => {
                self.take(1 << (size - 24))?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
            _ => return None,
        };
        Some((first >> 5, argument))
    }

    /// The number or length of an item that has to be of a major type.
    fn start(&mut self, expected: u8) -> Option<u64> {
        self.item().and_then(|(major, argument)| (major == expected).then_some(argument))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.start(BYTES)?;
        self.take(length)
    }

    fn skip(&mut self, depth: u8) -> Option<()> {
        let (major, argument) = self.item()?;
        let items = match major {
            BYTES | TEXT => return self.take(argument).map(drop),
            ARRAY => argument,
            MAP => argument.checked_mul(2)?,
            _ => return Some(()),
        };
        let depth = depth.checked_sub(1)?;
        (0..items).try_for_each(|_| self.skip(depth))
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}
