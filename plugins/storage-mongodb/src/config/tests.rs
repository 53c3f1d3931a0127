use persist_plugin_api::ErrorCode;
use serde_json::{Value, json};

use super::*;

fn settings(options: Value) -> Result<Settings> {
    serde_json::from_value::<MongoConfig>(options).expect("options of the right types").try_into()
}

fn refusal(options: Value) -> Error {
    settings(options).err().expect("a refusal")
}

#[test]
fn a_uri_alone_is_enough() {
    let settings = settings(json!({"uri": "mongodb://127.0.0.1:27017"})).unwrap();
    assert_eq!((settings.database.as_str(), settings.collection.as_str()), ("persist", "persist"));
    assert_eq!(settings.servers, "127.0.0.1:27017");
}

#[test]
fn the_database_is_that_of_the_option_or_of_the_uri() {
    let named = |options| settings(options).unwrap().database;
    assert_eq!(named(json!({"uri": "mongodb://localhost/agents"})), "agents");
    assert_eq!(named(json!({"uri": "mongodb://localhost/agents", "database": "other"})), "other");
}

#[test]
fn plain_text_stays_on_the_machine_unless_told() {
    settings(json!({"uri": "mongodb://localhost,127.0.0.1,[::1]"})).unwrap();
    for uri in [
        "mongodb://mongo.example.org",
        "mongodb://localhost,10.0.0.1",
        "mongodb+srv://h.example.org/?tls=false",
    ] {
        let error = refusal(json!({"uri": uri}));
        assert!(
            error.message().contains("tls=true") && error.message().contains("allow_plaintext"),
            "{error}"
        );
        settings(json!({"uri": uri, "allow_plaintext": true})).unwrap();
    }
    settings(json!({"uri": "mongodb://mongo.example.org/?tls=true"})).unwrap();
    settings(json!({"uri": "mongodb+srv://h.example.org"})).unwrap();
}

#[test]
fn passwords_come_from_one_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let uri = "mongodb://localhost";
    let found = settings(json!({"uri": uri, "username": "u", "password_file": file})).unwrap();
    assert_eq!(found.password.unwrap().expose(), "hunter2");
    settings(json!({"uri": "mongodb://u@localhost", "password_file": file})).unwrap();
    assert!(refusal(json!({"uri": uri, "password_file": file})).message().contains("username"));
    let both = refusal(json!({"uri": "mongodb://u:other@localhost", "password_file": file}));
    assert!(both.message().contains("password_file") && !both.message().contains("other"), "{both}");
}

#[test]
fn a_user_without_a_password_is_refused_unless_it_needs_none() {
    for options in [
        json!({"uri": "mongodb://localhost", "username": "u"}),
        json!({"uri": "mongodb://u@localhost"}),
        json!({"uri": "mongodb://u@localhost/?authMechanism=SCRAM-SHA-256"}),
    ] {
        let error = refusal(options);
        assert_eq!(error.code(), ErrorCode::CONFIG);
        for part in ["no password", "password_file", "MONGODB_URI"] {
            assert!(error.message().contains(part), "{error}");
        }
    }
    settings(json!({"uri": "mongodb://u:p@localhost"})).unwrap();
    settings(json!({"uri": "mongodb://u@localhost/?authMechanism=MONGODB-X509"})).unwrap();
}

#[test]
fn wrong_values_are_refused_by_name() {
    for (option, value) in [
        ("uri", json!("http://localhost")),
        ("uri", json!("mongodb://")),
        ("database", json!("")),
        ("database", json!("a.b")),
        ("database", json!("x".repeat(61))),
        ("collection", json!("$x")),
        ("password_file", json!("/no/such/file")),
        ("connections", json!(0)),
        ("server_selection_timeout_ms", json!(0)),
        ("server_selection_timeout_ms", json!(60_000)),
        ("write_timeout_ms", json!(60_000)),
        ("connect_timeout_ms", json!(0)),
        ("request_timeout_ms", json!(0)),
        ("retry", json!({"max_attempts": 0})),
    ] {
        let mut options = json!({"uri": "mongodb://localhost"});
        options[option] = value.clone();
        let error = refusal(options);
        assert_eq!(error.code(), ErrorCode::CONFIG);
        assert!(error.message().contains(option), "{option} = {value}: {error}");
    }
}

#[test]
fn a_misspelt_option_is_an_error() {
    let error = serde_json::from_value::<MongoConfig>(json!({"url": "mongodb://h"})).unwrap_err();
    assert!(error.to_string().contains("url"), "{error}");
    serde_json::from_value::<MongoConfig>(json!({"uri": "mongodb://h", "password": "p"})).unwrap_err();
}

#[test]
fn a_password_in_the_uri_is_never_shown() {
    for uri in ["mongodb://u:hunter2@h/?nonsense", "mongodb://u:hunter2@/", "mongodb://u:hunter2:@h"] {
        let config: MongoConfig = serde_json::from_value(json!({"uri": uri})).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let error = Settings::try_from(config).err().expect("a refusal");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn the_schema_is_that_of_the_options() {
    let written: Value = serde_json::from_str(include_str!("../schema.json")).unwrap();
    let actual = schemars::schema_for!(MongoConfig).to_value();
    assert_eq!(written, actual, "schema.json should be:\n{actual:#}");
}
