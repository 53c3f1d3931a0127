//! Checks one file step by step, for the person who wants to know what is wrong with it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use persist_plugin_api::Descriptor;
use serde::{Deserialize, Serialize};

use super::discover::Verified;
use super::error::Step;
use super::evidence::Proven;
use super::policy::TrustPolicy;
use super::probe;

/// What the checks of one file found. Its JSON is a stable interface.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// The file.
    pub path: String,
    /// The plugin's name, if every check but the loading passed.
    pub name: Option<String>,
    /// The plugin's version, likewise.
    pub version: Option<String>,
    /// Every step, in order.
    pub steps: Vec<CheckStep>,
    /// What the plugin says of itself, if every check but the loading passed.
    #[serde(skip)]
    pub descriptor: Option<Descriptor>,
}

impl CheckReport {
    /// Whether no step failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.steps.iter().all(|step| step.outcome != Outcome::Failed)
    }
}

/// One step of the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckStep {
    /// The step.
    pub step: Step,
    /// How it went.
    pub outcome: Outcome,
    /// What was found, in one line.
    pub detail: String,
}

/// How a step of the checks went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// Not as it should be; the plugin is not used.
    Failed,
    /// Not looked at, because of an earlier failure or because nobody asked.
    Skipped,
}

/// Checks a file without running it, and then, if a probe is given and all is well so far, by loading it in a process
/// of its own, which may take as long as the time limit. The probe is a command such as
/// [`probe_command`](super::probe_command) to which the path is appended.
///
/// A lock file that lies beside the file counts, and so does what the policy asks for.
#[must_use]
pub fn check_file(
    path: &Path,
    policy: &TrustPolicy,
    probe: Option<Command>,
    time_limit: Duration,
) -> CheckReport {
    let verified = Verified::from_path(path).and_then(|verified| verified.prove(policy));
    let mut failure = verified.as_ref().err().map(|reason| (reason.step(), reason.to_string()));
    let loads = probe.is_some();
    if let (Ok((verified, _)), Some(command)) = (&verified, probe) {
        let probed = probe::run(command, &verified.path, &verified.descriptor, time_limit);
        failure = probed.err().map(|problem| (Step::Load, problem));
    }
    let speaks_for = verified.as_ref().ok().and_then(|(verified, proven)| evidence_text(verified, *proven));
    let steps = Step::ALL.map(|step| {
        let (outcome, detail) = match (&failure, &speaks_for) {
            (Some((failed, problem)), _) if *failed == step => (Outcome::Failed, problem.clone()),
            (Some((failed, _)), _) if *failed < step => (Outcome::Skipped, "not looked at".to_owned()),
            _ if step == Step::Load && !loads => (Outcome::Skipped, "not asked for".to_owned()),
            (_, Some(text)) if step == Step::Evidence => (Outcome::Passed, text.clone()),
            _ => (Outcome::Passed, step.passed_text().to_owned()),
        };
        CheckStep { step, outcome, detail }
    });
    let descriptor = verified.ok().map(|(verified, _)| verified.descriptor);
    CheckReport {
        path: path.display().to_string(),
        name: descriptor.as_ref().map(|it| it.name.clone()),
        version: descriptor.as_ref().map(|it| it.version.clone()),
        steps: steps.into(),
        descriptor,
    }
}

/// What speaks for a file's bytes; `None` if nothing does, and nothing has to.
fn evidence_text(verified: &Verified, proven: Option<Proven>) -> Option<String> {
    let signed = proven?.signed_by.map(|key| format!("signed by {key}"));
    let locked = verified.evidence.is_locked().then(|| "as plugins.lock lists it".to_owned());
    Some(locked.into_iter().chain(signed).collect::<Vec<_>>().join(", "))
}
