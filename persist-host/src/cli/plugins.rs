//! `persist plugins`.

mod check;
mod lock;
mod new;
mod trial;

use persist_host::{AdapterRow, PluginListing, PluginRow, PluginTrust, Plugins, probe_in_this_process};

use super::args::PluginsCommand;
use super::context::Context;
use super::exit::Exit;
use super::failure::{Failure, Outcome};
use super::output::{Output, plain};

pub(crate) async fn run(command: PluginsCommand, context: &Context) -> Outcome {
    match command {
        PluginsCommand::List => list(context),
        PluginsCommand::Check(args) => check::run(args, context).await,
        PluginsCommand::Lock(args) => lock::run(&args, context),
        PluginsCommand::New(args) => new::run(&args, context),
        PluginsCommand::Probe { file } => {
            context.output().line(&probe_in_this_process(&file)?)?;
            Ok(Exit::Done)
        }
        PluginsCommand::Try { file } => {
            let others = Plugins::discover(&context.search_path_as_named()?);
            trial::run_in_this_process(&file, &others).await?;
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
        line(&format!("  {}", identity(plugin)))?;
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

/// What a plugin was built for, what its bytes are, and what speaks for them.
fn identity(plugin: &PluginRow) -> String {
    let digest = plugin.sha256.as_ref().map(|digest| format!("sha256 {digest}, ")).unwrap_or_default();
    let locked = if plugin.locked { "locked" } else { "unlocked" };
    let trust = match (&plugin.signed_by, plugin.trust) {
        (_, PluginTrust::Mismatch) => "mismatch, see below".to_owned(),
        (Some(key), _) => format!("{locked}, signed by {key}"),
        (None, _) => locked.to_owned(),
    };
    format!("protocol {}, {digest}{trust}", plugin.protocol)
}

/// What an adapter is, or why its plugin does not serve it.
fn standing(plugin: &PluginRow, adapter: &AdapterRow) -> String {
    if let Some(other) = &adapter.shadowed_by {
        return format!("unused: {other} comes first");
    }
    if !adapter.contested_by.is_empty() {
        return format!("refused: {} also offers it", adapter.contested_by.join(", "));
    }
    if plugin.trust == PluginTrust::Mismatch {
        return "refused: the plugin is not what was locked or signed".to_owned();
    }
    if !adapter.active {
        return format!("unused by this release of persist (plugin protocol {})", plugin.protocol);
    }
    adapter.description.clone()
}
