use persist_plugin_api::StorageAdapter as _;
use serde_json::{Value, json};

use super::*;
use crate::AzblobStorage;

fn connect(options: Value) -> Result<Core> {
    serde_json::from_value::<AzblobConfig>(options).expect("options of the right types").connect()
}

/// The error of options that must be refused.
fn refused(options: &Value) -> Error {
    match connect(options.clone()) {
        Ok(_) => panic!("{options} is accepted"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn an_account_and_a_container_are_enough() {
    let options = json!({"container": "agents", "account": "contoso"});
    let core = connect(options.clone()).expect("it connects");
    let place = "container \"agents\" of Azure Blob Storage at https://contoso.blob.core.windows.net";
    assert_eq!(core.place.to_string(), place);
    assert!(core.place.creation.ends_with("--name agents --account-name contoso"));
    AzblobStorage::open(serde_json::from_value(options).unwrap()).await.expect("nothing is sent");
}

#[test]
fn a_misspelt_option_is_an_error() {
    let misspelt = json!({"container": "c", "acount": "a"});
    let error = serde_json::from_value::<AzblobConfig>(misspelt).unwrap_err();
    assert!(error.to_string().contains("acount"), "{error}");
}

#[test]
fn wrong_values_are_refused_by_name() {
    for (option, value) in [
        ("container", json!("")),
        ("container", json!("a/b")),
        ("account", json!("a b")),
        ("prefix", json!("a/../b")),
        ("prefix", json!("x".repeat(121))),
        ("endpoint", json!("ftp://host")),
        ("endpoint", json!("http://10.1.2.3:80")),
        ("connect_timeout_ms", json!(0)),
        ("request_timeout_ms", json!(0)),
        ("retry", json!({"max_attempts": 0})),
        ("account_key_file", json!("/no/such/file")),
        ("sas_token_file", json!("/no/such/file")),
    ] {
        let mut options = json!({"container": "c", "account": "a"});
        options[option] = value.clone();
        let error = refused(&options);
        assert_eq!(error.code(), ErrorCode::CONFIG, "{option} = {value}");
        assert!(error.message().contains(option), "{error}");
    }
}

#[test]
fn two_kinds_of_credentials_are_one_too_many() {
    let options =
        json!({"container": "c", "account": "a", "account_key": "aHVudGVyMg==", "sas_token": "sig=hunter2"});
    let error = refused(&options);
    assert!(error.message().contains("account_key and sas_token"), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn no_secret_is_shown_of_options() {
    let options = json!({"container": "c", "account_key": "aHVudGVyMg==", "sas_token": "sig=hunter2"});
    let shown = format!("{:?}", serde_json::from_value::<AzblobConfig>(options).unwrap());
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{shown}");
}

#[test]
fn the_schema_is_that_of_the_options() {
    let written: Value = serde_json::from_str(include_str!("schema.json")).unwrap();
    let actual = schemars::schema_for!(AzblobConfig).to_value();
    assert_eq!(written, actual, "schema.json should be:\n{actual:#}");
}
