//! A program that keeps a store open and does what it is asked, a JSON object a line, until its input ends.
//!
//! | request | answer |
//! |---|---|
//! | `{"do": "open"}`, with `"call_timeout_ms"` for [the guard](persist_host::guard_storage) | `{}` |
//! | `{"do": "save", "session": S, "state": TEXT}`, perhaps with `"write_id"` | `{"saved": INDEX}` |
//! | `{"do": "restore", "snapshot": S}` | `{"state": TEXT}` |
//!
//! Whatever fails is answered with `{"error": {"kind", "exit_code", "text", "context"}}`, where the text has all causes.

use std::{
    io::{self, BufRead as _},
    time::Duration,
};

use persist_host::{Error, SaveRequest, SnapshotRef, Store, guard_storage};
use persist_test_support::with_causes;
use serde_json::{Map, Value, json};

use crate::{library, roles::Result};

/// Reads requests from standard input and writes answers to standard output.
///
/// # Errors
///
/// When a line is no such request, or the adapter cannot be opened at all.
pub async fn serve(adapter: &str, options: &Value) -> Result {
    let mut store = open(adapter, options, &Value::Null).await?;
    println!("{{}}");
    for line in io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let text = |name: &str| request[name].as_str().ok_or_else(|| format!("no {name}: {request}"));
        let answer = match text("do")? {
            "open" => {
                store = open(adapter, options, &request["call_timeout_ms"]).await?;
                Ok(json!({}))
            }
            "save" => {
                let mut save = SaveRequest::new(text("session")?.parse()?, text("state")?.to_owned());
                save.write_id = request["write_id"].as_str().map(str::parse).transpose()?;
                store.save(save).await.map(|info| json!({ "saved": info.snapshot_index.get() }))
            }
            "restore" => {
                let snapshot: SnapshotRef = text("snapshot")?.parse()?;
                let restored = store.restore(&snapshot).await;
                restored.map(|found| json!({ "state": String::from_utf8_lossy(&found.state) }))
            }
            other => return Err(format!("nothing is known of {other:?}").into()),
        };
        println!("{}", answer.unwrap_or_else(|error| json!({ "error": described(&error) })));
    }
    Ok(())
}

/// A store that compresses nothing, so that requests show what they carry.
async fn open(adapter: &str, options: &Value, call_timeout: &Value) -> Result<Store> {
    let limit = call_timeout.as_u64().map(Duration::from_millis);
    let storage = library::storage(adapter, options).await;
    let storage = guard_storage(storage, &format!("the storage adapter {adapter:?}"), limit);
    Ok(library::store_over(adapter, storage, None))
}

fn described(error: &Error) -> Value {
    let context: Map<_, _> =
        error.context().iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({
        "kind": error.kind().name(),
        "exit_code": error.kind().exit_code(),
        "text": with_causes(error),
        "context": context,
    })
}
