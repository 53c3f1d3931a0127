//! The arguments of `persist prune`.

use std::num::NonZeroU64;

use clap::{ArgAction, ArgGroup, Args};
use persist_host::RefPattern;
use persist_host::retention::{KeepRules, LabelRule, Period, TimeZone};

use super::pattern_without_index;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("sessions").required(true).args(["pattern", "all"])))]
pub(crate) struct PruneArgs {
    /// The agent or session whose snapshots to prune
    #[arg(value_name = "AGENT[/SESSION]", value_parser = pattern_without_index)]
    pub(crate) pattern: Option<RefPattern>,
    /// Prune every session of the store
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    keep: KeepArgs,
    /// The time zone whose hours, days, weeks, months and years count, such as Europe/Berlin; UTC if absent
    #[arg(long, value_name = "ZONE")]
    timezone: Option<TimeZone>,
    /// Confirm: deletion cannot be undone
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What to keep; each flag is a rule of its own.
#[derive(Debug, Args)]
struct KeepArgs {
    /// Keep the N snapshots of a session with the highest indices
    #[arg(long, value_name = "N")]
    keep_last: Option<NonZeroU64>,
    /// Keep what is at most this much older than the session's newest timestamp, such as 30d or 1y5m7d2h
    #[arg(long, value_name = "PERIOD")]
    keep_within: Option<Period>,
    /// Keep the newest snapshot of each of the last N hours that have one
    #[arg(long, value_name = "N")]
    keep_hourly: Option<NonZeroU64>,
    /// Keep the newest snapshot of each of the last N days that have one
    #[arg(long, value_name = "N")]
    keep_daily: Option<NonZeroU64>,
    /// Keep the newest snapshot of each of the last N weeks that have one
    #[arg(long, value_name = "N")]
    keep_weekly: Option<NonZeroU64>,
    /// Keep the newest snapshot of each of the last N months that have one
    #[arg(long, value_name = "N")]
    keep_monthly: Option<NonZeroU64>,
    /// Keep the newest snapshot of each of the last N years that have one
    #[arg(long, value_name = "N")]
    keep_yearly: Option<NonZeroU64>,
    /// Keep what carries a label, or carries it with this value; may be repeated
    #[arg(long, value_name = "KEY[=VALUE]", action = ArgAction::Append)]
    keep_label: Vec<LabelRule>,
    /// Keep every snapshot that was saved with a name
    #[arg(long)]
    keep_named: bool,
}

impl PruneArgs {
    /// The rules of the flags or, where no flag is a rule, those of the config. Rules are never mixed, but the time
    /// zone of the flags counts for both.
    pub(crate) fn rules(&self, config: &KeepRules) -> KeepRules {
        let keep = &self.keep;
        let flags = KeepRules {
            last: keep.keep_last,
            within: keep.keep_within,
            hourly: keep.keep_hourly,
            daily: keep.keep_daily,
            weekly: keep.keep_weekly,
            monthly: keep.keep_monthly,
            yearly: keep.keep_yearly,
            labels: keep.keep_label.clone(),
            named: keep.keep_named,
            timezone: TimeZone::default(),
        };
        let mut rules = if flags.is_empty() { config.clone() } else { flags };
        if let Some(timezone) = &self.timezone {
            rules.timezone = timezone.clone();
        }
        rules
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::{Cli, Command};

    fn rules(line: &str, config: &KeepRules) -> KeepRules {
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        let Command::Prune(args) = cli.command else { panic!("not prune: {:?}", cli.command) };
        args.rules(config)
    }

    #[test]
    fn every_flag_is_a_rule() {
        let line = "persist prune a --keep-last 1 --keep-within 2d --keep-hourly 3 --keep-daily 4 --keep-weekly 5 \
                    --keep-monthly 6 --keep-yearly 7 --keep-label k --keep-label k=v --keep-named \
                    --timezone Europe/Berlin";
        let expected = serde_json::json!({
            "keep_last": 1, "keep_within": "2d", "keep_hourly": 3, "keep_daily": 4, "keep_weekly": 5,
            "keep_monthly": 6, "keep_yearly": 7, "keep_labels": ["k", "k=v"], "keep_named": true,
            "timezone": "Europe/Berlin",
        });
        assert_eq!(serde_json::to_value(rules(line, &KeepRules::default())).unwrap(), expected);
    }

    #[test]
    fn the_configs_rules_count_only_where_no_flag_is_one() {
        let config = KeepRules {
            daily: NonZeroU64::new(9),
            timezone: "Asia/Tokyo".parse().unwrap(),
            ..KeepRules::default()
        };
        assert_eq!(rules("persist prune --all", &config), config);
        let moved = KeepRules { timezone: "Europe/Berlin".parse().unwrap(), ..config.clone() };
        assert_eq!(rules("persist prune a/b --timezone Europe/Berlin", &config), moved);
        let flags = KeepRules { last: NonZeroU64::new(2), ..KeepRules::default() };
        assert_eq!(rules("persist prune a --keep-last 2", &config), flags);
        assert!(rules("persist prune a --timezone Europe/Berlin", &KeepRules::default()).is_empty());
    }
}
