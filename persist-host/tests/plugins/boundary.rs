//! What the boundary promises: no panic passes it, bytes are not copied, errors keep their causes, and logs arrive.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use persist_host::{AdapterKind, Plugins};
use persist_plugin_api::{Bytes, DynStorage, ErrorCode, ListRequest};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::support::*;

fn unruly() -> (tempfile::TempDir, Plugins) {
    let directory = directory();
    let path = directory.path().join("libunruly.so");
    let example = example("libunruly_plugin.so");
    std::fs::hard_link(&example, &path).or_else(|_| std::fs::copy(&example, &path).map(drop)).unwrap();
    let plugins = Plugins::discover(&search(directory.path()));
    assert_eq!(
        plugins.names(AdapterKind::Storage),
        ["crooked", "silent", "unruly"],
        "{:?}",
        plugins.rejected()
    );
    (directory, plugins)
}

fn open(plugins: &Plugins) -> Arc<dyn DynStorage> {
    block_on(plugins.open_storage("unruly", &json!({}))).unwrap()
}

#[test]
fn a_panic_becomes_an_error_that_says_where() {
    let (_directory, plugins) = unruly();
    let error = block_on(plugins.open_storage("unruly", &json!({"panic_in_open": true}))).err().unwrap();
    assert_eq!(error.code(), "plugin_panicked");
    let storage = open(&plugins);
    let error = block_on(storage.save_if_absent("k", Bytes::new())).unwrap_err();
    assert_eq!(error.code(), ErrorCode::PANIC);
    assert_eq!(error.message(), "the plugin panicked in save_if_absent: save_if_absent of k");
    assert!(!error.is_not_applied(), "nobody knows how far it got");
    assert_eq!(block_on(storage.stat("k")).unwrap_err().code(), ErrorCode::PANIC);
    // A panic in a task of the plugin's own is the plugin's to report.
    assert_eq!(block_on(storage.delete("k")).unwrap_err().code(), ErrorCode::OTHER);
    let codec = plugins.open_compression("unruly", &json!({})).unwrap();
    assert_eq!(codec.compress(Bytes::from_static(b"x")).unwrap_err().code(), ErrorCode::PANIC);
    assert_eq!(codec.decompress(Bytes::from_static(b"x"), 1).unwrap(), "x", "the adapter still works");
}

#[test]
fn a_panic_while_something_is_dropped_does_not_end_the_host() {
    let (_directory, plugins) = unruly();
    let storage = block_on(plugins.open_storage("unruly", &json!({"panic_in_drop": true}))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let cancelled =
        runtime.block_on(async { tokio::time::timeout(Duration::from_millis(20), storage.load("k")).await });
    assert!(cancelled.is_err(), "the call was cancelled by dropping its future");
    drop(storage);
    drop(plugins.open_compression("unruly", &json!({"panic_in_drop": true})).unwrap());
}

#[test]
fn a_plugin_has_timers_tasks_and_blocking_threads_of_its_own() {
    let (_directory, plugins) = unruly();
    // The host's runtime here has no timer at all.
    assert_eq!(block_on(open(&plugins).capabilities()).unwrap().max_object_size, Some(7));
}

#[test]
fn an_error_keeps_its_code_and_its_chain_of_causes() {
    let (_directory, plugins) = unruly();
    let error = block_on(open(&plugins).list(ListRequest::below(""))).unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (ErrorCode::THROTTLED, true));
    let middle = error.source().unwrap();
    assert_eq!((error.message(), middle.to_string()), ("the top", "the middle".to_owned()));
    assert_eq!(middle.source().unwrap().to_string(), "the root");
}

#[test]
fn bytes_cross_both_ways_at_the_same_address() {
    let directory = directory();
    install(directory.path(), "libtest.so");
    let plugins = Plugins::discover(&search(directory.path()));
    let storage = block_on(plugins.open_storage("shelf", &json!({}))).unwrap();
    let data = Bytes::from(vec![7; 1 << 20]);
    block_on(storage.save("k", data.clone())).unwrap();
    assert_eq!(block_on(storage.load("k")).unwrap().as_ptr(), data.as_ptr());
}

#[test]
fn events_and_spans_of_a_plugin_reach_the_hosts_log() {
    let seen = Seen::default();
    let subscriber = tracing_subscriber::registry()
        .with(seen.clone())
        .with(tracing_subscriber::filter::LevelFilter::DEBUG);
    let (_directory, plugins) = unruly();
    let storage = open(&plugins);
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("host_operation");
        let _entered = span.enter();
        block_on(storage.save("a/b", Bytes::from_static(b"abc"))).unwrap();
    });
    let lines = seen.0.lock().unwrap().clone();
    assert_eq!(
        lines,
        [
            r#"host_operation > plugin upload {"bytes":3,"key":"a/b"} > plugin part {"number":1} : INFO sending a/b unruly {"attempt":2,"done":true}"#
        ]
    );
}

/// Writes each event as one line: its spans from the outermost, then what it says.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Texts {
    name: String,
    message: String,
    origin: String,
    fields: String,
}

impl Visit for Texts {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "name" => value.clone_into(&mut self.name),
            "message" => value.clone_into(&mut self.message),
            "origin" => value.clone_into(&mut self.origin),
            "fields" => value.clone_into(&mut self.fields),
            _ => {}
        }
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        id: &tracing::span::Id,
        context: Context<'_, S>,
    ) {
        let mut texts = Texts::default();
        attributes.record(&mut texts);
        let name = format!("{} {} {}", attributes.metadata().name(), texts.name, texts.fields);
        context.span(id).unwrap().extensions_mut().insert(name.trim().to_owned());
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() != "persist::plugin" {
            return;
        }
        let mut texts = Texts::default();
        event.record(&mut texts);
        let spans: Vec<String> = context
            .event_scope(event)
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root)
            .map(|span| span.extensions().get::<String>().unwrap().clone())
            .collect();
        let level = event.metadata().level();
        let line =
            format!("{} : {level} {} {} {}", spans.join(" > "), texts.message, texts.origin, texts.fields);
        self.0.lock().unwrap().push(line);
    }
}
