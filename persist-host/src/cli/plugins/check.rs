//! `persist plugins check`: what can be seen from outside, then loading, opening and the checks of the adapters, all in
//! processes of their own.

mod jobs;
mod report;

use std::io;
use std::time::Duration;

use persist_host::{Error, ErrorKind, Outcome as StepOutcome, TrustPolicy, check_file, probe_command};

use super::super::args::CheckPluginArgs;
use super::super::context::Context;
use super::super::exit::Exit;
use super::super::failure::Outcome;
use super::super::output::plain;
use super::trial::{self, Event, Job, Request, Work};
use report::Report;

pub(super) async fn run(args: CheckPluginArgs, context: &Context) -> Outcome {
    let time_limit = Duration::from_secs(args.timeout);
    let probe = probe_command().map_err(cannot_try)?;
    // As with the adapters' options: a config counts where the command line names one.
    let policy = match context.names_store() {
        true => context.config()?.plugins.trust_policy(),
        false => TrustPolicy::new(),
    };
    let mut report = Report::new(check_file(&args.file, &policy, Some(probe), time_limit));
    if let Some(descriptor) = report.passed().then(|| report.file.descriptor.take()).flatten() {
        let jobs = jobs::jobs(&descriptor, &args, context)?;
        jobs::check_exceptions(&args.except, &jobs)?;
        let request = Request { jobs, except: args.except.clone() };
        if !request.jobs.is_empty() {
            let command = trial::command(&args.file, context).map_err(cannot_try)?;
            let ran = trial::run(command, &request, time_limit).await.map_err(cannot_try)?;
            report.add(&request.jobs, &ran.events, ran.ended);
            report.left_behind = sweep(&args, context, &request.jobs, &ran.events, time_limit).await?;
        }
    }
    let output = context.output();
    if output.is_json() {
        output.object(&report)?;
    } else {
        for line in report.lines() {
            output.line(&plain(&line))?;
        }
    }
    match report.failure() {
        None => Ok(Exit::Done),
        Some(error) => Err(error.into()),
    }
}

/// Removes what checks left behind whose process came to a sudden end. Returns the prefix if something may be there
/// still.
async fn sweep(
    args: &CheckPluginArgs,
    context: &Context,
    jobs: &[Job],
    events: &[Event],
    time_limit: Duration,
) -> Result<Option<String>, Error> {
    // The store that was written to last, and whether it was cleaned.
    let (mut unclean, mut current) = (None, 0);
    for event in events {
        match event {
            Event::Begin { job, .. } => current = *job,
            Event::Scratch { prefix } => unclean = Some((current, prefix)),
            Event::Clean => unclean = None,
            Event::End { .. } | Event::Claims { .. } | Event::Finished => {}
        }
    }
    let Some((job, prefix)) = unclean.and_then(|(job, prefix)| Some((jobs.get(job)?, prefix))) else {
        return Ok(None);
    };
    let request =
        Request { jobs: vec![Job { work: Work::Sweep(prefix.clone()), ..job.clone() }], except: Vec::new() };
    let command = trial::command(&args.file, context).map_err(cannot_try)?;
    let ran = trial::run(command, &request, time_limit).await.map_err(cannot_try)?;
    Ok((!ran.events.contains(&Event::Clean)).then(|| prefix.clone()))
}

fn cannot_try(error: io::Error) -> Error {
    let message = "cannot try the plugin in a process of its own";
    Error::new(ErrorKind::Other, "probe_failed", message).with_source(error)
}

/// How an outcome is marked in the report for people.
fn mark(outcome: StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Passed => "ok",
        StepOutcome::Failed => "FAILED",
        StepOutcome::Skipped => "-",
    }
}
