//! Small matters of text for people.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with control characters made visible: what comes out of a store must not steer the terminal.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let steers = |character: char| character.is_control() && character != '\n';
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if steers(character) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "{}", character.escape_default());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// A number of bytes in a unit that fits.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        // What would be rounded to 1024.0 goes to the next unit.
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

/// A number of things.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Whether a message contains a value as a word of its own.
pub(super) fn mentions(message: &str, value: &str) -> bool {
    !value.is_empty()
        && message.match_indices(value).any(|(at, _)| {
            let before = message[..at].chars().next_back();
            let after = message[at + value.len()..].chars().next();
            [before, after].into_iter().flatten().all(|neighbour| !neighbour.is_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(plain("a\u{1b}[31mb\tü\n"), "a\\u{1b}[31mb\\tü\n");
        assert!(matches!(plain("plain ü\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn sizes_use_a_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            (50_000_000, "47.7 MiB"),
            (1 << 50, "1024.0 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn only_whole_words_count_as_mentioned() {
        assert!(mentions("a.toml:3: bad", "3"));
        assert!(mentions("the key agents/a/b is damaged", "agents/a/b"));
        assert!(!mentions("index 30", "3"));
        assert!(!mentions("anything", ""));
    }
}
