//! Each mistake a config can hold, with the exact text that it gets.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::{Error, ErrorKind, Tuning};

const GOOD: &str = r#"
default = "main"

[stores.main]
storage = { adapter = "local", root = "/var/lib/persist" }
compression = { adapter = "gzip", level = 6 }

[stores.archive]
storage = { adapter = "s3", bucket = "agents", region = "eu-west-3" }
single_writer = true

[stores.archive.compression]
adapter = "none"

[plugins]
path = ["/opt/persist/plugins", "plugins"]
"#;

fn variables(name: &str) -> Option<OsString> {
    match name {
        "BUCKET" => Some("agents".into()),
        "EMPTY" => Some("".into()),
        _ => None,
    }
}

fn read(text: &str, source: ConfigSource) -> Result<Config> {
    parse_text(text, source, &variables)
}

fn toml(text: &str) -> Result<Config> {
    read(text, ConfigSource::Explicit(PathBuf::from("etc/p.toml")))
}

fn json(text: &str) -> Result<Config> {
    read(text, ConfigSource::Explicit(PathBuf::from("etc/p.json")))
}

fn local(text: &str) -> Result<Config> {
    read(text, ConfigSource::CurrentDirectory(PathBuf::from("./persist.toml")))
}

fn refusal(result: Result<Config>) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error
}

#[test]
fn a_config_is_read_whole() {
    let config = toml(GOOD).unwrap();
    assert_eq!(config.default.as_deref(), Some("main"));
    let (name, main) = config.store(None).unwrap();
    assert_eq!((name, main.storage.adapter.as_str()), ("main", "local"));
    assert_eq!(main.storage.options["root"], "/var/lib/persist");
    assert_eq!(main.compression.as_ref().unwrap().options["level"], 6);
    assert!(!main.single_writer);
    let (_, archive) = config.store(Some("archive")).unwrap();
    assert_eq!(archive.compression, None);
    assert!(archive.single_writer);
    assert_eq!(config.plugins.path, [PathBuf::from("/opt/persist/plugins"), PathBuf::from("etc/plugins")]);
}

#[test]
fn a_call_has_300_seconds_unless_the_store_says_otherwise() {
    for (line, limit) in [("", Some(300)), ("call_timeout = 7", Some(7)), ("call_timeout = 0", None)] {
        let config = toml(&format!("[stores.a]\nstorage.adapter = \"x\"\n{line}")).unwrap();
        assert_eq!(config.store(None).unwrap().1.call_timeout, limit.map(Duration::from_secs), "{line}");
    }
}

#[test]
fn keep_rules_are_read_whole() {
    let text = r#"
        [stores.a]
        storage.adapter = "x"
        [stores.a.retention]
        keep_last = 1
        keep_within = "1y2d"
        keep_hourly = 2
        keep_daily = 3
        keep_weekly = 4
        keep_monthly = 5
        keep_yearly = 6
        keep_labels = ["pinned", "kind=release"]
        keep_named = true
        timezone = "Europe/Berlin"

        [stores.b]
        storage.adapter = "x"
    "#;
    let config = toml(text).unwrap();
    let (_, store) = config.store(Some("a")).unwrap();
    let expected = serde_json::json!({
        "keep_last": 1, "keep_within": "1y2d", "keep_hourly": 2, "keep_daily": 3, "keep_weekly": 4,
        "keep_monthly": 5, "keep_yearly": 6, "keep_labels": ["pinned", "kind=release"], "keep_named": true,
        "timezone": "Europe/Berlin",
    });
    assert_eq!(serde_json::to_value(&store.retention).unwrap(), expected);
    let (_, store) = config.store(Some("b")).unwrap();
    assert!(store.retention.is_empty());
}

#[test]
fn a_layout_is_read_whole() {
    let text = r#"
        [stores.a]
        storage.adapter = "x"
        [stores.a.layout]
        merge_percent = 1
        restore_objects = 2
        read_percent = 3
        segment_records = 4
        prefix_bytes = 0
        cache_bytes = 6
        [stores.b]
        storage.adapter = "x"
        [stores.b.layout]
        cache_bytes = 0
    "#;
    let config = toml(text).unwrap();
    let tuning = config.stores["a"].tuning;
    let expected = serde_json::json!({
        "merge_percent": 1, "restore_objects": 2, "read_percent": 3, "segment_records": 4, "prefix_bytes": 0,
        "cache_bytes": 6,
    });
    assert_eq!(serde_json::to_value(tuning).unwrap(), expected);
    let usual = Tuning::default();
    assert_eq!(config.stores["b"].tuning, Tuning { cache_bytes: 0, ..usual });
}

