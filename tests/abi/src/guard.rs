//! Compares two descriptions of the interface, and says what has to follow from a difference.

use std::collections::BTreeSet;

/// How the names of our own types begin.
const OURS: &str = "persist_plugin_api::";

/// How one description differs from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The same types with the same layouts.
    None,
    /// Tables that may grow have grown at their ends. Plugins and hosts of both stay compatible.
    Appended,
    /// Anything else: what was built with one does not fit what was built with the other. Holds the first difference.
    Breaking(String),
}

/// What is to be done about today's interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it is the one that was recorded.
    Unchanged,
    /// It differs, and the numbers say so: it may be recorded.
    MayBeRecorded,
    /// It differs in a way that its numbers do not say. Holds what to do.
    Refused(String),
}

/// Compares the types of two descriptions, whatever their protocols and versions.
#[must_use]
pub fn compare(old: &str, new: &str) -> Change {
    let (_, old) = parts(old);
    let (_, new) = parts(new);
    if old == new {
        return Change::None;
    }
    let breaking: Vec<String> = old.difference(&new).filter_map(|block| breakage(block, &new)).collect();
    // A type of ours says more than those of libraries that hold it.
    let ours = breaking.iter().find(|what| what.contains(OURS));
    match ours.or_else(|| breaking.first()) {
        Some(what) => Change::Breaking(what.clone()),
        None => Change::Appended,
    }
}

/// Judges today's description against the recorded one.
///
/// # Panics
///
/// When one of them lacks its protocol or its version.
#[must_use]
pub fn verdict(recorded: &str, today: &str) -> Verdict {
    if recorded == today {
        return Verdict::Unchanged;
    }
    let (old, new) = (Numbers::of(recorded), Numbers::of(today));
    let refused = match compare(recorded, today) {
        Change::Appended if (new.major, new.minor) <= (old.major, old.minor) => format!(
            "entries were appended to the plugin interface, and plugins cannot tell by its version; raise the minor \
             version of persist-plugin-api above {}.{}",
            old.major, old.minor
        ),
        Change::Breaking(what) if new.protocol <= old.protocol || new.major <= old.major => format!(
            "the plugin interface changed so that hosts refuse every plugin that was built before ({what}); append \
             instead, as docs/plugin-abi.md says, or raise PROTOCOL above {} and the major version of \
             persist-plugin-api above {}",
            old.protocol, old.major
        ),
        _ if new < old => "the plugin interface has lower numbers than the recorded one".to_owned(),
        _ => return Verdict::MayBeRecorded,
    };
    Verdict::Refused(refused)
}

/// What is no more as it was in a type, unless it has only grown.
fn breakage(block: &str, new: &BTreeSet<&str>) -> Option<String> {
    let title = title(block);
    let Some(successor) = new.iter().find(|it| self::title(it) == title) else {
        return Some(format!("{title} is gone"));
    };
    if has_grown(block, successor) {
        return None;
    }
    let kept: BTreeSet<&str> = successor.lines().collect();
    Some(match block.lines().find(|line| !kept.contains(line)) {
        Some(line) => format!("{title} lacks {:?}", line.trim()),
        None => format!("{title} has another order"),
    })
}

/// The numbers at the beginning of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Numbers {
    protocol: u32,
    major: u64,
    minor: u64,
    patch: u64,
}

impl Numbers {
    fn of(description: &str) -> Self {
        let (header, _) = parts(description);
        let line = |name: &str| header.lines().find_map(|line| line.strip_prefix(name));
        let numbers = || {
            let version = line("api ")?.split('+').next()?;
            let mut numbers = version.split('.').map(|number| number.parse().ok());
            let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
            Some(Self { protocol: line("protocol ")?.parse().ok()?, major, minor, patch })
        };
        numbers().unwrap_or_else(|| panic!("no protocol and version begin the description: {header:?}"))
    }
}

