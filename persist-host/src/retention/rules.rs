//! What is to be kept.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{InvalidRule, Period, TimeZone};

/// Rules that say which snapshots of a session to keep; a snapshot that any of them keeps is kept.
///
/// The calendar rules look at the snapshots from the newest timestamp to the oldest and, where timestamps are equal,
/// from the highest index to the lowest. Each keeps the first snapshot that it meets of an hour, day, week, month or
/// year, until it has kept as many as it says. Hours, days and so on without a snapshot do not count.
///
/// Serialised, the rules have the keys that the config knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeepRules {
    /// Keep this many snapshots with the highest indices.
    #[serde(rename = "keep_last", skip_serializing_if = "Option::is_none")]
    pub last: Option<NonZeroU64>,
    /// Keep what is at most this much older than the session's newest timestamp.
    #[serde(rename = "keep_within", skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
    /// Keep the newest snapshot of each of the last hours. An hour that clocks show twice, when they are set back, is
    /// two.
    #[serde(rename = "keep_hourly", skip_serializing_if = "Option::is_none")]
    pub hourly: Option<NonZeroU64>,
    /// Keep the newest snapshot of each of the last days.
    #[serde(rename = "keep_daily", skip_serializing_if = "Option::is_none")]
    pub daily: Option<NonZeroU64>,
    /// Keep the newest snapshot of each of the last weeks. Weeks are those of ISO 8601, from Monday to Sunday.
    #[serde(rename = "keep_weekly", skip_serializing_if = "Option::is_none")]
    pub weekly: Option<NonZeroU64>,
    /// Keep the newest snapshot of each of the last months.
    #[serde(rename = "keep_monthly", skip_serializing_if = "Option::is_none")]
    pub monthly: Option<NonZeroU64>,
    /// Keep the newest snapshot of each of the last years.
    #[serde(rename = "keep_yearly", skip_serializing_if = "Option::is_none")]
    pub yearly: Option<NonZeroU64>,
    /// Keep what one of these covers.
    #[serde(rename = "keep_labels", skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelRule>,
    /// Keep every snapshot to which a client gave a name.
    #[serde(rename = "keep_named", skip_serializing_if = "std::ops::Not::not")]
    pub named: bool,
    /// Where an hour, a day and so on begins.
    pub timezone: TimeZone,
}

impl KeepRules {
    /// Whether there is no rule at all; a time zone alone is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { timezone: self.timezone.clone(), ..Self::default() }
    }
}

/// Snapshots that carry a label, written `KEY`, or carry it with one value, written `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRule {
    /// The label.
    pub key: String,
    /// Its value; `None` stands for any.
    pub value: Option<String>,
}

impl LabelRule {
    /// Whether a snapshot with these labels is covered.
    #[must_use]
    pub fn covers(&self, labels: &BTreeMap<String, String>) -> bool {
        let found = labels.get(&self.key);
        found.is_some_and(|found| self.value.as_ref().is_none_or(|wanted| wanted == found))
    }
}

impl FromStr for LabelRule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        if key.is_empty() {
            return Err(InvalidRule::Label { text: text.to_owned() });
        }
        Ok(Self { key: key.to_owned(), value })
    }
}

impl fmt::Display for LabelRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.key)?;
        match &self.value {
            Some(value) => write!(formatter, "={value}"),
            None => Ok(()),
        }
    }
}

impl Serialize for LabelRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_rule_asks_for_a_key_or_for_a_value_too() {
        let labels = BTreeMap::from([("kind".to_owned(), "release=1".to_owned())]);
        for (text, covers) in
            [("kind", true), ("kind=release=1", true), ("kind=", false), ("kind=x", false), ("Kind", false)]
        {
            let rule: LabelRule = text.parse().unwrap();
            assert_eq!((rule.covers(&labels), rule.to_string().as_str()), (covers, text));
        }
        for text in ["", "=x"] {
            assert!(matches!(text.parse::<LabelRule>(), Err(InvalidRule::Label { .. })), "{text}");
        }
    }

    #[test]
    fn a_time_zone_alone_is_no_rule() {
        let mut rules = KeepRules { timezone: "Europe/Berlin".parse().unwrap(), ..KeepRules::default() };
        assert!(rules.is_empty());
        rules.named = true;
        assert!(!rules.is_empty());
    }

    #[test]
    fn rules_are_serialised_as_the_config_writes_them() {
        let rules = KeepRules {
            last: NonZeroU64::new(3),
            within: Some("30d".parse().unwrap()),
            labels: vec!["a=b".parse().unwrap()],
            ..KeepRules::default()
        };
        assert_eq!(
            serde_json::to_value(&rules).unwrap(),
            serde_json::json!({"keep_last": 3, "keep_within": "30d", "keep_labels": ["a=b"], "timezone": "UTC"})
        );
    }
}
