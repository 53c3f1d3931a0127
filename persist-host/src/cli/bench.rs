//! `persist bench`: replays successive states into a scratch session of a store and says what that took.

mod codec;
mod compare;
mod counting;
mod figures;
mod new_content;
mod replay;
mod report;
mod source;
mod synthetic;

use std::sync::Arc;

use super::args::BenchArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;

use codec::{Account, Timed};
use counting::Counting;
use replay::Bench;
use source::Source;

pub(crate) async fn run(args: BenchArgs, context: &Context) -> Outcome {
    let sources = Source::all(&args)?;
    let mut options = context.store_options().await?;
    // Everything that the run stores and reads goes through this, whatever the backend is.
    let counting = Arc::new(Counting::new(Arc::clone(&options.storage)));
    options.storage = Arc::clone(&counting) as _;
    let codecs = Arc::new(Account::default());
    options.codecs = Arc::new(Timed::new(Arc::clone(&options.codecs), Arc::clone(&codecs)));
    let bench = Bench { context, options, counting, codecs, compare: args.compare, keep: args.keep };
    let mut sessions = Vec::new();
    for source in &sources {
        sessions.push(bench.session(source).await?);
    }
    report::print(&sessions, &bench.options, context.output())?;
    Ok(Exit::Done)
}
