//! One store: whether it opens, and whether its storage does what it should.

use std::sync::Arc;
use std::time::{Duration, Instant};

use persist_host::{Config, Plugins, StoreUse, open_compression, open_store_options};
use tokio::time::timeout;

use super::finding::Finding;
use super::{probe, space};

pub(super) async fn check(
    config: &Config,
    name: &str,
    plugins: &Arc<Plugins>,
    limit: Duration,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    match open_compression(config, Some(name), plugins) {
        Ok(Some(_)) => findings.push(Finding::ok("compression", "the adapter opens")),
        Ok(None) => findings.push(Finding::ok("compression", "none is configured")),
        Err(error) => findings.push(Finding::failed("compression", &error)),
    }
    let started = Instant::now();
    let opening = open_store_options(config, Some(name), plugins, StoreUse::Try);
    match timeout(limit, opening).await {
        Ok(Ok(options)) => {
            findings.push(Finding::ok("storage", "the adapter opens").took(started.elapsed()));
            findings.extend(space::check(config, name));
            findings.extend(probe::run(&options, limit).await);
        }
        Ok(Err(error)) => findings.push(Finding::failed("storage", &error)),
        Err(_) => findings.push(probe::late("storage", limit)),
    }
    for finding in &mut findings {
        finding.store = Some(name.to_owned());
    }
    findings
}
