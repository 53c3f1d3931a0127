//! The rules of `deny.toml` that can be checked without cargo-deny, which not every machine has: licences, and who may
//! depend on what.

#![expect(clippy::expect_used, reason = "the lint does not recognise the helpers of these tests as tests")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the workspace's directory")
}

fn rules() -> toml::Table {
    let text = fs::read_to_string(root().join("deny.toml")).expect("deny.toml is there");
    text.parse().expect("deny.toml is TOML")
}

/// What cargo resolves for the platforms that the rules are about.
fn metadata(rules: &toml::Table) -> Value {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version", "1", "--locked"]).current_dir(root());
    for target in words(rules["graph"].get("targets")) {
        command.args(["--filter-platform", target]);
    }
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

fn words(value: Option<&toml::Value>) -> Vec<&str> {
    value.and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str).collect()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[test]
fn only_the_named_packages_depend_on_restricted_ones() {
    let rules = rules();
    let metadata = metadata(&rules);
    let name_of: BTreeMap<&str, &str> = items(&metadata["packages"])
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let mut checked = 0;
    for rule in rules["bans"]["deny"].as_array().expect("bans.deny is a list") {
        let restricted = rule["crate"].as_str().expect("a rule names a crate");
        let wrappers = words(rule.get("wrappers"));
        for node in items(&metadata["resolve"]["nodes"]) {
            let dependent = name_of[node["id"].as_str().expect("a node has an id")];
            let depends = items(&node["deps"])
                .filter_map(|dependency| dependency["pkg"].as_str())
                .any(|id| name_of[id] == restricted);
            assert!(
                !depends || wrappers.contains(&dependent),
                "{dependent} depends on {restricted}, which only these may: {wrappers:?}"
            );
            checked += usize::from(depends);
        }
    }
    assert!(checked > 0, "no rule concerns any package: are the names right?");
}

#[test]
fn every_licence_is_allowed() {
    let rules = rules();
    let metadata = metadata(&rules);
    let allowed = words(rules["licenses"].get("allow"));
    let exceptions = rules["licenses"]["exceptions"].as_array().expect("licenses.exceptions is a list");
    for package in items(&metadata["packages"]) {
        let name = package["name"].as_str().expect("a package has a name");
        let expression = package["license"].as_str().unwrap_or_default();
        let mut accepted = allowed.clone();
        for exception in exceptions.iter().filter(|exception| exception["crate"].as_str() == Some(name)) {
            accepted.extend(words(exception.get("allow")));
        }
        assert!(
            is_satisfied(expression, &accepted),
            "{name} has the licence {expression:?}, not {accepted:?}"
        );
    }
}

#[test]
fn licence_expressions_are_understood() {
    let accepted = ["MIT", "Apache-2.0"];
    for good in [
        "MIT",
        "MIT OR X",
        "X/MIT",
        "(X OR MIT) AND Apache-2.0",
        "X AND Y OR MIT",
        "MIT WITH E OR Apache-2.0",
    ] {
        assert!(is_satisfied(good, &accepted), "{good}");
    }
    for bad in ["", "X", "MIT AND X", "(MIT OR Apache-2.0) AND X", "MIT WITH E", "X OR MIT AND Y"] {
        assert!(!is_satisfied(bad, &accepted), "{bad}");
    }
}

/// Whether an SPDX expression (or the older form with `/` for OR) can be met by the accepted licences.
fn is_satisfied(expression: &str, accepted: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut tokens = spaced.split_whitespace().peekable();
    any_of(&mut tokens, accepted)
}

type Tokens<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(tokens: &mut Tokens<'_>, accepted: &[&str]) -> bool {
    let mut satisfied = all_of(tokens, accepted);
    while tokens.next_if_eq(&"OR").is_some() {
        satisfied |= all_of(tokens, accepted);
    }
    satisfied
}

fn all_of(tokens: &mut Tokens<'_>, accepted: &[&str]) -> bool {
    let mut satisfied = one(tokens, accepted);
    while tokens.next_if_eq(&"AND").is_some() {
        satisfied &= one(tokens, accepted);
    }
    satisfied
}

fn one(tokens: &mut Tokens<'_>, accepted: &[&str]) -> bool {
    match tokens.next() {
        Some("(") => {
            let satisfied = any_of(tokens, accepted);
            tokens.next_if_eq(&")").is_some() && satisfied
        }
        Some(licence) => match tokens.next_if_eq(&"WITH") {
            Some(_) => {
                let exception = tokens.next().unwrap_or_default();
                accepted.contains(&format!("{licence} WITH {exception}").as_str())
            }
            None => accepted.contains(&licence),
        },
        None => false,
    }
}
