//! How an id becomes one segment of a key.
//!
//! The result is lower-case ASCII without separators, so that ids which differ only in case stay apart
//! where file names fold case, and no id can leave its place in the tree.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// A longer segment is shortened.
const MAX_PLAIN: usize = 180;

/// What a shortened segment keeps of the readable form, at most.
const MAX_KEPT: usize = 160;

/// Between the kept start of a shortened segment and the digest of its id. No escape starts so.
const SHORTENED: &str = "!1";

/// The hexadecimal digits of a SHA-256.
const DIGEST_DIGITS: usize = 64;

/// What a segment of a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodedSegment {
    /// The id.
    Id(String),
    /// The segment was shortened; the id has to be read from the header of an object below it.
    Shortened,
}

/// Encodes an id as one segment of a key.
///
/// Different ids have different segments. A segment is 1–255 bytes of lower-case ASCII letters, digits
/// and `-`, `_`, `.`, `!`; it neither starts nor ends with a dot and is no device name of Windows.
#[must_use]
pub fn encode_id(id: &str) -> String {
    let mut encoded = String::with_capacity(id.len() + 8);
    let last = id.len().saturating_sub(1);
    for (at, byte) in id.bytes().enumerate() {
        match byte {
            b'.' if at == 0 || at == last => push_byte(&mut encoded, byte),
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
            b'A'..=b'Z' => {
                encoded.push('!');
                encoded.push(char::from(byte.to_ascii_lowercase()));
            }
            _ => push_byte(&mut encoded, byte),
        }
    }
    let stem = encoded.split('.').next().unwrap_or_default();
    if is_device_name(stem) {
        // A device name is plain letters, so the first byte stands for itself until here.
        let rest = encoded.split_off(1);
        let first = encoded.as_bytes()[0];
        encoded.clear();
        push_byte(&mut encoded, first);
        encoded.push_str(&rest);
    }
    if encoded.len() > MAX_PLAIN {
        encoded.truncate(cut(&encoded));
        encoded.push_str(SHORTENED);
        push_digest(&mut encoded, id);
    }
    encoded
}

/// Reads back what [`encode_id`] made; `None` when it cannot have made `segment`.
#[must_use]
pub fn decode_segment(segment: &str) -> Option<DecodedSegment> {
    if let Some((start, digest)) = segment.split_once(SHORTENED) {
        let is_digest = digest.len() == DIGEST_DIGITS
            && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let fits = !start.is_empty() && start.len() <= MAX_KEPT && decode_bytes(start).is_some();
        return (is_digest && fits).then_some(DecodedSegment::Shortened);
    }
    let id = String::from_utf8(decode_bytes(segment)?).ok()?;
    // Several texts decode to one id, but only one of them is its segment.
    (!id.is_empty() && encode_id(&id) == segment).then_some(DecodedSegment::Id(id))
}

fn push_byte(encoded: &mut String, byte: u8) {
    // Writing to a string cannot fail.
    let _ = write!(encoded, "!0{byte:02x}");
}

fn push_digest(encoded: &mut String, id: &str) {
    for byte in Sha256::digest(id.as_bytes()) {
        let _ = write!(encoded, "{byte:02x}");
    }
}

/// The greatest cut of `encoded` that keeps escapes whole.
fn cut(encoded: &str) -> usize {
    let mut kept = 0;
    let mut at = 0;
    while at < encoded.len() {
        at += escape_len(&encoded.as_bytes()[at..]);
        if at <= MAX_KEPT {
            kept = at;
        }
    }
    kept
}

/// The bytes of the character or escape at the start of `encoded`.
fn escape_len(encoded: &[u8]) -> usize {
    match encoded {
        [b'!', b'0', ..] => 4,
        [b'!', ..] => 2,
        _ => 1,
    }
}

fn is_device_name(stem: &str) -> bool {
    match stem.as_bytes() {
        b"con" | b"prn" | b"aux" | b"nul" => true,
        [b'c', b'o', b'm', digit] | [b'l', b'p', b't', digit] => digit.is_ascii_digit(),
        _ => false,
    }
}

