//! The adapters' options.

use std::time::Duration;

use persist_plugin_api::{Error, ErrorCode, Part, Result};
use serde::Deserialize;

use crate::tiered::LEAST_BYTES;

/// The most replicas.
const MAX_REPLICAS: usize = 8;

/// The longest time limit, in seconds.
const MAX_SECONDS: u64 = 86_400;

/// The options of the tiered adapter.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TieredConfig {
    /// The adapter that keeps copies: fast, and losing it loses nothing.
    #[cfg_attr(test, schemars(schema_with = "storage_part"))]
    pub(crate) cache: Part,
    /// The adapter that the store lies in. It decides, and it alone is relied on.
    #[cfg_attr(test, schemars(schema_with = "storage_part"))]
    pub(crate) remote: Part,
    /// The most bytes that the copies may take together.
    #[serde(default = "default_max_bytes")]
    pub(crate) max_bytes: u64,
    /// The largest object that is copied, in bytes; by default it is as large as `max_bytes` allows.
    #[serde(default)]
    pub(crate) max_object_bytes: Option<u64>,
}

impl TieredConfig {
    /// Puts `cache`, with at most 1 GiB of copies, in front of `remote`.
    #[must_use]
    pub fn new(cache: Part, remote: Part) -> Self {
        Self { cache, remote, max_bytes: default_max_bytes(), max_object_bytes: None }
    }

    /// Sets the most bytes that the copies may take together.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the largest object that is copied, in bytes.
    #[must_use]
    pub fn max_object_bytes(mut self, bytes: u64) -> Self {
        self.max_object_bytes = Some(bytes);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        for (name, value) in
            [("max_bytes", Some(self.max_bytes)), ("max_object_bytes", self.max_object_bytes)]
        {
            if value == Some(0) {
                let message = format!(
                    "the option {name} = 0 leaves no room for copies; give it some, or use the remote's adapter by itself"
                );
                return Err(Error::new(ErrorCode::CONFIG, message));
            }
        }
        if self.max_bytes < LEAST_BYTES {
            let message = format!(
                "the option max_bytes = {} leaves no room for copies, each of which counts for at least {LEAST_BYTES} bytes; give \
                 it more, or use the remote's adapter by itself",
                self.max_bytes
            );
            return Err(Error::new(ErrorCode::CONFIG, message));
        }
        Ok(())
    }
}

/// The options of the replicated adapter.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReplicatedConfig {
    /// The adapter that decides every commit.
    #[cfg_attr(test, schemars(schema_with = "storage_part"))]
    pub(crate) primary: Part,
    /// The adapters that keep copies, one to eight. Reads ask them in this order.
    #[cfg_attr(test, schemars(schema_with = "storage_parts"))]
    pub(crate) replicas: Vec<Part>,
    /// How long a write may wait for each replica, in seconds. What takes longer is caught up later.
    #[serde(default = "default_seconds")]
    pub(crate) replica_timeout: u64,
    /// How long a read waits for the primary before it asks the replicas, in seconds.
    #[serde(default = "default_seconds")]
    pub(crate) failover_after: u64,
}

impl ReplicatedConfig {
    /// Keeps copies of what `primary` confirms in `replicas`.
    #[must_use]
    pub fn new(primary: Part, replicas: Vec<Part>) -> Self {
        Self { primary, replicas, replica_timeout: default_seconds(), failover_after: default_seconds() }
    }

    /// Sets how long a write may wait for each replica, in seconds.
    #[must_use]
    pub fn replica_timeout(mut self, seconds: u64) -> Self {
        self.replica_timeout = seconds;
        self
    }

    /// Sets how long a read waits for the primary before it asks the replicas, in seconds.
    #[must_use]
    pub fn failover_after(mut self, seconds: u64) -> Self {
        self.failover_after = seconds;
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        let count = self.replicas.len();
        if !(1..=MAX_REPLICAS).contains(&count) {
            let message = format!("the option replicas holds {count} adapters; expected 1 to {MAX_REPLICAS}");
            return Err(Error::new(ErrorCode::CONFIG, message));
        }
        let limits = [("replica_timeout", self.replica_timeout), ("failover_after", self.failover_after)];
        match limits.into_iter().find(|(_, seconds)| !(1..=MAX_SECONDS).contains(seconds)) {
            None => Ok(()),
            Some((name, seconds)) => {
                let message = format!("the option {name} = {seconds} is not from 1 to {MAX_SECONDS} seconds");
                Err(Error::new(ErrorCode::CONFIG, message))
            }
        }
    }

    pub(crate) fn limits(&self) -> (Duration, Duration) {
        (Duration::from_secs(self.replica_timeout), Duration::from_secs(self.failover_after))
    }
}

fn default_max_bytes() -> u64 {
    1 << 30
}

fn default_seconds() -> u64 {
    10
}

/// What tells the host that an option is an adapter.
#[cfg(test)]
fn storage_part(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "persist": "storage" })
}

#[cfg(test)]
fn storage_parts(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "array", "minItems": 1, "maxItems": 8, "items": storage_part(generator) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(file: &str, name: &str, options: schemars::Schema) {
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let options = options.to_value();
        assert_eq!(file, options, "src/{name} should be:\n{options:#}");
    }

    #[test]
    fn the_schema_files_describe_the_options() {
        expect(include_str!("tiered.json"), "tiered.json", schemars::schema_for!(TieredConfig));
        expect(include_str!("replicated.json"), "replicated.json", schemars::schema_for!(ReplicatedConfig));
    }

    #[test]
    fn a_misspelt_or_missing_option_is_refused_by_name() {
        let error = serde_json::from_str::<TieredConfig>(r#"{"max_byte": 5}"#).unwrap_err().to_string();
        assert!(error.contains("max_byte") && error.contains("max_bytes"), "{error}");
        let error = serde_json::from_str::<ReplicatedConfig>("{}").unwrap_err().to_string();
        assert!(error.contains("missing field `primary`"), "{error}");
    }
}
