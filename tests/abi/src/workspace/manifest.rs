//! The manifests of what is built.

use std::{fs, path::Path};

use toml::{Table, Value};

use super::repository;
use crate::versions::Step;

/// The workspace, with profiles that compile fast.
pub(super) fn workspace(members: &[String]) -> String {
    format!(
        r#"[workspace]
resolver = "3"
members = {members:?}

[profile.dev]
opt-level = 0
debug = false
incremental = false

[profile.release]
opt-level = 3
debug = "full"
incremental = false

[profile.release.package."*"]
debug = false
"#
    )
}

/// A plugin.
pub(super) fn plugin(name: &str, api: &Path) -> String {
    let features = if name == "allocator" { "default = [\"allocator\"]\n" } else { "" };
    let over = name == "over";
    let source = fixture(if over { "over.rs" } else { "plugin.rs" });
    let tokio = if over { "tokio = { version = \"1\", features = [\"rt\"] }\n" } else { "" };
    format!(
        r#"[package]
name = "plugin-{name}"
version = "0.1.0"
edition = "2024"

[lib]
path = {source}
crate-type = ["cdylib"]

[features]
{features}allocator = []

[dependencies]
persist-plugin-api = {{ path = {api:?} }}
serde = {{ version = "1", features = ["derive"] }}
{tokio}"#
    )
}

/// A host. Only hosts of versions that are made of today's sources know of descriptions and of what `newer` appends.
pub(super) fn host(name: &str, api: &Path, version: &str) -> String {
    let features = match version {
        "today" => "\"interface\"",
        "newer" => "\"appended\"",
        _ => "",
    };
    let source = fixture("host.rs");
    format!(
        r#"[package]
name = "host-{name}"
version = "0.1.0"
edition = "2024"

[[bin]]
name = "host-{name}"
path = {source}

[features]
default = [{features}]
appended = []
interface = []

[dependencies]
libloading = "0.9"
persist-plugin-api = {{ path = {api:?}, features = ["host"] }}
serde_json = "1"
tokio = "1"
"#
    )
}

/// The manifest of a copy of today's API, which stands alone. The version names the copy, since cargo tells packages of
/// one name apart by nothing else when they come from directories.
pub(super) fn api(text: &str, step: Step, name: &str) -> String {
    let root = fs::read_to_string(repository().join("Cargo.toml")).expect("the repository's Cargo.toml");
    let root: Table = root.parse().expect("Cargo.toml is TOML");
    let mut manifest: Table = text.parse().expect("the API's Cargo.toml is TOML");
    manifest.remove("lints");
    manifest.remove("dev-dependencies");
    for section in ["package", "dependencies"] {
        let inherited = if section == "package" {
            &root["workspace"]["package"]
        } else {
            &root["workspace"]["dependencies"]
        };
        let table =
            manifest.get_mut(section).and_then(Value::as_table_mut).expect("a crate has this section");
        for (key, value) in table.iter_mut() {
            if value.get("workspace").is_some() {
                *value = merged(&inherited[key.as_str()], value);
            }
        }
    }
    let package = manifest.get_mut("package").and_then(Value::as_table_mut).expect("it is a package's");
    package.insert("version".to_owned(), format!("{}+{name}", stepped(&package["version"], step)).into());
    manifest.insert("workspace".to_owned(), Table::new().into());
    manifest.to_string()
}

/// What the workspace says of a key, with the features that the package adds.
fn merged(inherited: &Value, own: &Value) -> Value {
    let mut merged = match inherited {
        Value::String(version) if own.get("features").is_some() => {
            Value::Table(Table::from_iter([("version".to_owned(), Value::String(version.clone()))]))
        }
        other => other.clone(),
    };
    let Some(features) = own.get("features").and_then(Value::as_array) else { return merged };
    let table = merged.as_table_mut().expect("a dependency with features is a table");
    let all = table.entry("features").or_insert_with(|| Value::Array(Vec::new()));
    all.as_array_mut().expect("features are a list").extend(features.iter().cloned());
    merged
}

fn stepped(version: &Value, step: Step) -> String {
    let version = version.as_str().expect("the API has a version of its own");
    let numbers: Vec<u64> = version.split('.').filter_map(|number| number.parse().ok()).collect();
    let [major, minor, _] = numbers[..] else { panic!("{version} is not a version of three numbers") };
    match step {
        Step::None => version.to_owned(),
        Step::Minor => format!("{major}.{}.0", minor + 1),
        Step::Major => format!("{}.0.0", major + 1),
    }
}

fn fixture(name: &str) -> String {
    format!("{:?}", repository().join("tests/abi/fixtures").join(name))
}