#[test]
fn a_rule_that_cannot_be_read_says_why() {
    let text = "[stores.a]\nstorage.adapter = \"x\"\nretention.keep_within = \"30\"";
    let error = refusal(toml(text));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("\"30\" is not a period: a number has no unit"), "{cause}");
}

#[test]
fn json_says_the_same() {
    let text = r#"{
        "stores": {
            "main": {
                "storage": {"adapter": "local",
                    "root": "/x", "depth": -1, "ratio": 0.5}
            }
        }
    }"#;
    let config = json(text).unwrap();
    let (name, store) = config.store(None).unwrap();
    assert_eq!(name, "main");
    assert_eq!(store.storage.options["depth"], -1);
    assert_eq!(store.compression.as_ref().unwrap().adapter, "gzip");
    let place = config.locate("main", AdapterSection::Storage, Some("depth"));
    assert_eq!(place.to_string(), "etc/p.json:5: `stores.main.storage.depth`");
}

#[test]
fn adapters_options_can_be_located() {
    let config = toml(GOOD).unwrap();
    let at = |store, section, option| config.locate(store, section, option).to_string();
    use AdapterSection::{Compression, Storage};
    assert_eq!(at("main", Storage, Some("root")), "etc/p.toml:5: `stores.main.storage.root`");
    assert_eq!(at("main", Compression, Some("level")), "etc/p.toml:6: `stores.main.compression.level`");
    // An option that is missing is reported where its section is.
    assert_eq!(at("archive", Storage, Some("prefix")), "etc/p.toml:9: `stores.archive.storage.prefix`");
    assert_eq!(at("archive", Compression, None), "etc/p.toml:12: `stores.archive.compression`");
}