/// The numbers, and the types.
fn parts(description: &str) -> (&str, BTreeSet<&str>) {
    let (header, types) = description.split_once("\n\n").unwrap_or((description, ""));
    (header, types.split("\n\n").map(str::trim_end).collect())
}

/// The kind and name of a type.
fn title(block: &str) -> &str {
    let first = block.lines().next().unwrap_or_default();
    first.split_once(" size ").map_or(first, |(title, _)| title)
}

/// Whether a table that may grow has done so at its end, and changed nothing before.
fn has_grown(old: &str, new: &str) -> bool {
    let Some(appended) = new.strip_prefix(old) else { return false };
    old.starts_with("prefix ") && appended.lines().skip(1).all(|line| line.starts_with("  appended "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "protocol 1\napi 1.4.2\n\nprefix Table\n  always a: fn()\n  always b: fn()\n\nstruct Pair size 8 align 4\n  x: u32\n  y: u32\n";

    fn with(changes: &[(&str, &str)]) -> String {
        changes.iter().fold(OLD.to_owned(), |text, (find, replace)| {
            assert!(text.contains(find), "{find}");
            text.replace(find, replace)
        })
    }

    fn refusal(changes: &[(&str, &str)]) -> String {
        match verdict(OLD, &with(changes)) {
            Verdict::Refused(what) => what,
            other => panic!("{other:?}"),
        }
    }

    const GROWN: (&str, &str) = ("always b: fn()\n", "always b: fn()\n  appended c: fn()\n");

    #[test]
    fn what_is_appended_takes_a_minor_version() {
        assert_eq!(verdict(OLD, OLD), Verdict::Unchanged);
        assert_eq!(compare(OLD, &with(&[GROWN])), Change::Appended);
        assert!(refusal(&[GROWN]).contains("raise the minor version of persist-plugin-api above 1.4"));
        assert!(refusal(&[GROWN, ("1.4.2", "1.4.3")]).contains("minor"));
        for version in ["1.5.0", "2.0.0"] {
            assert_eq!(verdict(OLD, &with(&[GROWN, ("1.4.2", version)])), Verdict::MayBeRecorded);
        }
    }

    #[test]
    fn everything_else_takes_a_protocol_and_a_major_version() {
        let reordered = ("  always a: fn()\n  always b: fn()\n", "  always b: fn()\n  always a: fn()\n");
        let inserted = ("always b: fn()\n", "appended c: fn()\n  always b: fn()\n");
        let retyped = ("always b: fn()", "always b: fn(u8)");
        let wider = ("size 8 align 4\n", "size 12 align 4\n  z: u32\n");
        for (change, what) in [
            (reordered, "prefix Table has another order"),
            (inserted, "prefix Table has another order"),
            (retyped, "prefix Table lacks \"always b: fn()\""),
            (wider, "struct Pair lacks \"struct Pair size 8 align 4\""),
            (("struct Pair", "struct Other"), "struct Pair is gone"),
        ] {
            for numbers in
                [&[][..], &[("1.4.2", "1.5.0")], &[("1.4.2", "2.0.0")], &[("protocol 1", "protocol 2")]]
            {
                let changes = [&[change], numbers].concat();
                assert!(refusal(&changes).contains(what), "{}", refusal(&changes));
            }
            let numbers = [("1.4.2", "2.0.0"), ("protocol 1", "protocol 2")];
            assert_eq!(verdict(OLD, &with(&[&[change][..], &numbers].concat())), Verdict::MayBeRecorded);
        }
    }

    #[test]
    fn numbers_alone_may_only_rise() {
        for changes in [("1.4.2", "1.4.3"), ("protocol 1", "protocol 2")] {
            assert_eq!(verdict(OLD, &with(&[changes])), Verdict::MayBeRecorded);
        }
        assert!(refusal(&[("1.4.2", "1.4.1")]).contains("lower numbers"));
    }
}
