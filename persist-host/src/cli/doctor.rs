//! `persist doctor`: whether everything is there that saving and restoring needs, and what to do where it is not.
//!
//! Each store is tried with an object of its own outside of all sessions, which is removed again.

mod conditional;
mod files;
mod finding;
mod plugins;
mod probe;
mod space;
mod store;

use std::sync::Arc;
use std::time::Duration;

use persist_host::{Config, Plugins, Result};
use serde::Serialize;

use super::args::DoctorArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::{Output, plain};
use finding::{Finding, Status};

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    healthy: bool,
    findings: &'a [Finding],
}

pub(crate) async fn run(args: DoctorArgs, context: &Context) -> Outcome {
    let findings = findings(Duration::from_secs(args.timeout.get()), context).await;
    let failed = findings.iter().find(|finding| finding.status == Status::Failed);
    let output = context.output();
    if output.is_json() {
        output.object(&Report { healthy: failed.is_none(), findings: &findings })?;
    } else {
        for finding in &findings {
            print(finding, output)?;
        }
    }
    Ok(failed.map_or(Exit::Done, |finding| finding.exit))
}

async fn findings(limit: Duration, context: &Context) -> Vec<Finding> {
    let config = match context.config() {
        Ok(config) => config,
        Err(error) => return vec![Finding::failed("config", &error)],
    };
    let mut findings = files::check(config);
    let found = Arc::new(Plugins::discover(&context.search_path(config)));
    findings.extend(plugins::check(&found));
    match stores(config, context) {
        Ok(names) => {
            for name in names {
                findings.extend(store::check(config, name, &found, limit).await);
            }
        }
        Err(error) => findings.push(Finding::failed("store", &error)),
    }
    findings
}

/// The store that the command line names, or all of them.
fn stores<'a>(config: &'a Config, context: &Context) -> Result<Vec<&'a str>> {
    match context.store_name() {
        Some(name) => config.store(Some(&name)).map(|(name, _)| vec![name]),
        None if config.stores.is_empty() => config.store(None).map(|(name, _)| vec![name]),
        None => Ok(config.stores.keys().map(String::as_str).collect()),
    }
}

fn print(finding: &Finding, output: &Output) -> Result<(), super::failure::Failure> {
    if output.is_quiet() && finding.status == Status::Ok {
        return Ok(());
    }
    let store = finding.store.as_ref().map_or_else(String::new, |store| format!("{store}: "));
    let took = finding.elapsed_ms.map_or_else(String::new, |elapsed| format!(" ({elapsed:.1} ms)"));
    let line = format!("{:7} {:11} {store}{}{took}", finding.status.name(), finding.check, finding.message);
    output.line(&plain(&line).replace('\n', "\n        "))?;
    match &finding.remedy {
        Some(remedy) => {
            output.line(&format!("        remedy: {}", plain(remedy).replace('\n', "\n        ")))
        }
        None => Ok(()),
    }
}
