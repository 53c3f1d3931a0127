//! The observer that counts.

use std::time::Duration;

use super::families::Families;
use crate::Result;
use crate::observe::{CacheLookup, Facts, Observer, Operation, Outcome, StorageCall, Subject};

/// Counts what it is told of.
pub(super) struct Counting(&'static Families);

impl Counting {
    pub(super) fn new(families: &'static Families) -> Self {
        Self(families)
    }
}

impl Observer for Counting {
    fn begin(&self, subject: &Subject) -> Result<()> {
        self.0.operations_in_flight.with_label_values(&labels(subject)).inc();
        Ok(())
    }

    fn end(&self, subject: &Subject, outcome: &Outcome<'_>, elapsed: Duration) {
        let families = self.0;
        let labels @ [operation, store, adapter] = labels(subject);
        families.operations_in_flight.with_label_values(&labels).dec();
        families.operations.with_label_values(&[operation, store, adapter, outcome.name()]).inc();
        families.operation_seconds.with_label_values(&labels).observe(elapsed.as_secs_f64());
        if let Outcome::Succeeded(facts) = outcome {
            self.sizes(subject, facts);
        }
    }

    fn storage_call(&self, call: &StorageCall<'_>) {
        let (families, method) = (self.0, [call.adapter, call.method]);
        let outcome = match call.error {
            Some(error) => error.code().name(),
            None if call.cancelled => "cancelled",
            None => "ok",
        };
        families.storage_calls.with_label_values(&[call.adapter, call.method, outcome]).inc();
        families.storage_seconds.with_label_values(&method).observe(call.elapsed.as_secs_f64());
        if call.bytes > 0 {
            families.storage_bytes.with_label_values(&method).inc_by(call.bytes);
        }
    }

    fn cache_lookup(&self, lookup: &CacheLookup<'_>) {
        let result = if lookup.hit { "hit" } else { "miss" };
        self.0.cache_lookups.with_label_values(&[lookup.store, result]).inc();
    }
}

impl Counting {
    /// Counts the lengths of what was written or read; other operations only tell of them.
    fn sizes(&self, subject: &Subject, facts: &Facts) {
        if !matches!(
            subject.operation,
            Operation::Save | Operation::Restore | Operation::Attach | Operation::ReadAttachment
        ) {
            return;
        }
        let (Some(content), Some(stored)) = (facts.content_length, facts.stored_bytes) else { return };
        // Precise enough: a double holds every whole number up to 2^53.
        let (content, stored) = (content as f64, stored as f64);
        let labels = [subject.operation.name(), &*subject.store];
        self.0.content_bytes.with_label_values(&labels).observe(content);
        self.0.stored_bytes.with_label_values(&labels).observe(stored);
        if subject.operation == Operation::Save && content > 0.0 {
            self.0.stored_ratio.with_label_values(&[&*subject.store]).observe(stored / content);
        }
    }
}

fn labels(subject: &Subject) -> [&str; 3] {
    [subject.operation.name(), &subject.store, &subject.adapter]
}
