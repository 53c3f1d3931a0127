//! What `persist plugins check` asks of the process that may crash, and what that process answers.
//!
//! The request comes on standard input, since options may hold secrets that a command line would show. The answer is a
//! line of JSON for each event, so that what had happened is known whatever the end is.

mod child;
mod parent;

use persist_host::Outcome;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(super) use child::run as run_in_this_process;
pub(super) use parent::{command, run};

/// What to do with the plugin's adapters, one after the other.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) jobs: Vec<Job>,
    /// Names of checks to leave out.
    pub(super) except: Vec<String>,
}

/// What to do with one adapter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// `storage`, `compression`, or a kind that this release does not use.
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) options: Map<String, Value>,
    pub(super) work: Work,
}

/// What to do with an adapter once it is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Work {
    /// Nothing.
    Open,
    /// Run the checks, and remove what they wrote.
    Check,
    /// Remove what the checks of a process that has ended wrote below this prefix.
    Sweep(String),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    /// A step began with the adapter of this number.
    Begin { job: usize, step: String },
    /// The step that began last ended.
    End { outcome: Outcome, detail: String },
    /// What the adapter of this number says that it offers: names of capabilities and their values.
    Claims { job: usize, claims: Map<String, Value> },
    /// The checks are about to write below this prefix.
    Scratch { prefix: String },
    /// Nothing is left below the prefix.
    Clean,
    /// All jobs are done.
    Finished,
}

/// The step that opens an adapter.
pub(super) const OPEN: &str = "open";
/// The step that removes what the checks wrote.
pub(super) const CLEAN_UP: &str = "clean_up";
/// The step that drops the adapter.
pub(super) const CLOSE: &str = "close";
/// What follows the last step, until the process has ended.
pub(super) const EXIT: &str = "exit";
