//! `persist show`.

use persist_host::SnapshotInfo;

use super::args::ShowArgs;
use super::context::Context;
use super::exit::Exit;
use super::failure::Outcome;
use super::named;
use super::output::{plain, size};

pub(crate) async fn run(args: ShowArgs, context: &Context) -> Outcome {
    let store = context.store().await?;
    let reference = named::resolve(&store, args.reference, args.name.as_ref()).await?;
    let info = store.show(&reference).await?;
    let output = context.output();
    if output.is_json() {
        output.object(&info)?;
        return Ok(Exit::Done);
    }
    for (key, value) in lines(&info) {
        // One line each, whatever the stored text holds.
        output.line(&format!("{key:<15} {}", plain(&value).replace('\n', "\\n")))?;
    }
    Ok(Exit::Done)
}

fn lines(info: &SnapshotInfo) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("snapshot", format!("{}@{}", info.session(), info.snapshot_index)),
        ("agent", info.agent_id.to_string()),
        ("session", info.session_id.to_string()),
        ("index", info.snapshot_index.to_string()),
        ("time", info.timestamp.to_string()),
        ("sha256", info.content_hash.to_string()),
        ("length", bytes(info.content_length)),
        ("stored", bytes(info.stored_bytes)),
        ("media type", info.media_type.clone()),
        ("codec", info.codec.clone().unwrap_or_else(|| "none".to_owned())),
        ("storage", info.storage.clone()),
        ("format version", info.format_version.to_string()),
        ("write id", info.write_id.to_string()),
    ];
    lines.extend(info.parent_index.map(|parent| ("parent", parent.to_string())));
    lines.extend(info.forked_from.as_ref().map(|origin| ("forked from", origin.to_string())));
    lines.extend(info.name.as_ref().map(|name| ("name", name.to_string())));
    lines.extend(info.description.as_ref().map(|description| ("description", description.clone())));
    lines.extend(info.labels.iter().map(|(key, value)| ("label", format!("{key}={value}"))));
    lines
}

/// A number of bytes, exact and, where that helps, in a unit that is easier to read.
fn bytes(number: u64) -> String {
    if number < 1024 { format!("{number} bytes") } else { format!("{number} bytes ({})", size(number)) }
}