#[test]
fn mistakes_name_file_line_and_key() {
    for (text, expected) in [
        (
            "\nstore = 1",
            "etc/p.toml:2: unknown key `store`; allowed here: audit, default, log, metrics, plugins, stores, traces",
        ),
        (
            "[stores.\"a b\"]\nstorge = {}",
            "etc/p.toml:2: unknown key `stores.\"a b\".storge`; allowed here: call_timeout, compression, layout, retention, single_writer, storage",
        ),
        (
            "[plugins]\n\npaths = []",
            "etc/p.toml:3: unknown key `plugins.paths`; allowed here: path, require_lock, trusted_keys",
        ),
        (
            "[plugins]\npath = \"/x\"",
            "etc/p.toml:2: `plugins.path` is a string; expected a list of directories such as [\"/opt/persist/plugins\"]",
        ),
        (
            "[plugins]\nrequire_lock = 1",
            "etc/p.toml:2: `plugins.require_lock` is a number; expected true or false",
        ),
        (
            "[plugins]\ntrusted_keys = [\n  \"RWQ\",\n]",
            "etc/p.toml:3: `plugins.trusted_keys[0]` is not a minisign public key; expected the second line of a .pub file, 56 characters that begin with \"RW\"",
        ),
        (
            "[plugins]\npath = [\n  \"/x\",\n  7,\n]",
            "etc/p.toml:4: `plugins.path[1]` is a number; expected a directory as a string",
        ),
        ("stores = 3", "etc/p.toml:1: `stores` is a number; expected a table"),
        ("[stores.a]\nstorage = \"local\"", "etc/p.toml:2: `stores.a.storage` is a string; expected a table"),
        (
            "[stores.a]\nstorage = { root = \"/x\" }",
            "etc/p.toml:2: `stores.a.storage` lacks the key `adapter`, for example adapter = \"local\"",
        ),
        (
            "\n[stores.a]",
            "etc/p.toml:2: `stores.a` lacks the key `storage`, for example storage = { adapter = \"local\", root = \"/var/lib/persist\" }",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\ncall_timeout = -1",
            "etc/p.toml:3: `stores.a.call_timeout` is -1; expected a whole number from 0 to 1000000",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nsingle_writer = \"yes\"",
            "etc/p.toml:3: `stores.a.single_writer` is a string; expected true or false",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\ncompression = { adapter = \"none\", level = 1 }",
            "etc/p.toml:3: unknown key `stores.a.compression.level`; allowed here: adapter",
        ),
        (
            "default = \"b\"\n[stores.a]\nstorage.adapter = \"x\"",
            "etc/p.toml:1: `default` is \"b\", which is not one of the stores: a",
        ),
        (
            "[stores.a]\nstorage = { adapter = \"s3\",\n  bucket = \"${NOPE}\" }",
            "etc/p.toml:3: `stores.a.storage.bucket` uses the environment variable NOPE, which is not set",
        ),
        (
            "default = \"${1}\"",
            "etc/p.toml:1: `default` has a ${ without a variable's name and }; write ${NAME}, or $${ for the characters ${",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nretention = { timezone = \"UTC\" }",
            "etc/p.toml:3: `stores.a.retention` holds no rule; expected at least one, such as keep_last = 10",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\n[stores.a.retention]\nkeep_forever = true",
            "etc/p.toml:4: unknown key `stores.a.retention.keep_forever`; allowed here: keep_daily, keep_hourly, \
             keep_labels, keep_last, keep_monthly, keep_named, keep_weekly, keep_within, keep_yearly, timezone",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nretention.keep_last = 0",
            "etc/p.toml:3: `stores.a.retention.keep_last` is 0; expected a whole number from 1",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nretention.keep_daily = 1.5",
            "etc/p.toml:3: `stores.a.retention.keep_daily` is 1.5; expected a whole number from 1",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nretention.keep_daily = \"7\"",
            "etc/p.toml:3: `stores.a.retention.keep_daily` is a string; expected a whole number from 1",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nretention.keep_within = \"30\"",
            "etc/p.toml:3: `stores.a.retention.keep_within` is \"30\", which cannot be used",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nretention.keep_within = 30",
            "etc/p.toml:3: `stores.a.retention.keep_within` is a number; expected a string",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\n[stores.a.retention]\nkeep_last = 1\ntimezone = \"Mars\"",
            "etc/p.toml:5: `stores.a.retention.timezone` is \"Mars\", which cannot be used",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nretention.keep_labels = \"pin\"",
            "etc/p.toml:3: `stores.a.retention.keep_labels` is a string; expected a list of labels such as \
             [\"pinned\", \"kind=release\"]",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nretention.keep_labels = [\"pin\", \"=x\"]",
            "etc/p.toml:3: `stores.a.retention.keep_labels[1]` is \"=x\", which cannot be used",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nretention.keep_labels = [3]",
            "etc/p.toml:3: `stores.a.retention.keep_labels[0]` is a number; expected a label as a string",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nlayout = { restore_object = 2 }",
            "etc/p.toml:3: unknown key `stores.a.layout.restore_object`; allowed here: cache_bytes, merge_percent, \
             prefix_bytes, read_percent, restore_objects, segment_records",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nlayout.restore_objects = 1",
            "etc/p.toml:3: `stores.a.layout.restore_objects` is 1; expected a whole number from 2 to 1024",
        ),
        (
            "[stores.a]\nstorage.adapter = \"x\"\nlayout.merge_percent = \"150\"",
            "etc/p.toml:3: `stores.a.layout.merge_percent` is a string; expected a whole number from 1 to 1000000",
        ),
        ("default = \"x", "etc/p.toml:1: the config is not valid TOML"),
        ("a = 1\nb = inf", "etc/p.toml:2: the config is not valid TOML"),
    ] {
        assert_eq!(refusal(toml(text)).to_string(), expected);
    }
}

#[test]
fn json_mistakes_name_file_line_and_key_too() {
    for (text, expected) in [
        (
            "{\n\"store\":\n1}",
            "etc/p.json:2: unknown key `store`; allowed here: audit, default, log, metrics, plugins, stores, traces",
        ),
        (
            "{\"plugins\": {\n\n\"path\": null}}",
            "etc/p.json:3: `plugins.path` is null; expected a list of directories such as [\"/opt/persist/plugins\"]",
        ),
        ("{\n\"default\": \"a\",\n\"default\": \"b\"}", "etc/p.json:3: the config is not valid JSON"),
        ("[]", "etc/p.json:1: the config is not valid JSON"),
        ("{}\n{}", "etc/p.json:2: the config is not valid JSON"),
    ] {
        assert_eq!(refusal(json(text)).to_string(), expected);
    }
}

#[test]
fn a_file_from_the_current_directory_is_restricted() {
    let store = "[stores.a]\nstorage = { adapter = \"s3\", bucket = \"b\" }\n";
    assert!(local(store).is_ok());
    for (text, line, key) in [
        (format!("{store}[plugins]\npath = []"), 3, "plugins"),
        (format!("lock = \"x\"\n{store}"), 1, "lock"),
        (format!("{store}[keys]\nmine = \"x\""), 3, "keys"),
        (
            "[stores.a]\nstorage = { adapter = \"s3\", endpoint = \"http://x\" }".into(),
            2,
            "stores.a.storage.endpoint",
        ),
        (
            "[stores.a.storage]\nadapter = \"s3\"\nnested = { Endpoint_URL = \"http://x\" }".into(),
            3,
            "stores.a.storage.nested.Endpoint_URL",
        ),
        (
            "[stores.a]\nstorage = { adapter = \"s3\", bucket = \"x${HOME}\" }".into(),
            2,
            "stores.a.storage.bucket",
        ),
        (
            "[stores.a.storage]\nadapter = \"s3\"\nlist = [1, \"${HOME}\"]".into(),
            3,
            "stores.a.storage.list[1]",
        ),
    ] {
        let error = refusal(local(&text));
        assert_eq!(error.code(), "config_untrusted", "{error}");
        let start =
            format!("./persist.toml:{line}: `{key}` is refused because the file was only found in the");
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(error.hint().unwrap().contains("--config ./persist.toml"));
    }
}

#[test]
fn variables_are_replaced_and_remembered() {
    let text = "[stores.a.storage]\nadapter = \"s3\"\nbucket = \"x-${BUCKET}-${EMPTY}$${BUCKET}$\"\nplain = \"$BUCKET\"\n\
                replicas = [{ adapter = \"y\", at = { root = \"/${BUCKET}\" } }]";
    let config = toml(text).unwrap();
    let (_, store) = config.store(None).unwrap();
    assert_eq!(store.storage.options["bucket"], "x-agents-${BUCKET}$");
    assert_eq!(store.storage.options["plain"], "$BUCKET");
    assert_eq!(store.storage.options["replicas"][0]["at"]["root"], "/agents");
    let written = config.options_as_written("a", AdapterSection::Storage, &store.storage.options);
    assert_eq!(written["bucket"], "x-${BUCKET}-${EMPTY}$${BUCKET}$");
    assert_eq!(written["plain"], "$BUCKET");
    assert_eq!(written["replicas"][0]["at"]["root"], "/${BUCKET}");
    let part = |option| config.locate_part("a", AdapterSection::Storage, "replicas[0]", option).to_string();
    assert_eq!(part(None), "etc/p.toml:5: `stores.a.storage.replicas[0]`");
    assert_eq!(part(Some("at")), "etc/p.toml:5: `stores.a.storage.replicas[0].at`");
}

#[test]
fn a_store_has_to_be_chosen_among_several() {
    let two = "[stores.a]\nstorage.adapter = \"x\"\n[stores.b]\nstorage.adapter = \"x\"";
    let config = toml(two).unwrap();
    let error = config.store(None).unwrap_err();
    assert_eq!(error.to_string(), "the config file etc/p.toml holds several stores and no `default`: a, b");
    assert_eq!(config.store(Some("b")).unwrap().0, "b");
    let error = config.store(Some("c")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "there is no store \"c\" in the config file etc/p.toml; its stores: a, b");
    let error = toml("").unwrap().store(None).unwrap_err();
    assert_eq!(error.to_string(), "the config file etc/p.toml holds no store");
}

#[test]
fn the_first_source_counts_alone() {
    let directory = tempfile::tempdir().unwrap();
    let user_file = directory.path().join("config.toml");
    let mut sources = ConfigSources {
        explicit: Some("flag.toml".into()),
        variable: Some("variable.toml".into()),
        current_directory: Some(directory.path().to_owned()),
        user_file: Some(user_file.clone()),
        data_directory: Some("/data/persist".into()),
    };
    std::fs::write(&user_file, "").unwrap();
    std::fs::write(directory.path().join("persist.toml"), "").unwrap();
    assert_eq!(sources.choose().unwrap(), ConfigSource::Explicit("flag.toml".into()));
    sources.explicit = None;
    assert_eq!(sources.choose().unwrap(), ConfigSource::Variable("variable.toml".into()));
    sources.variable = None;
    let found = sources.choose().unwrap();
    assert!(found.is_restricted());
    assert_eq!(found.path().unwrap(), directory.path().join("persist.toml"));
    std::fs::remove_file(directory.path().join("persist.toml")).unwrap();
    assert_eq!(sources.choose().unwrap(), ConfigSource::User(user_file.clone()));
    std::fs::remove_file(&user_file).unwrap();
    let config = load(&sources).unwrap();
    assert_eq!(config.source, ConfigSource::BuiltIn);
    let (_, store) = config.store(None).unwrap();
    assert_eq!(store.storage.options["root"], "/data/persist");
    assert_eq!(store.compression.as_ref().unwrap().adapter, "gzip");
}

#[test]
fn a_named_file_must_exist_and_be_of_a_sensible_size() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing.toml");
    let sources = ConfigSources { explicit: Some(path.clone()), ..ConfigSources::default() };
    let error = refusal(load(&sources));
    assert_eq!(error.to_string(), format!("cannot read the config file {}", path.display()));
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    let error = refusal(load(&sources));
    assert!(error.to_string().ends_with("it is larger than 1048576 bytes"), "{error}");
}

#[test]
fn an_endpoint_that_is_refused_is_not_shown() {
    let error = refusal(toml(
        "[stores.a]\nstorage = { adapter = \"x\" }\n[traces]\nendpoint = \"grpc://u:SECRET@h\"\n",
    ));
    let text = format!("{error:?} {error}");
    assert!(text.contains("endpoint") && !text.contains("SECRET"), "{text}");
}
