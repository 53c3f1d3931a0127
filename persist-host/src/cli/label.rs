//! `persist label`.

use persist_host::{Error, ErrorKind};

use super::args::LabelArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::output::plain;

pub(crate) async fn run(args: LabelArgs, context: &Context) -> Outcome {
    let reference = args.reference.clone();
    let changes = args.changes().map_err(|name| {
        let message = format!("the label {name:?} is named twice; nothing was changed");
        Error::new(ErrorKind::Usage, "usage", message)
    })?;
    let info = context.store().await?.label(&reference, changes).await?;
    let output = context.output();
    if output.is_json() {
        output.object(&info)?;
    } else if !output.is_quiet() {
        let labels: Vec<String> = info.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let labels = if labels.is_empty() { "no labels".to_owned() } else { labels.join("  ") };
        let line = format!("{}@{}: {labels}", info.session(), info.snapshot_index);
        output.line(&plain(&line).replace('\n', "\\n"))?;
    }
    Ok(Exit::Done)
}
