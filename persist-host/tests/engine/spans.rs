//! What is recorded in the spans of operations and of the calls that they make.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Id, Record};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::support::*;

/// Writes down what is recorded after a span was made: the span's name and the field with its value.
#[derive(Clone)]
struct Recorded {
    level: Level,
    lines: Arc<Mutex<Vec<String>>>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorded {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.level
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let name = context.span(id).unwrap().name();
        values.record(&mut Lines { name, lines: &mut self.lines.lock().unwrap() });
    }
}

struct Lines<'a> {
    name: &'static str,
    lines: &'a mut Vec<String>,
}

impl Visit for Lines<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.lines.push(format!("{} {field}={value:?}", self.name));
    }
}

/// What is recorded of a save whose first call is answered with an error and repeated.
async fn of_a_repeated_save(level: Level) -> Vec<String> {
    let recorded = Recorded { level, lines: Arc::default() };
    let subscriber = tracing_subscriber::registry().with(recorded.clone());
    let _default = tracing::subscriber::set_default(subscriber);
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    recorded.lines.lock().unwrap().clear();
    adapter.fail_creates(&[Fault::LostRequest]);
    save(&store, "a/s", 1).await.unwrap();
    let lines = recorded.lines.lock().unwrap();
    lines.clone()
}

#[tokio::test]
async fn calls_record_nothing_in_the_span_of_their_operation() {
    let length = state(1).len();
    let own = ["operation index=1".to_owned(), format!("operation bytes={length}")];
    assert_eq!(of_a_repeated_save(Level::INFO).await, own);
    let all = of_a_repeated_save(Level::DEBUG).await;
    let of_operation: Vec<_> = all.iter().filter(|line| line.starts_with("operation ")).collect();
    assert_eq!(of_operation, own.iter().collect::<Vec<_>>());
    assert!(all.contains(&"storage_call otel.status_code=\"ERROR\"".to_owned()), "{all:?}");
}
