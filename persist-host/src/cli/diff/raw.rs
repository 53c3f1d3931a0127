//! States that are not compared as JSON: their sizes and hashes, where they differ, and for text the lines.

use persist_host::{Error, ErrorKind, RawDifference, Restored, SnapshotInfo, raw_difference};
use serde::Serialize;
use similar::{Algorithm, ChangeTag, TextDiff};

use super::super::output::plain;
use super::value::one_line;
use super::{GREEN, RED, references};

/// How many lines of a comparison of texts are shown.
const MOST_LINES: usize = 500;

/// How many lines two texts may have together to be compared by lines, which takes long for many.
const MOST_COMPARED: usize = 200_000;

/// How many characters of each.
const WIDEST_LINE: usize = 400;

/// What the command prints with `--json`.
#[derive(Serialize)]
struct RawObject<'a> {
    comparison: &'static str,
    reason: Option<&'a str>,
    old: &'a SnapshotInfo,
    new: &'a SnapshotInfo,
    equal: bool,
    first_difference: Option<u64>,
    common_prefix: u64,
    common_suffix: u64,
}

/// The comparison as a line of JSON.
pub(super) fn object(old: &Restored, new: &Restored, reason: Option<&str>) -> Result<String, Error> {
    let found = raw_difference(&old.state, &new.state);
    let object = RawObject {
        comparison: "raw",
        reason,
        old: &old.info,
        new: &new.info,
        equal: found.first_difference.is_none(),
        first_difference: found.first_difference,
        common_prefix: found.common_prefix,
        common_suffix: found.common_suffix,
    };
    let line = serde_json::to_string(&object).map_err(|error| {
        Error::new(ErrorKind::Other, "diff_failed", "cannot write the comparison as JSON").with_source(error)
    })?;
    Ok(line + "\n")
}

/// The comparison for people; `quiet` leaves the lines of texts alone.
pub(super) fn lines(old: &Restored, new: &Restored, reason: Option<&str>, quiet: bool) -> Vec<String> {
    let found = raw_difference(&old.state, &new.state);
    let mut lines = match (text(&old.state), text(&new.state)) {
        (Some(old), Some(new)) if found.first_difference.is_some() => text_lines(old, new),
        _ => Vec::new(),
    };
    if !quiet {
        lines.extend(facts(&old.info, &new.info, reason, found));
    }
    lines
}

fn facts(old: &SnapshotInfo, new: &SnapshotInfo, reason: Option<&str>, found: RawDifference) -> Vec<String> {
    let state = |sign: &str, info: &SnapshotInfo| {
        let media_type = one_line(&info.media_type);
        format!("{sign} {} bytes of {media_type}, sha256 {}", info.content_length, info.content_hash)
    };
    let what = references(old, new);
    let mut lines = vec![state("old:", old), state("new:", new)];
    lines.push(match found.first_difference {
        None => format!("{what}: no difference"),
        Some(at) => format!(
            "{what}: compared as bytes; the first difference is at offset {at}, the last {} bytes are equal",
            found.common_suffix
        ),
    });
    lines.extend(reason.map(|reason| format!("not compared as JSON: {}", one_line(reason))));
    lines
}

/// The state as text, unless it is something else that happens to be UTF-8.
fn text(state: &[u8]) -> Option<&str> {
    std::str::from_utf8(state).ok().filter(|text| !text.contains('\0'))
}

/// A unified comparison of two texts, which ends early if it is long.
fn text_lines(old: &str, new: &str) -> Vec<String> {
    let count = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
    let count = count(old) + count(new);
    if count > MOST_COMPARED {
        return vec![format!("(texts of {count} lines together are not compared by lines)")];
    }
    let compared = TextDiff::configure().algorithm(Algorithm::Myers).diff_lines(old, new);
    let mut lines = Vec::new();
    let mut left_out = 0;
    for hunk in compared.unified_diff().context_radius(3).iter_hunks() {
        if lines.len() < MOST_LINES {
            lines.push(hunk.header().to_string());
        }
        for change in hunk.iter_changes() {
            if lines.len() >= MOST_LINES {
                left_out += 1;
                continue;
            }
            let shown = cut(change.value());
            let missing = if change.missing_newline() { " (no line feed at the end)" } else { "" };
            lines.push(match change.tag() {
                ChangeTag::Equal => format!(" {shown}{missing}"),
                ChangeTag::Delete => format!("{RED}-{shown}{missing}{RED:#}"),
                ChangeTag::Insert => format!("{GREEN}+{shown}{missing}{GREEN:#}"),
            });
        }
    }
    if left_out > 0 {
        lines.push(format!("… {left_out} more lines"));
    }
    lines
}

/// A line without its line feed, and without the end that no terminal shows.
fn cut(line: &str) -> String {
    let line = line.strip_suffix('\n').unwrap_or(line);
    match line.char_indices().nth(WIDEST_LINE) {
        None => plain(line).into_owned(),
        Some((end, _)) => format!("{}… ({} bytes)", plain(&line[..end]), line.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> Vec<String> {
        text_lines(old, new).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn texts_are_compared_line_by_line() {
        assert_eq!(
            shown("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nd\nX\nf"),
            ["@@ -2,5 +2,5 @@", " b", " c", " d", "-e", "-f", "+X", "+f (no line feed at the end)"]
        );
        assert_eq!(shown("\u{1b}[2J", "x\r\n")[1], "-\\u{1b}[2J (no line feed at the end)");
    }

    #[test]
    fn what_is_shown_of_texts_is_bounded() {
        let numbers =
            |first: usize| (first..first + 2000).map(|number| format!("{number}\n")).collect::<String>();
        let lines = shown(&numbers(0), &numbers(10_000));
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert_eq!(lines[MOST_LINES], "… 3501 more lines");
        let many = "\n".repeat(MOST_COMPARED);
        assert_eq!(shown(&many, "x\n"), ["(texts of 200001 lines together are not compared by lines)"]);
        let lines = shown("", &"ä".repeat(100_000));
        assert_eq!(lines[1], format!("+{}… (200000 bytes) (no line feed at the end)", "ä".repeat(400)));
    }

    #[test]
    fn bytes_are_no_text() {
        assert_eq!(text(b"a\0b"), None);
        assert_eq!(text(b"\xff"), None);
        assert_eq!(text(b"a\n"), Some("a\n"));
    }
}
