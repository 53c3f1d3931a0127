//! An adapter, what it is tested on, and what `persist plugins check` says of it.

use std::{any::Any, process::Stdio, sync::Arc};

use persist_test_support::BACKENDS;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{
    artifacts,
    error::{Error, Result},
    tools::{line, program},
};

/// An adapter to check.
pub(super) struct Subject {
    kind: &'static str,
    adapter: &'static str,
    package: String,
    server: &'static str,
    options: Value,
    environment: Vec<(&'static str, String)>,
    differs: &'static [(&'static str, &'static str)],
    /// What must last until the checks have ended.
    _held: Option<Arc<dyn Any + Send + Sync>>,
}

/// What was found of an adapter.
pub(super) struct Found {
    pub(super) adapter: &'static str,
    /// What it was tested on.
    pub(super) server: &'static str,
    /// What it says that it offers.
    pub(super) claims: Map<String, Value>,
    /// The checks in their order, and how they went.
    pub(super) checks: Vec<(String, Outcome)>,
    /// The checks that the server does not pass, and why.
    pub(super) differs: &'static [(&'static str, &'static str)],
}

/// How a check went.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Passed,
    Failed,
    /// It was left out.
    Skipped,
}

/// As much as is needed of what the command prints.
#[derive(Deserialize)]
struct Report {
    adapters: Vec<AdapterReport>,
}

#[derive(Deserialize)]
struct AdapterReport {
    kind: String,
    name: String,
    claims: Map<String, Value>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    step: String,
    outcome: Outcome,
    detail: String,
}

impl Subject {
    /// Every storage adapter, those for servers with a new place on one that runs.
    pub(super) fn storage() -> Vec<Self> {
        let directory = tempfile::tempdir().ok().map(Arc::new);
        let root = directory.as_deref().map(TempDir::path);
        let mut subjects = vec![
            Self {
                server: "a file system of Linux",
                options: json!({ "root": root.map(|root| root.join("local")) }),
                _held: directory.clone().map(|held| held as _),
                ..Self::simple("storage", "local")
            },
            Self { server: "the process's memory", ..Self::simple("storage", "memory") },
        ];
        let part = |name: &str| json!({ "adapter": "local", "root": root.map(|root| root.join(name)) });
        for (adapter, options) in [
            ("tiered", json!({ "cache": part("cache"), "remote": part("remote") })),
            ("replicated", json!({ "primary": part("primary"), "replicas": [part("replica")] })),
        ] {
            subjects.push(Self {
                package: "persist-storage-tiered".to_owned(),
                server: "`local` over `local`",
                options,
                _held: directory.clone().map(|held| held as _),
                ..Self::simple("storage", adapter)
            });
        }
        subjects.extend(BACKENDS.iter().map(|backend| {
            let place = (backend.place)("conformance");
            Self {
                package: backend.package.to_owned(),
                server: backend.server,
                options: place.options,
                environment: place.environment,
                differs: backend.differs,
                _held: Some(place.server),
                ..Self::simple("storage", backend.adapter)
            }
        }));
        subjects
    }

    /// Every compression adapter.
    pub(super) fn compression() -> Vec<Self> {
        ["none", "gzip", "zstd", "lz4", "brotli"].map(|name| Self::simple("compression", name)).into()
    }

    fn simple(kind: &'static str, adapter: &'static str) -> Self {
        Self {
            kind,
            adapter,
            package: format!("persist-{kind}-{adapter}"),
            server: "",
            options: json!({}),
            environment: Vec::new(),
            differs: &[],
            _held: None,
        }
    }

    /// Runs the checks. That the server differs is no failure; anything else that is wrong is an error.
    pub(super) fn check(&self) -> Result<Found> {
        let mut command = program(artifacts::persist());
        command
            .args(["plugins", "check"])
            .arg(artifacts::plugin(&self.package))
            .args(["--json", "--timeout", "300", "--adapter", self.adapter])
            .args(["--options", &self.options.to_string()])
            .args(self.differs.iter().flat_map(|(check, _)| ["--except", check]))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped());
        println!("{} {}", self.kind, self.adapter);
        let output = command.output().map_err(|source| Error::Start { line: line(&command), source })?;
        let report: Report = serde_json::from_slice(&output.stdout)
            .map_err(|source| Error::Figures { line: line(&command), source })?;
        let mut adapters = report.adapters.into_iter();
        let adapter = adapters.find(|found| found.kind == self.kind && found.name == self.adapter);
        let Some(adapter) = adapter else {
            return Err(Error::Failed { line: line(&command), status: output.status });
        };
        let failed = adapter.steps.iter().find(|step| step.outcome == Outcome::Failed);
        if let Some(step) = failed {
            let found = format!("{} {}: {}: {}", self.kind, self.adapter, step.step, step.detail);
            return Err(Error::Unexpected { found });
        }
        // The other steps open, clean up and close.
        let checks =
            adapter.steps.into_iter().filter(|step| step.step.contains("::") || self.kind == "compression");
        let checks = checks.filter(|step| !["open", "close"].contains(&step.step.as_str()));
        Ok(Found {
            adapter: self.adapter,
            server: self.server,
            claims: adapter.claims,
            checks: checks.map(|step| (step.step, step.outcome)).collect(),
            differs: self.differs,
        })
    }
}
