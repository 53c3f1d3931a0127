//! `persist save`.

use std::collections::BTreeMap;

use persist_host::{Error, ErrorKind, Result, SaveRequest, SessionRef, SnapshotInfo, WriteId};

use super::args::SaveArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::input::Input;
use super::output::size;
use super::progress::Progress;

pub(crate) async fn run(args: SaveArgs, context: &Context) -> Outcome {
    let labels = labels(args.label)?;
    // The store is opened first: a config that is wrong is reported before a long state is read.
    let store = context.store().await?;
    let state = Input::new(args.file).read(context.output()).await?;
    let mut request = SaveRequest::new(args.session, state);
    request.media_type = args.media_type;
    request.description = args.description;
    request.labels = labels;
    request.name = args.name;
    request.parent = args.parent;
    request.expect_parent = args.expect_parent.unwrap_or_default();
    request.write_id = args.write_id;
    context.set_interrupt_note(interrupt_note(&request.session, args.write_id));
    let progress = Progress::start(context.output(), "saving");
    let info = store.save(request).await?;
    drop(progress);
    report(&info, context)
}

fn report(info: &SnapshotInfo, context: &Context) -> Outcome {
    let output = context.output();
    if output.is_json() {
        output.object(info)?;
    } else if !output.is_quiet() {
        output.line(&format!(
            "{}@{}  {} ({} stored)  sha256 {}",
            info.session(),
            info.snapshot_index,
            size(info.content_length),
            size(info.stored_bytes),
            info.content_hash
        ))?;
    }
    Ok(Exit::Done)
}

/// What a user has to know who cancels while the backend may already be storing the snapshot.
fn interrupt_note(session: &SessionRef, write_id: Option<WriteId>) -> String {
    match write_id {
        Some(write_id) => format!(
            "it is not known whether the snapshot was saved; saving again with --write-id {write_id} never stores twice"
        ),
        None => format!("it is not known whether the snapshot was saved; `persist list {session}` shows it"),
    }
}

fn labels(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for (key, value) in pairs {
        if labels.contains_key(&key) {
            let message = format!("the label {key:?} is given twice");
            return Err(Error::new(ErrorKind::Usage, "label_repeated", message));
        }
        labels.insert(key, value);
    }
    Ok(labels)
}
