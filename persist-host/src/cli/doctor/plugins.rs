//! The plugins that were found, and the files that were not accepted.

use persist_host::Plugins;

use super::finding::Finding;
use crate::cli::exit::Exit;

pub(super) fn check(plugins: &Plugins) -> Vec<Finding> {
    let refused = plugins.rejected().iter().map(|rejection| {
        let remedy = "replace or remove it; `persist plugins check FILE` says more";
        Finding::warning("plugins", format!("{rejection}"), remedy)
    });
    let mut findings: Vec<Finding> = refused.collect();
    let count = plugins.files().len();
    findings.push(if count == 0 {
        let remedy = "install Persist's plugins, or name their directory with --plugin-dir or plugins.path";
        Finding { exit: Exit::Plugin, ..Finding::wrong("plugins", "no plugin was found", remedy) }
    } else {
        Finding::ok("plugins", format!("{count} found"))
    });
    findings
}
