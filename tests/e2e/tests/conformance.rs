//! The shared checks, on each adapter as its shared library offers it. The plugins' own tests run the same checks
//! without a library in between.

use std::process::Command;

use persist_e2e::{Output, library, s3::Bucket};
use serde_json::{Value, json};

/// What SeaweedFS itself does otherwise, whatever the adapter asks of it.
const NOT_BY_SEAWEEDFS: [&str; 3] = [
    // It shows the directory of a deleted object for some time.
    "listing::emptied_directories_are_not_listed",
    // It takes a backslash for a slash, and refuses the key `..\up` therefore.
    "keys::odd_keys_are_ordinary",
    // It takes two slashes for one.
    "panics::absurd_listings_keep_to_their_prefix",
];

#[test]
fn local_storage_conforms() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    check_storage("local", &json!({ "root": directory.path() }), &[], &[]);
}

#[test]
fn storage_over_storage_conforms() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let local =
        |name: &str| json!({ "adapter": "local", "root": directory.path().join(name), "fsync": false });
    check_storage("tiered", &json!({ "cache": local("cache"), "remote": local("remote") }), &[], &[]);
    let replicas = [local("replica"), json!({ "adapter": "memory", "name": "replica" })];
    check_storage("replicated", &json!({ "primary": local("primary"), "replicas": replicas }), &[], &[]);
}

#[test]
fn memory_storage_conforms() {
    check_storage("memory", &json!({ "name": "conformance" }), &[], &[]);
}

#[test]
fn s3_storage_conforms() {
    let bucket = Bucket::new("conformance");
    let mut options = bucket.options();
    options["prefix"] = json!("below/a/prefix");
    check_storage("s3", &options, &bucket.credentials(), &NOT_BY_SEAWEEDFS);
}

#[test]
fn s3_storage_conforms_when_it_uploads_in_parts() {
    let bucket = Bucket::new("parts");
    let mut options = bucket.options();
    for (option, value) in [("multipart_threshold_mb", 5), ("multipart_part_mb", 5)] {
        options[option] = json!(value);
    }
    check_storage("s3", &options, &bucket.credentials(), &NOT_BY_SEAWEEDFS);
}

#[test]
fn gzip_conforms_at_its_ends_and_by_default() {
    for options in [json!({}), json!({ "level": 1 }), json!({ "level": 9 })] {
        let codec = library::plugins().open_compression("gzip", &options);
        let codec = codec.unwrap_or_else(|error| panic!("{}", persist_test_support::with_causes(&error)));
        persist_plugin_testkit::run_compression(&*codec);
    }
}

/// In a process of its own, since the S3 adapter takes its credentials from the environment only.
fn check_storage(adapter: &str, options: &Value, environment: &[(&str, &str)], except: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_library-client"));
    command
        .args(["conformance", adapter, &options.to_string()])
        .args(except)
        .envs(environment.iter().copied());
    let output = Output::of(command, b"").expect_code(0);
    assert!(output.text().contains(" checks, 0 failed"), "{output}");
}
