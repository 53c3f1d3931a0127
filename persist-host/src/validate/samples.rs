//! JSON texts and edits of them, for property tests.

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Pieces of what a text is made of, and bytes that belong nowhere.
const FRAGMENTS: [&[u8]; 36] = [
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b" ",
    b"\n",
    b"0",
    b"1",
    b"-",
    b"+",
    b".",
    b"e",
    b"E",
    b"u",
    b"tru",
    b"e",
    b"null",
    b"\\u00e9",
    b"\\n",
    b"\"\"",
    b"[]",
    b"{}",
    b",0",
    b",\"\":0",
    b"\0",
    b"\x1f",
    b"\x7f",
    b"\x80",
    b"\xc3",
    b"\xe2\x82",
    b"\xff",
    "é€🦀".as_bytes(),
];

/// A change of a text: what stands in a range is replaced.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    place: Index,
    removed: usize,
    inserted: Vec<u8>,
}

impl Edit {
    pub(crate) fn apply(&self, text: &mut Vec<u8>) {
        let start = self.place.index(text.len() + 1);
        let removed: Range<usize> = start..(start + self.removed).min(text.len());
        text.splice(removed, self.inserted.iter().copied());
    }
}

/// Texts of JSON, with white space, escapes and characters of every length.
pub(crate) fn json() -> impl Strategy<Value = Vec<u8>> {
    let text = vec(
        select(vec![
            "a",
            "plain text, and more of it",
            "\\n",
            "\\\"",
            "\\\\",
            "\\u00e9",
            "\\uD800",
            "é",
            "€",
            "🦀",
            "\u{7f}",
            " ",
        ]),
        0..6,
    )
    .prop_map(|parts| format!("\"{}\"", parts.concat()));
    let literals =
        ["null", "true", "false", "0", "-0", "17", "-1.50", "0.5e-7", "1E+9", "12345678901234567890"];
    let leaf = prop_oneof![text.clone(), select(literals.to_vec()).prop_map(str::to_owned)];
    let space = || select(vec!["", "", "", " ", "\n  ", "\t", "\r\n"]);
    let value = leaf.prop_recursive(5, 48, 6, move |inner| {
        let items = vec((space(), inner.clone(), space()), 0..6).prop_map(|items| {
            let items: Vec<_> =
                items.into_iter().map(|(one, item, two)| format!("{one}{item}{two}")).collect();
            format!("[{}]", items.join(","))
        });
        let members = vec((space(), text.clone(), space(), inner), 0..6).prop_map(|members| {
            let member = |(one, key, two, value)| format!("{one}{key}{two}:{one}{value}{two}");
            let members: Vec<_> = members.into_iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        });
        prop_oneof![items, members]
    });
    (space(), value, space()).prop_map(|(one, value, two)| format!("{one}{value}{two}").into_bytes())
}

/// Changes of a few bytes, most of which make a text invalid, and some of which do not.
pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    let fragment = prop_oneof![
        1 => Just(Vec::new()),
        4 => select(FRAGMENTS.to_vec()).prop_map(<[u8]>::to_vec),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    (any::<Index>(), 0..3_usize, fragment).prop_map(|(place, removed, inserted)| Edit {
        place,
        removed,
        inserted,
    })
}
