//! The pages of `docs/backends`: the first TOML block of each is a whole config, and works.

use std::{collections::BTreeSet, fs, path::PathBuf};

use persist_e2e::{Persist, json_lines, servers::plugin_dir};
use persist_test_support::{BACKENDS, Backend};
use serde_json::Value;

/// What the variables are set to that a page's config names. What an adapter takes from the environment by itself is set as well.
#[derive(Clone, Copy)]
enum Variables {
    /// To options of a place on the adapter's server.
    Options(&'static [(&'static str, &'static str)]),
    /// To new directories.
    Directories(&'static [&'static str]),
}

use Variables::{Directories, Options};

/// The pages; those of adapters for servers are called like the adapters.
const PAGES: [(&str, Variables); 8] = [
    ("azblob", Options(&[("PERSIST_AZURE_CONTAINER", "container"), ("PERSIST_AZURE_ENDPOINT", "endpoint")])),
    ("gcs", Options(&[("PERSIST_GCS_BUCKET", "bucket")])),
    ("mongodb", Options(&[("MONGODB_URI", "uri")])),
    ("postgres", Options(&[("PERSIST_DATABASE_URL", "url")])),
    ("redis", Options(&[("REDIS_URL", "url")])),
    ("replicated", Directories(&["PERSIST_PRIMARY_DIR", "PERSIST_REPLICA_DIR"])),
    ("s3", Options(&[("PERSIST_BUCKET", "bucket"), ("PERSIST_S3_ENDPOINT", "endpoint")])),
    ("tiered", Directories(&["PERSIST_CACHE_DIR", "PERSIST_REMOTE_DIR"])),
];

fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/backends"))
}

#[test]
fn the_config_of_each_page_works() {
    for (page, variables) in PAGES {
        check(page, variables);
    }
}

fn check(page: &str, variables: Variables) {
    let text = fs::read_to_string(directory().join(format!("{page}.md"))).expect("the page");
    let (_, rest) = text.split_once("```toml\n").expect("a config");
    let (config, _) = rest.split_once("```").expect("its end");

    let directories = tempfile::tempdir().expect("a temporary directory");
    let mut persist = Persist::without_config().env("PERSIST_PLUGIN_PATH", plugin_dir());
    let mut set = Vec::new();
    // It holds the server.
    let place;
    match variables {
        Options(options) => {
            place = (Backend::of(page).place)("docs");
            for (name, value) in &place.environment {
                persist = persist.env(name, value);
            }
            for (variable, option) in options {
                let value = place.options[*option].as_str();
                set.push((*variable, value.unwrap_or_else(|| panic!("no {option} in {place:?}")).to_owned()));
            }
        }
        Directories(variables) => {
            let path = |variable: &str| directories.path().join(variable).to_str().expect("text").to_owned();
            set.extend(variables.iter().map(|variable| (*variable, path(variable))));
        }
    }
    for (variable, value) in set {
        assert!(config.contains(&format!("${{{variable}}}")), "{page}.md does not name {variable}");
        persist = persist.env(variable, &value);
    }
    persist.write_config(config);

    drop(persist.ok(["config", "check"]));
    let session = format!("docs/{page}-{:x}", std::process::id());
    for state in ["[1]", "[1,2]"] {
        persist.save(&session, state);
    }
    assert_eq!(persist.ok(["restore", &session]).text(), "[1,2]");
    assert_eq!(json_lines(&persist.ok(["list", &session, "--json"]).stdout).len(), 2);
    drop(persist.ok(["verify", &session]));
}

#[test]
fn every_page_has_its_config_tested() {
    let tested: BTreeSet<_> = PAGES.iter().map(|(page, ..)| format!("{page}.md")).collect();
    let pages = fs::read_dir(directory()).expect("the directory of the pages");
    let pages = pages.map(|page| page.expect("a page").file_name().into_string().expect("text"));
    assert_eq!(pages.collect::<BTreeSet<_>>(), tested);
}

#[test]
fn the_page_of_each_server_describes_every_option() {
    for Backend { adapter, package, .. } in BACKENDS {
        let page = fs::read_to_string(directory().join(format!("{adapter}.md"))).expect("the page");
        let schema: Value = serde_json::from_str(&schema(adapter, package)).expect("a schema");
        for option in schema["properties"].as_object().expect("options").keys() {
            assert!(page.contains(&format!("| `{option}` |")), "{adapter}.md has no row for {option}");
        }
    }
}

/// The schema of an adapter's options, in the sources of its plugin: where those have several adapters, they have a directory
/// for each.
fn schema(adapter: &str, package: &str) -> String {
    let plugin = package.strip_prefix("persist-").expect("a package of this workspace");
    let sources = directory().join(format!("../../plugins/{plugin}/src"));
    let schema = fs::read_to_string(sources.join("schema.json"));
    schema.or_else(|_| fs::read_to_string(sources.join(adapter).join("schema.json"))).expect("a schema.json")
}
