//! The tables of what was found, in Markdown.

use std::fmt::Write as _;

use serde_json::Value;

use super::subject::{Found, Outcome};

/// What an adapter must claim for a check to be asked of it: the check, or the topic that it belongs to, and the claims.
const NEEDS: [(&str, &[&str]); 6] = [
    ("create::one_winner", &["atomic_create"]),
    ("listing::fresh_writes_are_listed", &["consistent_list"]),
    ("handles::objects_outlive_their_writer", &["durable"]),
    ("handles::one_winner_among_adapters", &["durable", "atomic_create"]),
    // Also what an adapter refuses that does not claim it.
    ("prefix::support_is_honest", &[]),
    ("prefix::", &["prefix"]),
];

/// The columns of a table of storage adapters' claims: the claim and what heads its column.
const CLAIMS: [(&str, &str); 6] = [
    ("atomic_create", "atomic create"),
    ("durable", "durable"),
    ("consistent_list", "listings show each write"),
    ("ordered_recursive_list", "whole listings in order"),
    ("keeps_versions", "keeps what is deleted"),
    ("max_object_size", "largest object"),
];

/// Both tables with what belongs to them.
pub(super) fn render(storage: &[Found], compression: &[Found]) -> String {
    let mut text = "## Storage\n\n".to_owned();
    text.push_str(&claims(storage));
    text.push('\n');
    text.push_str(&checks(storage));
    text.push_str("\n## Compression\n\n");
    text.push_str(&checks(compression));
    text
}

/// What the adapters say that they offer, and on what.
fn claims(found: &[Found]) -> String {
    let heads: Vec<_> = CLAIMS.iter().map(|(_, head)| *head).collect();
    let mut text =
        format!("| adapter | tested on | {} |\n|---|---|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    for adapter in found {
        let cells = CLAIMS.map(|(claim, _)| match &adapter.claims.get(claim) {
            Some(Value::Bool(true)) => "yes".to_owned(),
            Some(Value::Bool(false)) => "no".to_owned(),
            Some(Value::Number(number)) => format!("{number} bytes"),
            _ => "no bound".to_owned(),
        });
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| `{}` | {} | {} |", adapter.adapter, adapter.server, cells.join(" | "));
    }
    text
}

/// A row for each check, a column for each adapter, and the reasons of what is not `ok`.
fn checks(found: &[Found]) -> String {
    let Some(first) = found.first() else { return String::new() };
    let names: Vec<_> = found.iter().map(|adapter| format!("`{}`", adapter.adapter)).collect();
    let mut text = format!("| check | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    let mut reasons = Vec::new();
    for (check, _) in &first.checks {
        let cells: Vec<_> = found
            .iter()
            .map(|adapter| {
                let (cell, reason) = cell(adapter, check);
                if let Some(reason) = reason {
                    reasons.push(format!("- `{}`, `{check}`: {cell}; {reason}\n", adapter.adapter));
                }
                cell
            })
            .collect();
        let _ = writeln!(text, "| `{check}` | {} |", cells.join(" | "));
    }
    if !reasons.is_empty() {
        let _ = write!(text, "\n{}", reasons.concat());
    }
    text
}

/// What a cell says, and why, unless it is what it should be.
fn cell(found: &Found, check: &str) -> (&'static str, Option<String>) {
    let needs = NEEDS.iter().find(|(name, _)| check.starts_with(name)).map_or(&[][..], |(_, needs)| needs);
    let lacks: Vec<_> =
        needs.iter().filter(|claim| found.claims.get(**claim) != Some(&Value::Bool(true))).copied().collect();
    if !lacks.is_empty() {
        return ("not offered", Some(format!("the adapter does not claim `{}`", lacks.join("`, `"))));
    }
    match found.checks.iter().find(|(name, _)| name == check) {
        Some((_, Outcome::Passed)) => ("ok", None),
        _ => {
            let reason = found.differs.iter().find(|(name, _)| *name == check).map(|(_, reason)| *reason);
            ("differs", Some(reason.unwrap_or("the check did not run").to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(adapter: &'static str, atomic: bool, winner: Outcome) -> Found {
        let Value::Object(claims) = json!({ "atomic_create": atomic, "durable": true, "max_object_size": 9 })
        else {
            unreachable!("an object")
        };
        Found {
            adapter,
            server: "Any 1.0",
            claims,
            checks: vec![("create::one_winner".into(), winner), ("keys::odd".into(), Outcome::Passed)],
            differs: &[("create::one_winner", "it says so")],
        }
    }

    #[test]
    fn what_is_not_ok_has_a_reason() {
        let all = [
            found("a", true, Outcome::Passed),
            found("b", false, Outcome::Passed),
            found("c", true, Outcome::Skipped),
        ];
        assert_eq!(
            checks(&all),
            "| check | `a` | `b` | `c` |\n|---|---|---|---|\n\
             | `create::one_winner` | ok | not offered | differs |\n| `keys::odd` | ok | ok | ok |\n\n\
             - `b`, `create::one_winner`: not offered; the adapter does not claim `atomic_create`\n\
             - `c`, `create::one_winner`: differs; it says so\n"
        );
        let claimed = claims(&all);
        assert!(claimed.contains("| `b` | Any 1.0 | no | yes | no bound |"), "{claimed}");
        assert!(claimed.contains("| 9 bytes |"), "{claimed}");
    }
}
