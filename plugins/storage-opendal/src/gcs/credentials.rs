//! A file with credentials, as the option `credentials_file` names it.
//!
//! The library that reads it passes over a file that it cannot use and asks elsewhere. What the user named would then be
//! replaced by another identity without a word, so the file is judged before it is used.

use std::path::Path;

use persist_plugin_api::{Error, ErrorCode, Result};
use serde_json::Value;

/// The kinds of files, each with what it must hold.
const KINDS: [(&str, &[&str]); 4] = [
    ("service_account", &["client_email", "private_key"]),
    ("authorized_user", &["client_id", "client_secret", "refresh_token"]),
    ("external_account", &["audience", "subject_token_type", "token_url", "credential_source"]),
    ("impersonated_service_account", &["service_account_impersonation_url", "source_credentials"]),
];

/// Reads a file and finds it usable.
///
/// # Errors
/// [`ErrorCode::CONFIG`] with the file's path and never with what is in it.
pub(super) fn check_file(path: &Path) -> Result<()> {
    let wrong = |finding: &str| {
        let message = format!("credentials_file names {}, {finding}", path.display());
        Error::new(ErrorCode::CONFIG, message)
    };
    let bytes = std::fs::read(path).map_err(|error| wrong("which cannot be read").with_source(error))?;
    let content: Value = serde_json::from_slice(&bytes)
        .map_err(|error| wrong("which is not JSON, as Google's credentials are").with_source(error))?;
    let kind = content.get("type").and_then(Value::as_str);
    let Some((kind, fields)) = KINDS.into_iter().find(|(name, _)| kind == Some(name)) else {
        let known = KINDS.map(|(name, _)| name).join(", ");
        return Err(wrong(&format!("whose \"type\" is not one of {known}")));
    };
    let given = |field: &str| match content.get(field) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Object(_)) => matches!(field, "credential_source" | "source_credentials"),
        _ => false,
    };
    if let Some(field) = fields.iter().find(|field| !given(field)) {
        return Err(wrong(&format!("whose \"type\" is {kind} and which has no {field:?}")));
    }
    let key = content.get("private_key").and_then(Value::as_str).unwrap_or_default();
    if kind == "service_account" && !(key.contains("-----BEGIN ") && key.contains("PRIVATE KEY-----")) {
        return Err(wrong("whose \"private_key\" is not a key in PEM form"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_useless_file_is_refused_with_its_path_and_without_its_content() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.json");
        let missing = check_file(&path).unwrap_err();
        assert!(missing.message().ends_with("key.json, which cannot be read"), "{missing}");
        for (content, part) in [
            ("hunter2", "not JSON"),
            ("", "not JSON"),
            ("[]", "\"type\""),
            (r#"{"private_key":"hunter2"}"#, "service_account, authorized_user"),
            (r#"{"type":"hunter2"}"#, "service_account, authorized_user"),
            (r#"{"type":"service_account","private_key":"hunter2"}"#, "client_email"),
            (r#"{"type":"service_account","client_email":"a@b","private_key":"hunter2"}"#, "PEM"),
            (r#"{"type":"authorized_user","client_id":"a","client_secret":"hunter2"}"#, "refresh_token"),
            (r#"{"type":"impersonated_service_account"}"#, "service_account_impersonation_url"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = check_file(&path).unwrap_err();
            assert_eq!(error.code(), ErrorCode::CONFIG);
            assert!(error.message().contains("key.json") && error.message().contains(part), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn files_of_each_kind_are_accepted() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key.json");
        for content in [
            r#"{"type":"service_account","client_email":"a@b","private_key":"-----BEGIN PRIVATE KEY-----\nx"}"#,
            r#"{"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"c"}"#,
            r#"{"type":"external_account","audience":"a","subject_token_type":"b","token_url":"https://c",
                "credential_source":{"file":"d"}}"#,
            r#"{"type":"impersonated_service_account","service_account_impersonation_url":"https://a",
                "source_credentials":{"type":"authorized_user"}}"#,
        ] {
            std::fs::write(&path, content).unwrap();
            check_file(&path).unwrap();
        }
    }
}
