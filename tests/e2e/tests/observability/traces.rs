//! Traces, as a collector receives them by gRPC and by HTTP.

use std::collections::BTreeMap;

use persist_e2e::{
    Persist,
    s3::{Bucket, configure},
};
use persist_test_support::{Proxy, Rotel, Span};

use super::eventually;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn traced(persist: Persist, collector: &Rotel, protocol: &str) -> Persist {
    let endpoint = if protocol == "grpc" { collector.grpc() } else { collector.http() };
    persist
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("TRACEPARENT", format!("00-{TRACE}-{CALLER}-01"))
}

/// The spans of the caller's trace by their ids, once so many saves are there: an operation ends after all that it consists of.
fn received(collector: &Rotel, saves: usize) -> BTreeMap<String, Span> {
    eventually("the spans of all saves", || {
        let spans = collector.spans();
        (spans.iter().filter(|span| span.name == "save").count() == saves).then(|| {
            spans.into_iter().filter(|span| span.trace == TRACE).map(|span| (span.id.clone(), span)).collect()
        })
    })
}

/// The names of a span and of those around it, from the inside out.
fn path(spans: &BTreeMap<String, Span>, span: &Span) -> Vec<String> {
    let outer = std::iter::successors(Some(span), |span| spans.get(&span.parent));
    outer.map(|span| span.name.clone()).collect()
}

fn one<'a>(spans: &'a BTreeMap<String, Span>, name: &str) -> &'a Span {
    spans.values().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name}: {spans:#?}"))
}

#[test]
fn a_save_is_one_trace_that_continues_its_callers_and_reaches_into_the_plugin() {
    for protocol in ["http/protobuf", "grpc"] {
        let collector = Rotel::start();
        let bucket = Bucket::new("traces");
        let persist = traced(bucket.persist(), &collector, protocol);
        let text = "x".repeat(200_000);
        persist.save("a/s", format!(r#"{{"step":0,"text":"{text}"}}"#));
        persist.save("a/s", format!(r#"{{"step":1,"text":"{text}"}}"#));
        let spans = received(&collector, 2);

        let saves: Vec<&Span> = spans.values().filter(|span| span.name == "save").collect();
        assert_eq!(saves.len(), 2, "{protocol}: {spans:#?}");
        for save in saves {
            assert_eq!(save.parent, CALLER);
            assert_eq!(save.attributes["session"], "Str(s)");
            assert!(save.attributes.contains_key("request_id"));
        }
        for step in ["validate", "hash", "delta", "compress", "store"] {
            assert!(path(&spans, one(&spans, step)).contains(&"save".to_owned()), "{step}: {spans:#?}");
        }
        let call = path(&spans, one(&spans, "save_if_absent"));
        assert_eq!(call.last().map(String::as_str), Some("save"), "{call:?}");
        // What the plugin's own library made, below the call.
        let inner = path(&spans, one(&spans, "try_attempt"));
        assert!(inner.len() > 2 && inner.last().is_some_and(|name| name == "save"), "{inner:?}");
    }
}

#[test]
fn each_retry_of_a_failed_save_is_a_span() {
    let collector = Rotel::start();
    let bucket = Bucket::new("retries");
    let dead = Proxy::dead();
    let persist = traced(bucket.persist(), &collector, "http/protobuf");
    let mut options = bucket.options();
    options["endpoint"] = dead.url().into();
    options["max_attempts"] = 3.into();
    configure(&persist, &options);
    drop(persist.run_with_input(["save", "a/s"], "{}").expect_code(7));
    let spans = received(&collector, 1);
    let attempts = spans.values().filter(|span| span.name == "try_attempt");
    let attempts: Vec<Vec<String>> = attempts.map(|span| path(&spans, span)).collect();
    assert_eq!(attempts.len(), 3, "{spans:#?}");
    assert!(attempts.iter().all(|path| path.last().is_some_and(|name| name == "save")), "{attempts:?}");
}

#[test]
fn a_collector_that_is_not_there_fails_nothing_and_a_wrong_setting_is_named() {
    let persist = Persist::new()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "500");
    let output = persist.run_with_input(["save", "a/s"], "{}").expect_code(0);
    drop(output.says(["spans could not be sent"]));

    let persist = Persist::new().env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:9");
    drop(persist.run(["list"]).expect_code(1).says(["cannot send traces", "TLS", "hint"]));
    let quiet = persist.env("OTEL_SDK_DISABLED", "true");
    assert!(quiet.ok(["config", "show"]).stderr.is_empty());
}
