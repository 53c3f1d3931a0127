//! The stored form of ops: a sequence of LEB128 numbers, as short as they can be.
//!
//! An op begins with its length times two, plus one for a copy. A copy goes on with the distance from the end of the
//! copy before it (at first, from the start of the base) to its own start, zigzag-encoded: 0, -1, 1, -2, ... are stored as
//! 0, 1, 2, 3, ... Copies in the order of the base thus cost little. The ops end where their bytes end.

use super::Op;

/// Why stored ops are not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("its list of copies is damaged: {0}")]
pub(crate) struct InvalidOps(String);

/// The stored form of `ops`. Lengths are those of byte slices and thus less than 2^63.
pub(crate) fn encode_ops(ops: &[Op]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut expected = 0_u64;
    for op in ops {
        match *op {
            Op::Insert { len } => write_number(&mut bytes, len << 1),
            Op::Copy { from, len } => {
                write_number(&mut bytes, len << 1 | 1);
                write_number(&mut bytes, zigzag(from.wrapping_sub(expected).cast_signed()));
                expected = from.wrapping_add(len);
            }
        }
    }
    bytes
}

/// Reads ops that make a state of `target_len` bytes from a base of `base_len` bytes and `literal_len` bytes of
/// literals. The result takes memory in proportion to `bytes`.
///
/// # Errors
/// When the bytes are not the stored form of ops, or the ops do not fit these lengths exactly.
pub(crate) fn decode_ops(
    bytes: &[u8],
    base_len: u64,
    target_len: u64,
    literal_len: u64,
) -> Result<Vec<Op>, InvalidOps> {
    let mut rest = bytes;
    let mut ops = Vec::new();
    let mut expected = 0_u64;
    let (mut missing, mut literals) = (target_len, literal_len);
    while !rest.is_empty() {
        let head = read_number(&mut rest)?;
        let len = head >> 1;
        if len == 0 {
            return Err(InvalidOps("a step makes no bytes".into()));
        }
        missing = missing.checked_sub(len).ok_or_else(|| {
            InvalidOps(format!("the state has {target_len} bytes, and the steps make more"))
        })?;
        if head & 1 == 0 {
            literals = literals.checked_sub(len).ok_or_else(|| {
                InvalidOps(format!("there are {literal_len} bytes of literals, and the steps insert more"))
            })?;
            ops.push(Op::Insert { len });
        } else {
            let from = expected.wrapping_add(unzigzag(read_number(&mut rest)?).cast_unsigned());
            let end = from.checked_add(len).filter(|end| *end <= base_len);
            expected = end.ok_or_else(|| {
                InvalidOps(format!(
                    "{len} bytes are copied from offset {from}, and the base has {base_len} bytes"
                ))
            })?;
            ops.push(Op::Copy { from, len });
        }
    }
    match (missing, literals) {
        (0, 0) => Ok(ops),
        (0, _) => Err(InvalidOps(format!("{literals} of {literal_len} bytes of literals are not used"))),
        _ => Err(InvalidOps(format!("{missing} of the state's {target_len} bytes are missing"))),
    }
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(rest: &mut &[u8]) -> Result<u64, InvalidOps> {
    let mut number = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let Some((byte, after)) = rest.split_first() else {
            return Err(InvalidOps("it ends inside a number".into()));
        };
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            break;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            let padded = *byte == 0 && shift > 0;
            return if padded {
                Err(InvalidOps("a number is longer than needed".into()))
            } else {
                Ok(number)
            };
        }
    }
    Err(InvalidOps("a number exceeds 64 bits".into()))
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        let length = || prop_oneof![1..200_u64, 1..1_u64 << 40];
        let op = prop_oneof![
            length().prop_map(|len| Op::Insert { len }),
            (0..1_u64 << 40, length()).prop_map(|(from, len)| Op::Copy { from, len }),
        ];
        proptest::collection::vec(op, 0..20)
    }

    fn lengths(ops: &[Op]) -> (u64, u64) {
        let inserted = ops.iter().filter(|op| matches!(op, Op::Insert { .. })).map(|op| op.len()).sum();
        (ops.iter().map(|op| op.len()).sum(), inserted)
    }

    #[test]
    fn an_edit_in_the_middle_takes_a_few_bytes() {
        let ops = [Op::Copy { from: 0, len: 100 }, Op::Insert { len: 40 }, Op::Copy { from: 103, len: 50 }];
        let bytes = encode_ops(&ops);
        assert_eq!(bytes, [0xc9, 0x01, 0x00, 0x50, 0x65, 0x06]);
        assert_eq!(decode_ops(&bytes, 153, 190, 40).unwrap(), ops);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let copy = |from, len| encode_ops(&[Op::Copy { from, len }]);
        let mut distant = vec![3];
        write_number(&mut distant, u64::MAX);
        for (bytes, base_len, target_len, literal_len, reason) in [
            (vec![], 0, 1, 0, "1 of the state's 1 bytes are missing"),
            (vec![], 0, 0, 1, "1 of 1 bytes of literals are not used"),
            (vec![0], 0, 0, 0, "a step makes no bytes"),
            (vec![1, 0], 0, 0, 0, "a step makes no bytes"),
            (vec![4], 0, 1, 2, "the state has 1 bytes, and the steps make more"),
            (vec![4], 0, 2, 1, "there are 1 bytes of literals, and the steps insert more"),
            (copy(3, 5), 7, 5, 0, "5 bytes are copied from offset 3, and the base has 7 bytes"),
            (
                vec![3, 1],
                9,
                1,
                0,
                "1 bytes are copied from offset 18446744073709551615, and the base has 9 bytes",
            ),
            (
                distant,
                9,
                1,
                0,
                "1 bytes are copied from offset 9223372036854775808, and the base has 9 bytes",
            ),
            (vec![0x84], 9, 2, 2, "it ends inside a number"),
            (vec![3], 9, 1, 0, "it ends inside a number"),
            (vec![0x84, 0x00], 9, 2, 2, "a number is longer than needed"),
            (vec![0x82, 0x80, 0x00], 9, 1, 1, "a number is longer than needed"),
            ([vec![0xff; 9], vec![2]].concat(), 9, 1, 1, "a number exceeds 64 bits"),
            (vec![0xff; 11], 9, 1, 1, "a number exceeds 64 bits"),
        ] {
            let error = decode_ops(&bytes, base_len, target_len, literal_len).unwrap_err();
            assert_eq!(error.to_string(), format!("its list of copies is damaged: {reason}"), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn every_number_comes_back(number: u64, signed: i64) {
            let mut bytes = Vec::new();
            write_number(&mut bytes, number);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(read_number(&mut rest), Ok(number));
            prop_assert!(rest.is_empty());
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }

        #[test]
        fn ops_come_back(ops in ops()) {
            let (target_len, literal_len) = lengths(&ops);
            prop_assert_eq!(decode_ops(&encode_ops(&ops), u64::MAX, target_len, literal_len), Ok(ops));
        }

        #[test]
        fn other_lengths_are_refused(ops in ops(), off in 1..9_u64) {
            let (target_len, literal_len) = lengths(&ops);
            let bytes = encode_ops(&ops);
            prop_assert!(decode_ops(&bytes, u64::MAX, target_len + off, literal_len).is_err());
            prop_assert!(decode_ops(&bytes, u64::MAX, target_len, literal_len + off).is_err());
            let needed = ops.iter().map(|op| if let Op::Copy { from, len } = op { from + len } else { 0 }).max();
            if let Some(short) = needed.unwrap_or(0).checked_sub(off) {
                prop_assert!(decode_ops(&bytes, short, target_len, literal_len).is_err());
            }
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_have_one_meaning(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0..8_u8], 0..60),
            base_len in prop_oneof![Just(u64::MAX), 0..200_u64],
        ) {
            // The ops themselves say which lengths to accept them with, so that some are.
            let mut lengths = (0_u64, 0_u64);
            let mut rest = bytes.as_slice();
            while let Ok(head) = read_number(&mut rest) {
                lengths.0 = lengths.0.saturating_add(head >> 1);
                if head & 1 == 0 {
                    lengths.1 = lengths.1.saturating_add(head >> 1);
                } else if read_number(&mut rest).is_err() {
                    break;
                }
            }
            if let Ok(ops) = decode_ops(&bytes, base_len, lengths.0, lengths.1) {
                prop_assert!(ops.len() <= bytes.len());
                prop_assert_eq!(encode_ops(&ops), bytes);
            }
        }

        #[test]
        fn a_flipped_bit_never_gives_the_same_ops(ops in ops(), at: prop::sample::Index, bit in 0..8_u32) {
            let mut bytes = encode_ops(&ops);
            prop_assume!(!bytes.is_empty());
            let (target_len, literal_len) = lengths(&ops);
            bytes[at.index(ops.len())] ^= 1 << bit;
            prop_assert_ne!(decode_ops(&bytes, 1 << 42, target_len, literal_len), Ok(ops));
        }
    }
}
