//! `persist migrate`.

mod report;

use std::pin::pin;
use std::time::Instant;

use futures_util::StreamExt as _;
use persist_host::{Error, ErrorKind, MigrateOptions, Store};

use super::args::MigrateArgs;
use super::context::Context;
use super::failure::Outcome;
use super::progress::Progress;
use report::Report;

pub(crate) async fn run(args: MigrateArgs, context: &Context) -> Outcome {
    let config = context.config()?;
    let ((from_name, _), (to_name, _)) = (config.store(Some(&args.from))?, config.store(Some(&args.to))?);
    if from_name == to_name {
        let message = format!("the store {from_name:?} cannot be migrated into itself");
        return Err(Error::new(ErrorKind::Usage, "migrate_into_itself", message).into());
    }
    let from = Store::new(context.store_options_of(Some(from_name)).await?);
    let to = Store::new(context.store_options_of(Some(to_name)).await?);
    let mut options = MigrateOptions::default();
    options.verify = args.verify;
    options.dry_run = args.dry_run;
    if !args.dry_run {
        context.set_interrupt_note("the same command continues the migration".to_owned());
    }
    let started = Instant::now();
    let activity = if args.verify { "migrating and verifying" } else { "migrating" };
    let progress = Progress::counting(context.output(), activity);
    let advance = |_| progress.advance();
    let mut rows = pin!(from.migrate(&to, options, &advance).await?);
    let mut report = Report::new(context.output(), from_name, to_name);
    let mut stopped = None;
    while let Some(row) = rows.next().await {
        match row {
            Ok(row) => progress.around(|| report.row(&row))?,
            Err(error) => stopped = Some(error),
        }
    }
    progress.around(|| report.summary(options, stopped.is_some(), started.elapsed()))?;
    match stopped {
        Some(error) => Err(error.into()),
        None => Ok(report.exit()),
    }
}
