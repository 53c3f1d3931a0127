//! The dashboard and the alert rules, held against the metrics that there are.

use std::{collections::BTreeSet, fs, path::PathBuf};

use persist_e2e::Output;
use persist_test_support::promtool;
use serde_json::Value;

fn documents(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

/// The metrics of the documentation, which another test holds against the program; histograms with the names of their
/// parts.
fn known() -> BTreeSet<String> {
    let page = fs::read_to_string(documents("metrics.md")).expect("the page");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `persist_"));
    let names = rows.flat_map(|row| {
        let (name, rest) = row.split_once('`').expect("a name");
        let suffixes: &[&str] =
            if rest.starts_with(" | histogram") { &["_bucket", "_sum", "_count"] } else { &[""] };
        suffixes.iter().map(move |suffix| format!("persist_{name}{suffix}")).collect::<Vec<_>>()
    });
    names.collect()
}

/// The names of metrics in an expression.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    words.filter(|word| word.starts_with("persist_")).map(ToOwned::to_owned).collect()
}

fn check(place: &str, expression: &str) {
    let known = known();
    for name in named(expression) {
        assert!(known.contains(&name), "{place} uses {name}, which is no metric");
    }
}

#[test]
fn the_alert_rules_are_valid_and_use_what_there_is() {
    let file = documents("observability/alerts.yml");
    let mut tool = promtool();
    tool.args(["check", "rules"]).arg(&file);
    drop(Output::of(tool, b"").expect_code(0));
    let text = fs::read_to_string(&file).expect("the rules");
    let rules: String = text.lines().filter(|line| !line.contains("description:")).collect();
    assert!(named(&rules).len() >= 4);
    check("the rules", &rules);
}

#[test]
fn the_dashboard_is_valid_and_uses_what_there_is() {
    let text = fs::read_to_string(documents("observability/dashboard.json")).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut used = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("targets") {
            let expression = target["expr"].as_str().expect("an expression");
            check(panel["title"].as_str().expect("a title"), expression);
            used.extend(named(expression));
            // Variables of Grafana, as it would fill them in.
            let filled = expression.replace("$__rate_interval", "5m").replace("$store", "main");
            let rules = format!(
                "groups: [{{ name: x, rules: [{{ record: x, expr: {} }}] }}]",
                serde_json::to_string(&filled).expect("a string")
            );
            let directory = tempfile::tempdir().expect("a directory");
            let file = directory.path().join("rules.yml");
            fs::write(&file, rules).expect("a file");
            let mut tool = promtool();
            tool.args(["check", "rules"]).arg(&file);
            drop(Output::of(tool, b"").expect_code(0));
        }
    }
    assert!(used.len() >= 12, "{used:?}");
}
