//! Failures, and how often they are met before they are reported.

use std::net::TcpListener;

use persist_plugin_api::{Bytes, ErrorCode, ListRequest};
use serde_json::json;

use crate::fake::{Answer, Fake, Request};
use crate::{SECRET, WRITTEN, open, text};

const ADAPTERS: [&str; 2] = ["azblob", "gcs"];

/// Answers the probe for conditional creation, so that a test can count the requests that it is about.
fn unless_probe(request: &Request, answer: Answer) -> Answer {
    match request.probes() {
        true if request.target.contains("ifGenerationMatch") => Answer::Status(412, ""),
        true => Answer::Header(409, "x-ms-error-code: BlobAlreadyExists"),
        false => answer,
    }
}

fn about_objects(fake: &Fake) -> usize {
    fake.requests().iter().filter(|request| !request.probes()).count()
}

#[tokio::test]
async fn a_service_that_is_down_has_done_nothing() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for adapter in ADAPTERS {
        let store = open(adapter, &format!("http://{free}"), json!({})).await;
        let errors = [
            store.load("k").await.unwrap_err(),
            store.exists("k").await.unwrap_err(),
            store.save("k", Bytes::from_static(b"v")).await.unwrap_err(),
            store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err(),
            store.delete("k").await.unwrap_err(),
            store.list(ListRequest::below("")).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", text(&error));
            assert!(error.is_retryable() && error.is_not_applied(), "{}", text(&error));
            assert!(error.message().contains("\"bucket\""), "{error}");
            assert!(error.message().contains(&free.to_string()), "{error}");
            assert!(!text(&error).contains(SECRET));
        }
    }
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_not_sent_again() {
    for adapter in ADAPTERS {
        let fake = Fake::start(|request, _| unless_probe(request, Answer::HangUp));
        let store = open(adapter, fake.endpoint(), json!({})).await;
        let error = store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", text(&error));
        assert!(!error.is_not_applied() && error.is_retryable(), "{}", text(&error));
        assert_eq!(about_objects(&fake), 1, "{adapter}");
    }
}

#[tokio::test]
async fn a_page_of_something_in_between_is_no_write() {
    for adapter in ADAPTERS {
        for redirects in [true, false] {
            let fake = Fake::start(move |request, _| {
                let page = match redirects && request.target != "/login" {
                    true => Answer::Header(302, "Location: /login"),
                    false => Answer::Status(200, "<html>Log in</html>"),
                };
                unless_probe(request, page)
            });
            let store = open(adapter, fake.endpoint(), json!({})).await;
            for error in [
                store.save("k", Bytes::from_static(b"v")).await.unwrap_err(),
                store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err(),
            ] {
                let code = if redirects { ErrorCode::CONFIG } else { ErrorCode::UNAVAILABLE };
                assert_eq!(error.code(), code, "{}", text(&error));
                assert!(!error.is_not_applied() && error.message().contains("proxy"), "{error}");
            }
            assert!(fake.requests().iter().all(|request| request.target != "/login"), "{adapter}");
        }
    }
}

