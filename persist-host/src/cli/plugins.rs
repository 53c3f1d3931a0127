//! `persist plugins`.

use std::path::Path;

use persist_host::{
    AdapterRow, Error, ErrorKind, Outcome as StepOutcome, PluginListing, PluginRow, Plugins, check_file,
    probe_command, probe_in_this_process,
};

use super::args::PluginsCommand;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{Output, plain};

pub(crate) async fn run(command: PluginsCommand, context: &Context) -> Outcome {
    match command {
        PluginsCommand::List => list(context),
        PluginsCommand::Check { file } => check(&file, context),
        PluginsCommand::Probe { file } => {
            context.output().line(&probe_in_this_process(&file)?)?;
            Ok(Exit::Done)
        }
    }
}

fn list(context: &Context) -> Outcome {
    let search = context.search_path(context.config()?);
    let listing = Plugins::discover(&search).listing();
    let output = context.output();
    if output.is_json() {
        output.object(&listing)?;
    } else {
        print(&listing, output)?;
    }
    Ok(Exit::Done)
}

fn print(listing: &PluginListing, output: &Output) -> Result<(), Failure> {
    let line = |text: &str| output.line(&plain(text));
    for plugin in &listing.plugins {
        line(&format!("{} {}  {}", plugin.name, plugin.version, plugin.path))?;
        for adapter in &plugin.adapters {
            line(&format!("  {:<11}  {:<12}  {}", adapter.kind, adapter.name, standing(plugin, adapter)))?;
        }
    }
    if listing.plugins.is_empty() {
        line("no plugins were found")?;
    }
    if !listing.rejected.is_empty() {
        line("\nrefused:")?;
    }
    for rejected in &listing.rejected {
        line(&format!("  {}: {}", rejected.path, rejected.reason))?;
    }
    line("\nsearched:")?;
    for directory in &listing.searched {
        line(&format!("  {} ({})", directory.path, directory.origin))?;
    }
    Ok(())
}

/// What an adapter is, or why its plugin does not serve it.
fn standing(plugin: &PluginRow, adapter: &AdapterRow) -> String {
    if let Some(other) = &adapter.shadowed_by {
        return format!("unused: {other} comes first");
    }
    if !adapter.contested_by.is_empty() {
        return format!("refused: {} also offers it", adapter.contested_by.join(", "));
    }
    if !adapter.active {
        return format!("unused by this release of persist (plugin protocol {})", plugin.protocol);
    }
    adapter.description.clone()
}

fn check(file: &Path, context: &Context) -> Outcome {
    let probe = probe_command().map_err(|error| {
        let message =
            "cannot tell where this program is, so the plugin cannot be tried in a process of its own";
        Error::new(ErrorKind::Other, "probe_failed", message).with_source(error)
    })?;
    let report = check_file(file, Some(probe));
    let output = context.output();
    if output.is_json() {
        output.object(&report)?;
    } else {
        for step in &report.steps {
            let mark = match step.outcome {
                StepOutcome::Passed => "ok",
                StepOutcome::Failed => "FAILED",
                StepOutcome::Skipped => "-",
            };
            output.line(&plain(&format!("{mark:<6}  {}", step.detail)))?;
        }
    }
    if report.passed() {
        return Ok(Exit::Done);
    }
    let message = format!("the plugin {} is refused", file.display());
    let failed = report.steps.into_iter().find(|step| step.outcome == StepOutcome::Failed);
    let error = Error::new(ErrorKind::Plugin, "plugin_refused", message);
    Err(match failed {
        Some(step) => error.with_source(step.detail),
        None => error,
    }
    .into())
}
