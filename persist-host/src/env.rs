//! Every environment variable that Persist reads. Plugins read further ones of their own, for example the AWS SDK's.

use std::ffi::OsString;
use std::path::PathBuf;

/// The config file; it counts after `--config` and before every other source.
pub const CONFIG: &str = "PERSIST_CONFIG";

/// The store to use when `--store` is not given.
pub const STORE: &str = "PERSIST_STORE";

/// Directories to search for plugins, separated as in `PATH`; they count after `--plugin-dir`.
pub const PLUGIN_PATH: &str = "PERSIST_PLUGIN_PATH";

/// The log filter, such as `debug` or `persist_host=trace,warn`; `--log-level` overrides it.
pub const LOG: &str = "PERSIST_LOG";

/// The id of the request that a command is part of, for logs, traces and the audit trail; a new one if not set.
pub const REQUEST_ID: &str = "PERSIST_REQUEST_ID";

/// The place in a distributed trace that a command continues: a `traceparent` of W3C Trace Context.
pub const TRACEPARENT: &str = "TRACEPARENT";

/// The names above, with what each does, for the help texts.
pub const ALL: &[(&str, &str)] = &[
    (CONFIG, "The config file, unless --config names one"),
    (STORE, "The store to use, unless --store names one"),
    (PLUGIN_PATH, "Directories to search for plugins, separated as in PATH"),
    (LOG, "The log filter, for example debug or persist_host=trace,warn"),
    (REQUEST_ID, "The id of the request that the command is part of, for logs, traces and the audit log"),
    (TRACEPARENT, "The place in a trace that the command continues (W3C Trace Context)"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "Where to send traces, and the other OTEL_ variables: how"),
    ("NO_COLOR", "Set to anything: no colour, unless --color asks for it"),
    ("XDG_CONFIG_HOME", "The user's config directory, instead of ~/.config"),
    ("XDG_DATA_HOME", "The user's data directory, instead of ~/.local/share"),
];

/// The value of a variable; one that is empty counts as not set.
#[must_use]
pub fn value(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The value of a variable as a path; one that is empty counts as not set.
#[must_use]
pub fn path(name: &str) -> Option<PathBuf> {
    value(name).map(PathBuf::from)
}
