//! The test server itself, since much rests on it.
//!
//! Requests are made with `curl`, which shares nothing with the client that the plugin uses.

use std::process::{Command, Stdio};

use persist_test_support::SeaweedFs;

/// Sends a request and returns the status of the answer, `000` when there is none.
fn status(arguments: &[&str], url: &str) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--max-time", "60", "--output", "/dev/null", "--write-out", "%{http_code}"])
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("curl does not start: {error}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The same with a signature by the server's access key and the given secret key.
fn signed(server: &SeaweedFs, secret_key: &str, path: &str, arguments: &[&str]) -> String {
    let signature = format!("aws:amz:{}:s3", server.region());
    let user = format!("{}:{secret_key}", server.access_key());
    let unsigned_payload = "x-amz-content-sha256: UNSIGNED-PAYLOAD";
    let mut all = vec!["--aws-sigv4", &signature, "--user", &user, "--header", unsigned_payload];
    all.extend(arguments);
    status(&all, &format!("{}/{path}", server.endpoint()))
}

#[test]
fn create_if_absent_has_one_winner_and_signatures_are_checked() {
    let server = SeaweedFs::shared();
    let key = format!("{}/key", server.create_bucket("support"));
    let put = ["--request", "PUT", "--data-binary", "x", "--header", "If-None-Match: *"];
    assert_eq!(signed(&server, server.secret_key(), &key, &put), "200");
    assert_eq!(signed(&server, server.secret_key(), &key, &put), "412");
    assert_eq!(signed(&server, server.secret_key(), &key, &[]), "200");
    assert_eq!(signed(&server, "wrong", &key, &[]), "403");
}

#[test]
fn a_bucket_that_was_not_made_is_missing() {
    let server = SeaweedFs::shared();
    let put = ["--request", "PUT", "--data-binary", "x"];
    assert_eq!(signed(&server, server.secret_key(), "never-made/key", &put), "404");
}

#[test]
fn buckets_of_one_prefix_differ() {
    let server = SeaweedFs::shared();
    assert_ne!(server.create_bucket("support"), server.create_bucket("support"));
}

#[test]
fn a_server_of_ones_own_ends_with_its_handle() {
    let server = SeaweedFs::start();
    let endpoint = server.endpoint().to_owned();
    assert!(server.process_id().is_some());
    assert_eq!(status(&[], &endpoint), "403");
    drop(server);
    assert_eq!(status(&[], &endpoint), "000");
}
