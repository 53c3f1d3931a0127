//! Connections that are encrypted, and certificates that are refused.

use persist_plugin_api::{ErrorCode, StorageAdapter as _};
use persist_test_support::{Postgres, with_causes};
use serde_json::{Value, json};

use crate::open;

/// Whether a connection with these options comes about, and is encrypted.
async fn encrypted(
    server: &Postgres,
    name: &str,
    mut options: Value,
) -> Result<bool, persist_plugin_api::Error> {
    let url = format!("{}?application_name={name}", server.url("persist", "persist"));
    if options.get("url").is_none() {
        options["url"] = json!(url);
    }
    let store = open(options).await;
    store.capabilities().await?;
    let sql = format!(
        "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = '{name}' LIMIT 1"
    );
    Ok(server.sql("persist", &sql) == "t")
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked_as_the_mode_says() {
    let server = Postgres::shared();
    let root = server.certificate();
    assert!(!encrypted(&server, "tls-disable", json!({"sslmode": "disable"})).await.unwrap());
    assert!(encrypted(&server, "tls-default", json!({})).await.unwrap());
    assert!(encrypted(&server, "tls-require", json!({"sslmode": "require"})).await.unwrap());
    for mode in ["require", "verify-ca", "verify-full"] {
        let options = json!({"sslmode": mode, "sslrootcert": root});
        assert!(encrypted(&server, &format!("tls-root-{mode}"), options).await.unwrap(), "{mode}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_an_unknown_signer_is_refused() {
    let server = Postgres::shared();
    // Another server's, which is for the same names.
    let other = Postgres::start();
    let mut cases = vec![
        json!({"sslmode": "verify-full", "sslrootcert": other.certificate()}),
        json!({"sslmode": "verify-ca", "sslrootcert": other.certificate()}),
        json!({"sslmode": "require", "sslrootcert": other.certificate()}),
    ];
    if std::path::Path::new("/etc/ssl/certs/ca-certificates.crt").exists() {
        cases.push(json!({"sslmode": "verify-full"}));
    }
    for options in cases {
        let error = encrypted(&server, "tls-refused", options.clone()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::CONFIG, "{options}: {}", with_causes(&error));
        assert!(error.is_not_applied() && !error.is_retryable());
        assert!(error.message().contains("sslrootcert"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_refused_where_names_count() {
    let server = Postgres::shared();
    let url = format!(
        "postgresql://persist:{}@elsewhere.example:{}/persist?hostaddr=127.0.0.1&application_name=tls-name",
        server.password(),
        server.address().port()
    );
    let options = |mode| json!({"url": url, "sslmode": mode, "sslrootcert": server.certificate()});
    assert!(encrypted(&server, "tls-name", options("verify-ca")).await.unwrap());
    let error = encrypted(&server, "tls-name", options("verify-full")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CONFIG, "{}", with_causes(&error));
    assert!(with_causes(&error).contains("elsewhere.example"), "{}", with_causes(&error));
}
