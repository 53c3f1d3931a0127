use persist_e2e::{
    Output, Persist,
    s3::{Bucket, configure},
};
use serde_json::json;

use super::options;

/// A command without credentials, with the bucket as its store.
fn without_credentials(bucket: &Bucket) -> Persist {
    let persist = Persist::without_config()
        // Without it, the SDK asks the service by which a cloud's machine learns of its role.
        .env("AWS_EC2_METADATA_DISABLED", "true");
    configure(&persist, &options(bucket, &json!({})));
    persist
}

fn every_operation(persist: &Persist) -> [Output; 5] {
    [
        persist.run_with_input(["save", "agent/session", "-"], "{}"),
        persist.run(["restore", "agent/session"]),
        persist.run(["list"]),
        persist.run(["show", "agent/session@0"]),
        persist.run(["delete", "agent/session", "--all", "--yes"]),
    ]
}

#[test]
fn a_wrong_secret_is_refused_and_not_repeated() {
    let bucket = Bucket::new("wrong");
    bucket.persist().save("agent/session", "{}");
    let secret = "a-secret-that-is-not-the-right-one";
    let persist = without_credentials(&bucket)
        .env("AWS_ACCESS_KEY_ID", bucket.server().access_key())
        .env("AWS_SECRET_ACCESS_KEY", secret);
    for output in every_operation(&persist) {
        let output = output.expect_code(1).says([bucket.name(), "secret key"]);
        for text in [&output.stderr, &output.text()] {
            assert!(!text.contains(secret) && !text.contains(bucket.server().secret_key()), "{output}");
        }
    }
}

#[test]
fn an_unknown_access_key_is_refused() {
    let bucket = Bucket::new("unknown");
    let persist = without_credentials(&bucket)
        .env("AWS_ACCESS_KEY_ID", "NOBODY")
        .env("AWS_SECRET_ACCESS_KEY", bucket.server().secret_key());
    for output in every_operation(&persist) {
        drop(output.expect_code(1).says([bucket.name()]));
    }
}

#[test]
fn missing_credentials_are_named() {
    let bucket = Bucket::new("without");
    for output in every_operation(&without_credentials(&bucket)) {
        drop(output.expect_code(1).says(["AWS_ACCESS_KEY_ID"]));
    }
}

#[test]
fn credentials_have_no_option() {
    let bucket = Bucket::new("option");
    let persist = bucket.persist();
    for option in ["access_key_id", "secret_access_key", "session_token"] {
        configure(&persist, &options(&bucket, &json!({ option: "a-secret-in-a-config" })));
        let output = persist.run(["list"]).expect_code(1).says([option]);
        assert!(!output.stderr.contains("a-secret-in-a-config"), "{output}");
    }
}

#[test]
fn a_missing_bucket_is_named() {
    let bucket = Bucket::new("present");
    let persist = bucket.persist();
    configure(&persist, &options(&bucket, &json!({ "bucket": "never-made" })));
    for output in every_operation(&persist) {
        drop(output.expect_code(7).says(["never-made", "does not exist"]));
    }
}

#[test]
fn a_misspelt_option_is_named_with_those_that_exist() {
    let bucket = Bucket::new("misspelt");
    let persist = bucket.persist();
    configure(&persist, &options(&bucket, &json!({ "regoin": "eu-west-3" })));
    drop(persist.run(["list"]).expect_code(1).says(["regoin", "region"]));
    configure(&persist, &options(&bucket, &json!({ "max_attempts": 0 })));
    drop(persist.run(["list"]).expect_code(1).says(["max_attempts", "1 to 100"]));
}
