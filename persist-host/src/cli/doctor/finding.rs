//! One thing that was looked at.

use std::time::Duration;

use persist_host::Error;
use serde::Serialize;

use crate::cli::exit::Exit;

/// What was looked at, what was found, and what to do about it.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) check: &'static str,
    /// The store that it is about, if it is about one.
    pub(super) store: Option<String>,
    pub(super) status: Status,
    pub(super) message: String,
    /// What to do; never absent where something is wrong.
    pub(super) remedy: Option<String>,
    /// How long it took, in milliseconds, where that tells something.
    pub(super) elapsed_ms: Option<f64>,
    /// What the command exits with for it.
    #[serde(skip)]
    pub(super) exit: Exit,
}

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// Saving and restoring work, and somebody should look at it.
    Warning,
    /// Saving or restoring does not work.
    Failed,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "FAILED",
        }
    }
}

impl Finding {
    pub(super) fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self {
            check,
            store: None,
            status: Status::Ok,
            message: message.into(),
            remedy: None,
            elapsed_ms: None,
            exit: Exit::Done,
        }
    }

    pub(super) fn warning(
        check: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { status: Status::Warning, remedy: Some(remedy.into()), ..Self::ok(check, message) }
    }

    /// Something that keeps Persist from working, and no error says so.
    pub(super) fn wrong(check: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let warning = Self::warning(check, message, remedy);
        Self { status: Status::Failed, exit: Exit::Failure, ..warning }
    }

    /// An error, with its causes and its hint.
    pub(super) fn failed(check: &'static str, error: &Error) -> Self {
        let first = std::error::Error::source(error);
        let causes = std::iter::successors(first, |cause| cause.source());
        let mut parts: Vec<String> =
            std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect();
        parts.dedup();
        let remedy = error.hint().map_or_else(|| remedy(error.code()).to_owned(), ToOwned::to_owned);
        Self { exit: Exit::of(error.kind()), ..Self::wrong(check, parts.join(": "), remedy) }
    }

    pub(super) fn took(mut self, elapsed: Duration) -> Self {
        self.elapsed_ms = Some((elapsed.as_secs_f64() * 1e4).round() / 10.0);
        self
    }
}

/// What to do about an error that does not say so itself.
fn remedy(code: &str) -> &'static str {
    match code {
        "permission_denied" => {
            "let this user or these credentials write, read and delete there, and check that the storage is not read-only"
        }
        "no_space" => {
            "add some space there, or free some with `persist prune` and `persist gc`, which write a little first"
        }
        "container_missing" => {
            "create the bucket, container or directory, or correct its name in the store's options"
        }
        "backend_timeout" | "backend_unavailable" | "backend_throttled" => {
            "check that the service runs, that its address is right and that the network lets this machine reach it"
        }
        "unsupported" | "adapter_refused_argument" | "adapter_options" => {
            "correct the store's options; `persist plugins list` names the adapters, and their plugins document them"
        }
        _ => "look at the causes, and run the command again with --log-level debug",
    }
}
