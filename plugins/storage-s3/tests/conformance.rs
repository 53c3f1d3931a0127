//! The checks that every storage adapter must pass, against a real service.

use std::pin::Pin;

use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use persist_plugin_api::{DynStorage, Result};
use persist_plugin_testkit::{handle_checks, storage_checks};
use persist_storage_s3::{S3Config, S3Storage};
use persist_test_support::SeaweedFs;
use serde_json::json;

/// What SeaweedFS itself does otherwise; Amazon S3 does not.
const NOT_BY_SEAWEEDFS: [&str; 3] = [
    // It shows the directory of a deleted object for some time.
    "listing::emptied_directories_are_not_listed",
    // It takes a backslash for a slash and refuses the key `..\up`. The other odd keys are tested elsewhere.
    "keys::odd_keys_are_ordinary",
    // It takes two slashes for one.
    "panics::absurd_listings_keep_to_their_prefix",
];

/// An adapter that is being opened.
type Opening<'a> = Pin<Box<dyn Future<Output = Result<Box<dyn DynStorage>>> + 'a>>;

#[tokio::test(flavor = "multi_thread")]
async fn the_storage_checks_pass() {
    let server = SeaweedFs::shared();
    let options = json!({
        "bucket": server.create_bucket("conformance"), "prefix": "some/where", "endpoint": server.endpoint(),
        "checksum": "crc32c", "multipart_threshold_mb": 5, "multipart_part_mb": 5,
    });
    let credentials = Credentials::new(server.access_key(), server.secret_key(), None, None, "test");
    let credentials = SharedCredentialsProvider::new(credentials);
    let open = || -> Opening<'_> {
        let config: S3Config = serde_json::from_value(options.clone()).expect("valid options");
        let opening = S3Storage::open_with_credentials(config, credentials.clone());
        Box::pin(async { Ok(Box::new(opening.await?) as Box<dyn DynStorage>) })
    };
    let store = open().await.expect("the adapter opens");

    let mut failed = Vec::new();
    for check in storage_checks() {
        if !NOT_BY_SEAWEEDFS.contains(&check.name)
            && let Err(failure) = (check.run)(&*store).await
        {
            failed.push(format!("{}: {failure}", check.name));
        }
    }
    for check in handle_checks() {
        if let Err(failure) = (check.run)(&open).await {
            failed.push(format!("{}: {failure}", check.name));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn the_exceptions_are_checks() {
    for name in NOT_BY_SEAWEEDFS {
        assert!(storage_checks().iter().any(|check| check.name == name), "{name}");
    }
}
