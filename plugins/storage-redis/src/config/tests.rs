use persist_plugin_api::ErrorCode;
use serde_json::{Value, json};

use super::*;

fn settings(options: Value) -> Result<Settings> {
    serde_json::from_value::<RedisConfig>(options).expect("options of the right types").try_into()
}

#[test]
fn a_url_alone_is_enough() {
    let settings = settings(json!({"url": "redis://127.0.0.1:6379/3"})).unwrap();
    assert_eq!(settings.address.to_string(), "127.0.0.1:6379, database 3");
    assert!(!settings.cluster && settings.durability == Durability::Always && !settings.allow_eviction);
    assert_eq!((settings.prefix.as_str(), settings.ttl, settings.wait_replicas), ("persist", None, 0));
}

#[test]
fn nodes_make_it_a_cluster() {
    let options = json!({"url": "redis://127.0.0.1:7000", "nodes": ["127.0.0.1:7001", "[::1]:7002"]});
    let settings = settings(options).unwrap();
    assert!(settings.cluster);
    assert_eq!(settings.address.to_string(), "127.0.0.1:7000, 127.0.0.1:7001, ::1:7002");
}

#[test]
fn plain_text_stays_on_the_machine_unless_told() {
    for url in ["redis://127.0.0.1", "redis://localhost:1", "redis://[::1]:1"] {
        settings(json!({"url": url})).unwrap();
    }
    let far = json!({"url": "redis://redis.example.org"});
    let error = settings(far.clone()).unwrap_err();
    assert!(error.message().contains("rediss://") && error.message().contains("allow_plaintext"), "{error}");
    settings(json!({"url": "redis://127.0.0.1", "nodes": ["10.0.0.1:7000"]})).unwrap_err();
    let mut allowed = far;
    allowed["allow_plaintext"] = json!(true);
    settings(allowed).unwrap();
    settings(json!({"url": "rediss://redis.example.org"})).unwrap();
}

#[test]
fn passwords_come_from_one_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let url = "redis://127.0.0.1";
    let with_file = settings(json!({"url": url, "username": "u", "password_file": file})).unwrap();
    let server = with_file.address.servers[0].redis_settings();
    assert_eq!((server.username(), server.password()), (Some("u"), Some("hunter2")));
    assert!(!format!("{with_file:?}").contains("hunter2"));
    let both = json!({"url": "redis://:other@127.0.0.1", "password_file": file});
    let error = settings(both).unwrap_err();
    assert!(error.message().contains("password_file") && !error.message().contains("other@"), "{error}");
}

#[test]
fn wrong_values_are_refused_by_name() {
    for (option, value) in [
        ("url", json!("http://127.0.0.1")),
        ("url", json!("redis+unix:///tmp/socket")),
        ("url", json!("redis://127.0.0.1/x")),
        ("url", json!("rediss://127.0.0.1/#insecure")),
        ("nodes", json!(["127.0.0.1"])),
        ("nodes", json!(["redis://127.0.0.1:70"])),
        ("ca_file", json!("/no/such/file")),
        ("password_file", json!("/no/such/file")),
        ("prefix", json!("")),
        ("prefix", json!("a{b}")),
        ("prefix", json!("a/b")),
        ("prefix", json!("x".repeat(65))),
        ("wait_replicas", json!(17)),
        ("wait_timeout_ms", json!(0)),
        ("ttl_seconds", json!(0)),
        ("connections", json!(0)),
        ("connect_timeout_ms", json!(0)),
        ("request_timeout_ms", json!(0)),
        ("retry", json!({"max_attempts": 0})),
    ] {
        let mut options = json!({"url": "redis://127.0.0.1"});
        options[option] = value.clone();
        let error = settings(options).expect_err(&format!("{option} = {value}"));
        assert_eq!(error.code(), ErrorCode::CONFIG);
        assert!(error.message().contains(option), "{error}");
    }
    let wait =
        json!({"url": "redis://h", "allow_plaintext": true, "wait_replicas": 1, "request_timeout_ms": 1000});
    assert!(settings(wait.clone()).unwrap_err().message().starts_with("wait_timeout_ms"));
    // Nothing waits.
    let mut idle = wait;
    idle["wait_replicas"] = json!(0);
    settings(idle).unwrap();
    let database = json!({"url": "redis://127.0.0.1/1", "cluster": true});
    assert!(settings(database).unwrap_err().message().contains("database 0"));
}

#[test]
fn a_misspelt_option_is_an_error() {
    let error = serde_json::from_value::<RedisConfig>(json!({"ulr": "redis://h"})).unwrap_err();
    assert!(error.to_string().contains("ulr"), "{error}");
    serde_json::from_value::<RedisConfig>(json!({"url": "redis://h", "password": "p"})).unwrap_err();
}

#[test]
fn a_password_in_the_url_is_never_shown() {
    let config: RedisConfig = serde_json::from_value(json!({"url": "rediss://u:hunter2@h:1/x"})).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    let mut error: Option<&dyn std::error::Error> = None;
    let refusal = Settings::try_from(config).unwrap_err();
    let mut texts = format!("{refusal} {refusal:?}");
    error.replace(&refusal);
    while let Some(cause) = error {
        texts.push_str(&cause.to_string());
        error = cause.source();
    }
    assert!(!texts.contains("hunter2"), "{texts}");
}

#[test]
fn the_schema_is_that_of_the_options() {
    let written: Value = serde_json::from_str(include_str!("../schema.json")).unwrap();
    let actual = schemars::schema_for!(RedisConfig).to_value();
    assert_eq!(written, actual, "schema.json should be:\n{actual:#}");
}
