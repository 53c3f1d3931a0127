//! Values and paths as a line on a terminal can hold them.

use super::super::output::plain;

/// The longest value that is shown in full, in characters.
const LONGEST: usize = 72;

/// How many characters around a difference are shown.
const AROUND: usize = 24;

/// A path on one line. The root, whose path is empty, has a name.
pub(super) fn path(pointer: &str) -> String {
    if pointer.is_empty() {
        return "(root)".to_owned();
    }
    let mut characters = pointer.chars();
    let start: String = characters.by_ref().take(4 * LONGEST).collect();
    let rest: Vec<char> = characters.rev().take(LONGEST).collect();
    let left_out =
        pointer.len() - start.len() - rest.iter().map(|character| character.len_utf8()).sum::<usize>();
    let end: String = rest.into_iter().rev().collect();
    match left_out {
        0 => one_line(&format!("{start}{end}")),
        _ => one_line(&format!("{start}…{end}")),
    }
}

/// A value, its beginning if it is long, without white space between its parts.
pub(super) fn shortened(value: &str) -> String {
    let mut characters = compact(value);
    let start: String = characters.by_ref().take(LONGEST).collect();
    if characters.next().is_none() {
        return one_line(&start);
    }
    format!("{}… ({} bytes)", one_line(&start), value.len())
}

/// Two values that differ. Long strings are shown where they do.
pub(super) fn shortened_pair(old: &str, new: &str) -> (String, String) {
    let strings = old.starts_with('"') && new.starts_with('"');
    if !strings || old.chars().chain(new.chars()).nth(LONGEST).is_none() {
        return (shortened(old), shortened(new));
    }
    let prefix: usize = pairs(old.chars(), new.chars());
    let (old_rest, new_rest) = (&old[prefix..], &new[prefix..]);
    let suffix: usize = pairs(old_rest.chars().rev(), new_rest.chars().rev());
    (excerpt(old, prefix, suffix), excerpt(new, prefix, suffix))
}

/// How many bytes the characters take that both begin with.
fn pairs(old: impl Iterator<Item = char>, new: impl Iterator<Item = char>) -> usize {
    old.zip(new).take_while(|(old, new)| old == new).map(|(old, _)| old.len_utf8()).sum()
}

/// What stands between two lengths that end at characters, with a little of what is around it.
fn excerpt(text: &str, prefix: usize, suffix: usize) -> String {
    let (before, rest) = text.split_at(prefix);
    let (middle, after) = rest.split_at(rest.len() - suffix);
    let start = before.char_indices().rev().take(AROUND).last().map_or(before.len(), |(at, _)| at);
    let mut excerpt = String::new();
    if start > 0 {
        excerpt.push('…');
    }
    excerpt.push_str(&before[start..]);
    let mut length = 0;
    for character in middle.chars().take(LONGEST) {
        excerpt.push(character);
        length += character.len_utf8();
    }
    // What follows is worth showing only right behind the difference.
    let context: String =
        if length == middle.len() { after.chars().take(AROUND).collect() } else { String::new() };
    let all = length == middle.len() && context.len() == after.len();
    excerpt.push_str(&context);
    if !all {
        excerpt.push('…');
    }
    if start > 0 || !all {
        excerpt.push_str(&format!(" ({} bytes)", text.len()));
    }
    one_line(&excerpt)
}

/// JSON without the white space between its values.
fn compact(json: &str) -> impl Iterator<Item = char> {
    let (mut in_string, mut escaped) = (false, false);
    json.chars().filter(move |character| {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_string = !in_string,
            ' ' | '\t' | '\n' | '\r' => return in_string,
            _ => {}
        }
        true
    })
}

/// Text of a store that can neither steer the terminal nor begin a line of its own.
pub(super) fn one_line(text: &str) -> String {
    plain(text).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_and_measured() {
        assert_eq!(shortened("{ \"a\" : [ 1 ,\n2 ] }"), "{\"a\":[1,2]}");
        assert_eq!(shortened("\"a \\\" b\""), "\"a \\\" b\"");
        let long = format!("[{}1]", "1, ".repeat(1000));
        let expected = format!("[{}… (3003 bytes)", "1,".repeat(36).strip_suffix(',').unwrap());
        assert_eq!(shortened(&long), expected);
    }

    #[test]
    fn strings_are_shown_where_they_differ() {
        let words = "é ".repeat(100);
        let (old, new) = (format!("\"{words}red fox {words}\""), format!("\"{words}blue fox {words}\""));
        let context = "é ".repeat(12);
        let after = format!(" fox {}", "é ".repeat(10));
        let after: String = after.chars().take(24).collect();
        let (old_shown, new_shown) = shortened_pair(&old, &new);
        assert_eq!(old_shown, format!("…{context}red{after}… ({} bytes)", old.len()));
        assert!(new_shown.starts_with(&format!("…{context}blue fox ")), "{new_shown}");
        assert_eq!(shortened_pair("\"a\"", "\"b\""), ("\"a\"".to_owned(), "\"b\"".to_owned()));
        let (old_shown, _) = shortened_pair(&format!("\"x{}\"", "y".repeat(500)), "\"\"");
        assert_eq!(old_shown, format!("\"x{}… (503 bytes)", "y".repeat(71)));
        // Appended text is shown with the end of what was there.
        let (old_shown, new_shown) = shortened_pair(&format!("\"{words}\""), &format!("\"{words}more\""));
        assert_eq!(old_shown, format!("…{}\" (302 bytes)", "é ".repeat(12)));
        assert_eq!(new_shown, format!("…{}more\" (306 bytes)", "é ".repeat(12)));
    }

    #[test]
    fn paths_are_one_line_and_bounded() {
        assert_eq!(path(""), "(root)");
        assert_eq!(path("/a\n\u{1b}[31m/0"), "/a\\n\\u{1b}[31m/0");
        let long = "/0".repeat(100_000);
        assert_eq!(path(&long), format!("{}…{}", "/0".repeat(144), "/0".repeat(36)));
        assert_eq!(path(&"/0".repeat(180)), "/0".repeat(180));
    }
}
