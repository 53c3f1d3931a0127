//! What `persist plugins check` found. Its JSON is a stable interface.

use persist_host::{CheckReport, Error, ErrorKind, Outcome};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::trial::{EXIT, Event, Job, OPEN};
use super::jobs::check_names;
use super::mark;

/// What was found of the file and of each of its adapters.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) file: CheckReport,
    adapters: Vec<AdapterReport>,
    /// What the keys of objects begin with that the checks wrote and that could not be removed.
    pub(super) left_behind: Option<String>,
}

/// What was found of one adapter.
#[derive(Debug, Serialize)]
struct AdapterReport {
    kind: String,
    name: String,
    /// What it says that it offers; empty unless it went through the checks.
    claims: Map<String, Value>,
    steps: Vec<Finding>,
}

/// How one step with an adapter went: `open`, the checks, `clean_up`, `close`, `exit`.
#[derive(Debug, Serialize)]
struct Finding {
    step: String,
    outcome: Outcome,
    detail: String,
}

impl Report {
    pub(super) fn new(file: CheckReport) -> Self {
        Self { file, adapters: Vec::new(), left_behind: None }
    }

    pub(super) fn passed(&self) -> bool {
        self.file.passed() && self.failed().is_empty()
    }

    /// Adds what a process said of the adapters, and why it ended early, if it did.
    pub(super) fn add(&mut self, jobs: &[Job], events: &[Event], ended: Option<String>) {
        self.adapters = jobs
            .iter()
            .map(|job| AdapterReport {
                kind: job.kind.clone(),
                name: job.name.clone(),
                claims: Map::new(),
                steps: Vec::new(),
            })
            .collect();
        let (mut current, mut open_step) = (0, None);
        for event in events {
            match event {
                Event::Begin { job, step } => (current, open_step) = (*job, Some(step.clone())),
                Event::End { outcome, detail } => {
                    if let Some(step) = open_step.take() {
                        self.push(current, step, *outcome, detail.clone());
                    }
                }
                Event::Claims { job, claims } => {
                    if let Some(adapter) = self.adapters.get_mut(*job) {
                        adapter.claims.clone_from(claims);
                    }
                }
                Event::Scratch { .. } | Event::Clean | Event::Finished => {}
            }
        }
        if let Some(ended) = ended {
            // Before its first word a process loads the plugin and begins to open the first adapter.
            let begun = if events.is_empty() { OPEN } else { EXIT };
            let step = open_step.unwrap_or_else(|| begun.to_owned());
            self.push(current, step, Outcome::Failed, ended);
        }
        for (number, job) in jobs.iter().enumerate() {
            for step in std::iter::once(OPEN).chain(check_names(job)) {
                if !self.knows(number, step) {
                    self.push(number, step.to_owned(), Outcome::Skipped, "not looked at".to_owned());
                }
            }
        }
    }

    /// A line for each step.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |outcome: Outcome, text: &str| format!("{:<6}  {text}", mark(outcome));
        let mut lines: Vec<String> =
            self.file.steps.iter().map(|step| line(step.outcome, &step.detail)).collect();
        for adapter in &self.adapters {
            for found in &adapter.steps {
                let colon = if found.detail.is_empty() { "" } else { ": " };
                let text =
                    format!("{} {}  {}{colon}{}", adapter.kind, adapter.name, found.step, found.detail);
                lines.push(line(found.outcome, &text));
            }
        }
        if let Some(prefix) = &self.left_behind {
            lines.push(format!(
                "objects whose keys begin with {prefix:?} may have been left in the storage; look there and remove them"
            ));
        }
        lines
    }

    /// The error that the command ends with, if anything failed.
    pub(super) fn failure(self) -> Option<Error> {
        let path = self.file.path.clone();
        if !self.file.passed() {
            let error =
                Error::new(ErrorKind::Plugin, "plugin_refused", format!("the plugin {path} is refused"));
            let failed = self.file.steps.into_iter().find(|step| step.outcome == Outcome::Failed);
            return Some(match failed {
                Some(step) => error.with_source(step.detail),
                None => error,
            });
        }
        let failed = self.failed();
        let (adapter, first) = failed.first()?;
        let message = format!("the plugin {path} failed {} of the steps with its adapters", failed.len());
        let cause = format!("{} {}: {}: {}", adapter.kind, adapter.name, first.step, first.detail);
        Some(Error::new(ErrorKind::Plugin, "plugin_failed_checks", message).with_source(cause))
    }

    fn failed(&self) -> Vec<(&AdapterReport, &Finding)> {
        let all =
            self.adapters.iter().flat_map(|adapter| adapter.steps.iter().map(move |step| (adapter, step)));
        all.filter(|(_, step)| step.outcome == Outcome::Failed).collect()
    }

    fn push(&mut self, adapter: usize, step: String, outcome: Outcome, detail: String) {
        if let Some(adapter) = self.adapters.get_mut(adapter) {
            adapter.steps.push(Finding { step, outcome, detail });
        }
    }

    fn knows(&self, adapter: usize, step: &str) -> bool {
        self.adapters.get(adapter).is_some_and(|adapter| adapter.steps.iter().any(|found| found.step == step))
    }
}