fn decode_bytes(encoded: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while !rest.is_empty() {
        let (escape, after) = rest.split_at_checked(escape_len(rest))?;
        decoded.push(match escape {
            [b'!', b'0', high, low] => hex_digit(*high)? * 16 + hex_digit(*low)?,
            [b'!', letter @ b'a'..=b'z'] => letter.to_ascii_uppercase(),
            [plain @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.')] => *plain,
            _ => return None,
        });
        rest = after;
    }
    Some(decoded)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_ids_have_known_segments() {
        let cases = [
            ("support-bot_2.1", "support-bot_2.1"),
            ("Agent", "!agent"),
            ("..", "!02e!02e"),
            (".", "!02e"),
            (".hidden", "!02ehidden"),
            ("a.", "a!02e"),
            ("a..b", "a..b"),
            ("CON", "!c!o!n"),
            ("con", "!063on"),
            ("con.txt", "!063on.txt"),
            ("com7", "!063om7"),
            ("com10", "com10"),
            ("lpt0.a.b", "!06cpt0.a.b"),
            ("console", "console"),
            ("con.", "con!02e"),
            ("a/b", "a!02fb"),
            ("a b!", "a!020b!021"),
            ("é", "!0c3!0a9"),
        ];
        for (id, segment) in cases {
            assert_eq!(encode_id(id), segment);
            assert_eq!(decode_segment(segment), Some(DecodedSegment::Id(id.to_owned())));
        }
    }

    #[test]
    fn long_ids_are_cut_between_escapes() {
        let id = format!("x{}", "é".repeat(60));
        let segment = encode_id(&id);
        // One plain byte and 39 escapes of four bytes fit into 160.
        assert_eq!(segment.len(), 1 + 39 * 4 + 2 + 64);
        assert_eq!(decode_segment(&segment), Some(DecodedSegment::Shortened));
        let device = format!("con.{}", "é".repeat(60));
        let segment = encode_id(&device);
        assert!(segment.starts_with("!063on."));
        assert_eq!(segment.find("!1"), Some(7 + 38 * 4));
        assert_eq!(encode_id(&"a".repeat(180)), "a".repeat(180));
        assert!(encode_id(&"a".repeat(181)).starts_with(&format!("{}!1", "a".repeat(160))));
    }

    #[test]
    fn foreign_names_do_not_decode() {
        for name in
            ["", "A", "!", "!0", "!02", "!0gg", "!061", "!1", "a/b", "con", ".", "é", "!0c3", "x!1abc"]
        {
            assert_eq!(decode_segment(name), None, "{name}");
        }
    }

    /// Ids of the shapes that could collide: case, dots, escapes, device names, lengths around the cut.
    fn id() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{1,60}",
            "[aA.!01cC-]{1,12}",
            "(con|CON|Con|aux|com1|lpt9|nul)(\\.[a.]{0,3})?",
            "[aA]{80,200}",
            "(é|a|!){80,100}",
        ]
    }

    proptest! {
        #[test]
        fn segments_are_safe_and_reversible(id in id()) {
            let segment = encode_id(&id);
            prop_assert!((1..=255).contains(&segment.len()));
            prop_assert!(segment.bytes().all(
                |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'!')));
            prop_assert!(!segment.starts_with('.') && !segment.ends_with('.'));
            prop_assert!(!is_device_name(segment.split('.').next().unwrap()));
            match decode_segment(&segment) {
                Some(DecodedSegment::Id(decoded)) => prop_assert_eq!(decoded, id),
                Some(DecodedSegment::Shortened) => prop_assert!(segment.len() > 100),
                None => prop_assert!(false, "{} does not decode", segment),
            }
        }

        #[test]
        fn different_ids_never_share_a_segment(ids in proptest::collection::vec(id(), 2..40)) {
            let mut seen = HashMap::new();
            for id in ids {
                let folded = encode_id(&id).to_ascii_lowercase();
                let other = seen.entry(folded).or_insert_with(|| id.clone());
                prop_assert_eq!(&*other, &id);
            }
        }
    }
}