#[tokio::test]
async fn a_service_that_lists_in_another_order_is_refused() {
    let azure = "<EnumerationResults><Blobs>\
        <Blob><Name>b</Name><Properties><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified><Etag>e</Etag>\
        <Content-Length>1</Content-Length><Content-Type/><Content-MD5/></Properties></Blob>\
        <Blob><Name>a</Name><Properties><Last-Modified>Thu, 01 Jan 2026 00:00:00 GMT</Last-Modified><Etag>e</Etag>\
        <Content-Length>1</Content-Length><Content-Type/><Content-MD5/></Properties></Blob>\
        </Blobs><NextMarker/></EnumerationResults>";
    let google = r#"{"items":[{"name":"b","size":"1","updated":"2026-01-01T00:00:00Z"},
                     {"name":"a","size":"1","updated":"2026-01-01T00:00:00Z"}]}"#;
    for (adapter, listing) in [("azblob", azure), ("gcs", google)] {
        let fake = Fake::start(move |_, _| Answer::Status(200, listing));
        let store = open(adapter, fake.endpoint(), json!({})).await;
        let first = store.list(ListRequest::below("").limit(1)).await.unwrap();
        assert_eq!(first.objects[0].key, "b", "{adapter}");
        // Another process begins again, and would leave out what it takes for listed.
        let other = open(adapter, fake.endpoint(), json!({})).await;
        let next = ListRequest::below("").limit(1).continued(first.next);
        for error in
            [other.list(next).await.unwrap_err(), store.list(ListRequest::below("")).await.unwrap_err()]
        {
            assert_eq!(error.code(), ErrorCode::UNSUPPORTED, "{}", text(&error));
            assert!(error.message().contains("another order"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_creation_that_was_refused_for_a_time_is_sent_again() {
    for adapter in ADAPTERS {
        let fake = Fake::start(|request, before| {
            unless_probe(
                request,
                if before < 3 { Answer::Status(429, "") } else { Answer::Status(201, WRITTEN) },
            )
        });
        let store = open(adapter, fake.endpoint(), json!({})).await;
        store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap();
        assert_eq!(about_objects(&fake), 3, "{adapter}");
    }
}

#[tokio::test]
async fn a_replacement_whose_answer_is_lost_is_sent_again_and_stays_unclear() {
    for adapter in ADAPTERS {
        let fake = Fake::start(|_, before| match before {
            0 => Answer::HangUp,
            _ => Answer::Status(201, WRITTEN),
        });
        let store = open(adapter, fake.endpoint(), json!({})).await;
        store.save("k", Bytes::from_static(b"v")).await.unwrap();
        assert_eq!(fake.requests().len(), 2);

        let fake = Fake::start(|_, before| match before {
            0 => Answer::HangUp,
            _ => Answer::Status(403, ""),
        });
        let store = open(adapter, fake.endpoint(), json!({})).await;
        let error = store.save("k", Bytes::from_static(b"v")).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", text(&error));
        assert!(!error.is_not_applied(), "the first attempt may have been applied");
    }
}

#[tokio::test]
async fn a_failing_service_gets_exactly_max_attempts_requests() {
    for adapter in ADAPTERS {
        for (status, code) in [(500, ErrorCode::UNAVAILABLE), (429, ErrorCode::THROTTLED)] {
            let fake = Fake::start(move |_, _| Answer::Status(status, ""));
            let store = open(adapter, fake.endpoint(), json!({})).await;
            let error = store.load("k").await.unwrap_err();
            assert_eq!(error.code(), code, "{}", text(&error));
            assert_eq!(fake.requests().len(), 3, "{adapter} {status}");
            let error = store.exists("k").await.unwrap_err();
            assert_eq!(error.code(), code, "a failure is not an absence");
            let error = store.list(ListRequest::below("")).await.unwrap_err();
            assert_eq!(error.code(), code, "{}", text(&error));
            assert_eq!(fake.requests().len(), 9, "{adapter} {status}");
        }
    }
}

#[tokio::test]
async fn silence_is_a_timeout() {
    for adapter in ADAPTERS {
        let fake = Fake::start(|request, _| unless_probe(request, Answer::Silence));
        let store = open(adapter, fake.endpoint(), json!({"request_timeout_ms": 100})).await;
        for error in [
            store.load("k").await.unwrap_err(),
            store.list(ListRequest::below("")).await.unwrap_err(),
            store.save("k", Bytes::from_static(b"v")).await.unwrap_err(),
            store.save_if_absent("k", Bytes::from_static(b"v")).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), ErrorCode::TIMEOUT, "{}", text(&error));
            assert!(error.is_retryable() && !error.is_not_applied(), "{}", text(&error));
        }
        assert_eq!(about_objects(&fake), 3 + 3 + 3 + 1, "{adapter}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_read_again() {
    for adapter in ADAPTERS {
        let fake = Fake::start(|_, before| match before {
            0 => Answer::CutShort("half"),
            _ => Answer::Status(200, "whole"),
        });
        let store = open(adapter, fake.endpoint(), json!({})).await;
        assert_eq!(store.load("k").await.unwrap(), "whole");

        let broken = Fake::start(|_, _| Answer::CutShort("half"));
        let store = open(adapter, broken.endpoint(), json!({})).await;
        let error = store.load("k").await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", text(&error));
        assert_eq!(broken.requests().len(), 3);
    }
}

#[tokio::test]
async fn no_answer_makes_a_message_tell_a_secret() {
    let body = "<Error><Code>AuthenticationFailed</Code><Message>YS1zZWNyZXQtdGhhdC1ub2JvZHktbWF5LXNlZQ==</Message></Error>";
    for answer in [403, 404, 500, 200] {
        let fake = Fake::start(move |_, before| match before {
            _ if answer == 200 => Answer::HangUp,
            _ => Answer::Status(answer, body),
        });
        let token = "sv=2022-11-02&sp=r&sig=YS1zZWNyZXQtdGhhdC1ub2JvZHktbWF5LXNlZQ%3D%3D";
        for options in [json!({}), json!({"account_key": null, "sas_token": token})] {
            let store = open("azblob", fake.endpoint(), options).await;
            for error in [
                store.load("k").await.unwrap_err(),
                store.save("k", Bytes::from_static(b"v")).await.unwrap_err(),
                store.list(ListRequest::below("")).await.unwrap_err(),
            ] {
                let text = text(&error);
                assert!(!text.contains("YS1zZWNyZXQ"), "{text}");
            }
        }
    }
}
