use super::*;

fn place() -> Place {
    Place {
        kind: "container",
        container: "agents".to_owned(),
        service: "Azure Blob Storage",
        endpoint: "https://a.blob.core.windows.net".to_owned(),
        creation: "az storage container create --name agents --account-name a".to_owned(),
        credentials: "AZURE_STORAGE_KEY".to_owned(),
        secrets: vec![Secret::new("hunter2")],
    }
}

fn answer(status: u16, name: &str) -> Facts {
    Facts {
        status: Some(status),
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        request_id: Some("1234".to_owned()),
        may_have_applied: !(400..500).contains(&status),
        ..Facts::default()
    }
}

fn failed(facts: &Facts) -> Error {
    let place = place();
    let source = std::io::Error::other("https://x/?sv=1&sig=c2VjcmV0&se=2 with hunter2");
    let error = opendal::Error::new(opendal::ErrorKind::Unexpected, "lost hunter2")
        .with_context("uri", "https://x/?sig=c2VjcmV0")
        .set_source(source);
    Call { verb: "read", name: Some("s/1"), place: &place }.failed(&error, facts)
}

#[test]
fn answers_have_distinct_codes() {
    for (status, name, code, retryable) in [
        (404, "ContainerNotFound", "container_missing", false),
        (404, "BlobNotFound", "not_found", false),
        (404, "", "not_found", false),
        (403, "AuthenticationFailed", "permission_denied", false),
        (403, "AuthorizationPermissionMismatch", "permission_denied", false),
        (401, "", "permission_denied", false),
        (409, "BlobImmutableDueToPolicy", "permission_denied", false),
        (409, "", "unavailable", true),
        (429, "", "throttled", true),
        (503, "ServerBusy", "throttled", true),
        (500, "OperationTimedOut", "timeout", true),
        (500, "InternalError", "unavailable", true),
        (413, "RequestBodyTooLarge", "limit_exceeded", false),
        (400, "InvalidHeaderValue", "other", false),
    ] {
        let error = failed(&answer(status, name));
        assert_eq!((error.code().name(), error.is_retryable()), (code, retryable), "{status} {name}");
        assert!(error.message().contains(name) && error.message().contains(&status.to_string()), "{error}");
        assert_eq!(error.is_not_applied(), status < 500, "{status} {name}");
    }
}

#[test]
fn a_missing_container_comes_with_the_command_that_makes_it() {
    let error = failed(&answer(404, "ContainerNotFound"));
    assert!(
        error.message().contains("`az storage container create --name agents --account-name a`"),
        "{error}"
    );
}

#[test]
fn what_was_never_sent_is_not_applied() {
    let credentials = failed(&Facts::default());
    assert_eq!(credentials.code(), ErrorCode::PERMISSION_DENIED);
    assert!(credentials.is_not_applied() && credentials.message().contains("AZURE_STORAGE_KEY"));
    let refused = failed(&Facts { unreachable: true, ..Facts::default() });
    assert_eq!(refused.code(), ErrorCode::UNAVAILABLE);
    assert!(refused.is_not_applied() && refused.is_retryable());
    let lost = failed(&Facts { may_have_applied: true, ..Facts::default() });
    assert_eq!(lost.code(), ErrorCode::UNAVAILABLE);
    assert!(!lost.is_not_applied() && lost.is_retryable());
    let slow = failed(&Facts { may_have_applied: true, timed_out: true, ..Facts::default() });
    assert_eq!(slow.code(), ErrorCode::TIMEOUT);
    assert!(!slow.is_not_applied());
}

#[test]
fn no_secret_is_told() {
    for facts in [Facts::default(), answer(403, "AuthenticationFailed"), answer(200, "")] {
        let error = failed(&facts);
        let mut text = format!("{error:?} {error:#?} {error}");
        let mut source = StdError::source(&error);
        while let Some(cause) = source {
            text.push_str(&format!("{cause:?} {cause}"));
            source = cause.source();
        }
        assert!(!text.contains("hunter2") && !text.contains("c2VjcmV0"), "{text}");
    }
    assert!(failed(&Facts::default()).source().unwrap().to_string().contains("lost ***"));
}
