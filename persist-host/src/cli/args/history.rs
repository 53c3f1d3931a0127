//! The arguments of `persist log`, `persist label` and `persist stats`.

use std::collections::BTreeMap;

use clap::Args;
use persist_host::{RefPattern, SessionRef, SnapshotRef};

use super::pattern_without_index;

#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// The session, written AGENT/SESSION
    #[arg(value_name = "AGENT/SESSION")]
    pub(crate) session: SessionRef,
}

#[derive(Debug, Args)]
pub(crate) struct LabelArgs {
    /// The snapshot, written AGENT/SESSION@INDEX, or AGENT/SESSION for the newest
    #[arg(value_name = "REF")]
    pub(crate) reference: SnapshotRef,
    /// A label to set, or KEY- to remove one; each key at most once
    #[arg(value_name = "KEY=VALUE|KEY-", required = true, value_parser = change, allow_hyphen_values = false)]
    changes: Vec<(String, Option<String>)>,
}

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Only this agent or session; everything if absent
    #[arg(value_name = "AGENT[/SESSION]", value_parser = pattern_without_index)]
    pub(crate) pattern: Option<RefPattern>,
}

impl LabelArgs {
    /// The changes by label.
    ///
    /// # Errors
    ///
    /// The label that is named twice.
    pub(crate) fn changes(self) -> Result<BTreeMap<String, Option<String>>, String> {
        let mut changes = BTreeMap::new();
        for (name, value) in self.changes {
            if changes.contains_key(&name) {
                return Err(name);
            }
            changes.insert(name, value);
        }
        Ok(changes)
    }
}

fn change(text: &str) -> Result<(String, Option<String>), String> {
    let change = match text.split_once('=') {
        Some((name, value)) => Some((name, Some(value.to_owned()))),
        None => text.strip_suffix('-').map(|name| (name, None)),
    };
    match change {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value)),
        _ => Err("expected KEY=VALUE, or KEY- to remove the label, with a key that is not empty".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_sets_or_removes() {
        assert_eq!(change("a=b=c"), Ok(("a".to_owned(), Some("b=c".to_owned()))));
        assert_eq!(change("a="), Ok(("a".to_owned(), Some(String::new()))));
        assert_eq!(change("a-b-"), Ok(("a-b".to_owned(), None)));
        assert_eq!(change("a-=x"), Ok(("a-".to_owned(), Some("x".to_owned()))));
        for text in ["", "a", "=x", "-"] {
            assert!(change(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_label_is_changed_once() {
        let args = |changes: &[&str]| LabelArgs {
            reference: "a/s".parse().unwrap(),
            changes: changes.iter().map(|text| change(text).unwrap()).collect(),
        };
        assert_eq!(args(&["a=1", "b-"]).changes().unwrap().len(), 2);
        assert_eq!(args(&["a=1", "a-"]).changes(), Err("a".to_owned()));
    }
}
