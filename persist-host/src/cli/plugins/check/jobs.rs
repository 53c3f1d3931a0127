//! What is tried of a plugin's adapters: which are opened with which options, and which go through the checks.

use persist_host::{AdapterKind, Error, ErrorKind, Result};
use persist_plugin_api::Descriptor;
use persist_plugin_testkit::{compression_checks, handle_checks, storage_checks};
use serde_json::{Map, Value};

use super::super::super::args::CheckPluginArgs;
use super::super::super::context::Context;
use super::super::trial::{Job, Work};

/// A job for each adapter that the plugin offers and this release uses.
///
/// # Errors
/// Of kind [`ErrorKind::Usage`], when the options or the store have nothing to do with the plugin; as the config's.
pub(super) fn jobs(descriptor: &Descriptor, args: &CheckPluginArgs, context: &Context) -> Result<Vec<Job>> {
    let used = [AdapterKind::Storage, AdapterKind::Compression];
    let adapters = descriptor.adapters.iter().filter(|it| used.iter().any(|kind| kind.as_str() == it.kind));
    let mut jobs: Vec<Job> = adapters
        .map(|it| Job { kind: it.kind.clone(), name: it.name.clone(), options: Map::new(), work: Work::Open })
        .collect();
    if let Some(options) = &args.options {
        with_options(&mut jobs, options, args.adapter.as_deref(), descriptor)?;
    } else if context.names_store() {
        with_store(&mut jobs, descriptor, context)?;
    }
    Ok(jobs)
}

/// Requires that each exception is a check of one of the jobs.
///
/// # Errors
/// Of kind [`ErrorKind::Usage`], with the names that there are.
pub(super) fn check_exceptions(except: &[String], jobs: &[Job]) -> Result<()> {
    let names: Vec<&str> = jobs.iter().flat_map(check_names).collect();
    match except.iter().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let hint = match names.is_empty() {
                true => "no checks are run without --config, --store or --options".to_owned(),
                false => format!("the checks are: {}", names.join(", ")),
            };
            Err(usage(format!("there is no check {name:?} to leave out")).with_hint(hint))
        }
    }
}

/// The checks of a job, in order.
pub(super) fn check_names(job: &Job) -> Vec<&'static str> {
    match (&job.work, job.kind.as_str()) {
        (Work::Check, "storage") => {
            let handles = handle_checks().into_iter().map(|check| check.name);
            storage_checks().into_iter().map(|check| check.name).chain(handles).collect()
        }
        (Work::Check, _) => compression_checks().into_iter().map(|check| check.name).collect(),
        _ => Vec::new(),
    }
}

fn with_options(
    jobs: &mut [Job],
    options: &Map<String, Value>,
    adapter: Option<&str>,
    descriptor: &Descriptor,
) -> Result<()> {
    let several = jobs.iter().any(|job| jobs.iter().any(|other| other.name != job.name));
    if adapter.is_none() && several {
        let message = format!("the plugin {} offers several adapters", descriptor.name);
        return Err(usage(message).with_hint(format!("say which with --adapter: {}", names(jobs))));
    }
    let mut found = false;
    for job in jobs.iter_mut().filter(|job| adapter.is_none_or(|name| name == job.name)) {
        (job.options, job.work, found) = (options.clone(), Work::Check, true);
    }
    if found {
        return Ok(());
    }
    let message =
        format!("the plugin {} offers no adapter {:?}", descriptor.name, adapter.unwrap_or_default());
    Err(usage(message).with_hint(format!("it offers: {}", names(jobs))))
}

fn with_store(jobs: &mut [Job], descriptor: &Descriptor, context: &Context) -> Result<()> {
    let (name, store) = context.config()?.store(context.store_name().as_deref())?;
    let storage = Some((AdapterKind::Storage, &store.storage));
    let compression = store.compression.as_ref().map(|adapter| (AdapterKind::Compression, adapter));
    let mut found = false;
    for (kind, adapter) in [storage, compression].into_iter().flatten() {
        for job in jobs.iter_mut().filter(|job| job.kind == kind.as_str() && job.name == adapter.adapter) {
            (job.options, job.work, found) = (adapter.options.clone(), Work::Check, true);
        }
    }
    if found {
        return Ok(());
    }
    let message = format!("the store {name:?} uses no adapter of the plugin {}", descriptor.name);
    let hint =
        format!("name one that does with --store, or give --options; the plugin offers: {}", names(jobs));
    Err(usage(message).with_hint(hint))
}

fn names(jobs: &[Job]) -> String {
    jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, "check_options", message)
}
