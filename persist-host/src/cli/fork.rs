//! `persist fork`.

use super::args::ForkArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::size;
use super::progress::Progress;

pub(crate) async fn run(args: ForkArgs, context: &Context) -> Outcome {
    let store = context.store().await?;
    let progress = Progress::start(context.output(), "forking");
    let info = store.fork(&args.reference, &args.session).await?;
    drop(progress);
    let output = context.output();
    if output.is_json() {
        output.object(&info)?;
    } else if !output.is_quiet() {
        let origin = info.forked_from.as_ref().map_or_else(String::new, ToString::to_string);
        output.line(&format!(
            "{}@{}  forked from {origin}  {} ({} stored)",
            info.session(),
            info.snapshot_index,
            size(info.content_length),
            size(info.stored_bytes)
        ))?;
    }
    Ok(Exit::Done)
}
