//! How MessagePack writes lengths, texts and integers.

/// Leaves room for the shortest header, and tells where.
pub(super) fn open(message: &mut Vec<u8>) -> usize {
    message.push(0);
    message.len() - 1
}

/// Puts a header before what was written since `start` was opened.
pub(super) fn close(message: &mut Vec<u8>, start: usize, header: &[u8]) {
    message.splice(start..=start, header.iter().copied());
}

pub(super) fn array_header(length: usize) -> Vec<u8> {
    header(length, &[(0x0f, 0x90, 0), (0xffff, 0xdc, 2), (usize::MAX, 0xdd, 4)])
}

pub(super) fn map_header(length: usize) -> Vec<u8> {
    header(length, &[(0x0f, 0x80, 0), (0xffff, 0xde, 2), (usize::MAX, 0xdf, 4)])
}

fn text_header(length: usize) -> Vec<u8> {
    header(length, &[(0x1f, 0xa0, 0), (0xff, 0xd9, 1), (0xffff, 0xda, 2), (usize::MAX, 0xdb, 4)])
}

pub(super) fn bytes_header(length: usize) -> Vec<u8> {
    header(length, &[(0xff, 0xc4, 1), (0xffff, 0xc5, 2), (usize::MAX, 0xc6, 4)])
}

pub(super) fn ext_header(length: usize, code: i8) -> Vec<u8> {
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

pub(super) fn write_text(message: &mut Vec<u8>, text: &str) {
    message.extend_from_slice(&text_header(text.len()));
    message.extend_from_slice(text.as_bytes());
}

pub(super) fn write_unsigned(message: &mut Vec<u8>, number: u64) {
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
pub(super) fn write_signed(message: &mut Vec<u8>, number: i64) {
    let bytes = number.to_be_bytes();
    match number {
        -32.. => message.push(bytes[7]),
        -0x80.. => message.extend_from_slice(&[0xd0, bytes[7]]),
        -0x8000.. => message.extend_from_slice(&[&[0xd1], &bytes[6..]].concat()),
        -0x8000_0000.. => message.extend_from_slice(&[&[0xd2], &bytes[4..]].concat()),
        _ => message.extend_from_slice(&[&[0xd3], &bytes[..]].concat()),
    }
}
