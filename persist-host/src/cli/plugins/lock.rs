//! `persist plugins lock`.

use std::path::PathBuf;

use persist_host::{
    Error, ErrorKind, LockChange, LockReport, LockVerdict, Result, SearchPath, lock_plugins, verify_locks,
};
use serde_json::json;

use crate::cli::args::PluginsLockArgs;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{Output, plain};

pub(super) fn run(args: &PluginsLockArgs, context: &Context) -> Outcome {
    let search = search_path(args.directory.clone(), context)?;
    let output = context.output();
    if args.verify {
        return verify(&verify_locks(&search), output);
    }
    let reports = lock_plugins(&search, args.output.as_deref())?;
    if output.is_json() {
        output.object(&json!({ "locks": reports }))?;
    } else if !output.is_quiet() {
        reports.iter().try_for_each(|report| print(report, output))?;
    }
    Ok(Exit::Done)
}

/// The directory that was named, or all that are searched; with the keys of the config in both cases.
fn search_path(directory: Option<PathBuf>, context: &Context) -> Result<SearchPath> {
    let config = context.config()?;
    Ok(match directory {
        Some(directory) => {
            SearchPath::new().with_flags([directory]).with_policy(config.plugins.trust_policy())
        }
        None => context.search_path(config),
    })
}

fn print(report: &LockReport, output: &Output) -> std::result::Result<(), Failure> {
    let line = |text: &str| output.line(&plain(text));
    line(&report.path)?;
    for plugin in &report.plugins {
        let change = match plugin.change {
            LockChange::Added => "added",
            LockChange::Changed => "changed",
            _ => "unchanged",
        };
        line(&format!(
            "  {change:<9}  {} {}  {}  sha256 {}",
            plugin.name, plugin.version, plugin.file, plugin.sha256
        ))?;
    }
    for file in &report.forgotten {
        line(&format!("  forgotten  {file}"))?;
    }
    for left_out in &report.left_out {
        line(&format!("  left out   {}: {}", left_out.path, left_out.reason))?;
    }
    Ok(())
}

fn verify(verdict: &LockVerdict, output: &Output) -> Outcome {
    if output.is_json() {
        output.object(verdict)?;
    } else if !output.is_quiet() {
        for path in &verdict.matching {
            output.line(&plain(&format!("ok        {path}")))?;
        }
        for row in &verdict.mismatches {
            output.line(&plain(&format!("MISMATCH  {}: {}", row.path, row.reason)))?;
        }
    }
    let failed = |message: String| Error::new(ErrorKind::Plugin, "plugin_lock_mismatch", message);
    let error = match verdict.mismatches.as_slice() {
        [] if verdict.locks.is_empty() => failed("there is no lock file to verify".to_owned())
            .with_hint("check where the plugins came from, then run 'persist plugins lock'"),
        [] => return Ok(Exit::Done),
        rows => {
            let error = failed(format!("not as it was locked: {} of the files", rows.len()));
            rows.iter().fold(error, |error, row| {
                error.with_context("mismatch", format!("{}: {}", row.path, row.reason))
            })
        }
    };
    Err(error.into())
}
