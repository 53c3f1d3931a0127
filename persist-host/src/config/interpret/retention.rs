//! The keep rules of a store.

use std::num::NonZeroU64;
use std::str::FromStr;

use serde_json::Value;

use super::Table;
use crate::Result;
use crate::config::document::{element, kind_of};
use crate::config::error::bad_value;
use crate::retention::{InvalidRule, KeepRules, LabelRule};

/// Reads the table `retention` of a store.
///
/// # Errors
///
/// For an unknown key, for a value that is not allowed, and for a table that holds no rule.
pub(super) fn rules(table: &Table<'_>) -> Result<KeepRules> {
    table.allow(&[
        "keep_daily",
        "keep_hourly",
        "keep_labels",
        "keep_last",
        "keep_monthly",
        "keep_named",
        "keep_weekly",
        "keep_within",
        "keep_yearly",
        "timezone",
    ])?;
    let rules = KeepRules {
        last: count(table, "keep_last")?,
        within: parsed(table, "keep_within")?,
        hourly: count(table, "keep_hourly")?,
        daily: count(table, "keep_daily")?,
        weekly: count(table, "keep_weekly")?,
        monthly: count(table, "keep_monthly")?,
        yearly: count(table, "keep_yearly")?,
        labels: labels(table, "keep_labels")?,
        named: table.boolean("keep_named")?.unwrap_or(false),
        timezone: parsed(table, "timezone")?.unwrap_or_default(),
    };
    if rules.is_empty() {
        let problem = "holds no rule; expected at least one, such as keep_last = 10";
        return Err(bad_value(table.document, &table.path, problem));
    }
    Ok(rules)
}

fn count(table: &Table<'_>, key: &str) -> Result<Option<NonZeroU64>> {
    let Some(value) = table.entries.get(key) else { return Ok(None) };
    match value.as_u64().and_then(NonZeroU64::new) {
        Some(count) => Ok(Some(count)),
        None => {
            let found = if value.is_number() { value.to_string() } else { kind_of(value).to_owned() };
            let problem = format!("is {found}; expected a whole number from 1");
            Err(bad_value(table.document, &table.path_of(key), &problem))
        }
    }
}

fn parsed<T: FromStr<Err = InvalidRule>>(table: &Table<'_>, key: &str) -> Result<Option<T>> {
    let Some(text) = table.text(key)? else { return Ok(None) };
    parse(table, &table.path_of(key), &text).map(Some)
}

fn labels(table: &Table<'_>, key: &str) -> Result<Vec<LabelRule>> {
    let path = table.path_of(key);
    match table.entries.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let path = element(&path, index);
                match item {
                    Value::String(text) => parse(table, &path, text),
                    other => {
                        let problem = format!("is {}; expected a label as a string", kind_of(other));
                        Err(bad_value(table.document, &path, &problem))
                    }
                }
            })
            .collect(),
        Some(other) => {
            let problem = format!(
                "is {}; expected a list of labels such as [\"pinned\", \"kind=release\"]",
                kind_of(other)
            );
            Err(bad_value(table.document, &path, &problem))
        }
    }
}

/// Reads a rule from its text.
fn parse<T: FromStr<Err = InvalidRule>>(table: &Table<'_>, path: &str, text: &str) -> Result<T> {
    text.parse().map_err(|error: InvalidRule| {
        bad_value(table.document, path, &format!("is {text:?}, which cannot be used")).with_source(error)
    })
}
