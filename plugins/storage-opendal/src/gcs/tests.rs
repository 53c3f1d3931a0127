use persist_plugin_api::ErrorCode;
use serde_json::{Value, json};

use super::*;

fn connect(options: Value) -> Result<Core> {
    serde_json::from_value::<GcsConfig>(options).expect("options of the right types").connect()
}

#[test]
fn a_bucket_alone_is_enough() {
    let core = connect(json!({"bucket": "agents"})).expect("it connects");
    assert_eq!(
        core.place.to_string(),
        "bucket \"agents\" of Google Cloud Storage at https://storage.googleapis.com"
    );
    assert_eq!(core.place.creation, "gcloud storage buckets create gs://agents");
}

#[test]
fn a_misspelt_option_is_an_error() {
    let error = serde_json::from_value::<GcsConfig>(json!({"bucket": "b", "bukket": "c"})).unwrap_err();
    assert!(error.to_string().contains("bukket"), "{error}");
}

#[test]
fn wrong_values_are_refused_by_name() {
    for (option, value) in [
        ("bucket", json!("")),
        ("bucket", json!("a/b")),
        ("bucket", json!("a..b")),
        ("prefix", json!("a//b")),
        ("endpoint", json!("localhost:4443")),
        ("endpoint", json!("http://gcs.example")),
        ("connect_timeout_ms", json!(0)),
        ("request_timeout_ms", json!(90_000_000)),
        ("retry", json!({"initial_backoff_ms": 0})),
    ] {
        let mut options = json!({"bucket": "b"});
        options[option] = value.clone();
        match connect(options) {
            Ok(_) => panic!("{option} = {value} is accepted"),
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::CONFIG);
                assert!(error.message().contains(option), "{error}");
            }
        }
    }
}

#[test]
fn credentials_for_nobody_are_a_contradiction() {
    let options = json!({"bucket": "b", "credentials_file": "/key.json", "allow_anonymous": true});
    let Err(error) = connect(options) else { panic!("it is accepted") };
    assert!(error.message().contains("credentials_file and allow_anonymous"), "{error}");
}

#[test]
fn the_schema_is_that_of_the_options() {
    let written: Value = serde_json::from_str(include_str!("schema.json")).unwrap();
    let actual = schemars::schema_for!(GcsConfig).to_value();
    assert_eq!(written, actual, "schema.json should be:\n{actual:#}");
}
