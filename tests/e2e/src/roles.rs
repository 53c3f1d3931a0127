//! What a process does to a session that others work on at the same time.

use std::{
    error::Error,
    io::Read as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use futures_util::TryStreamExt as _;
use persist_host::{
    DeleteTarget, Depth, ErrorKind, SaveRequest, SessionRef, SnapshotIndex, SnapshotRef, Store,
};
use persist_test_support::with_causes;
use serde_json::Value;

use crate::concurrency::state;

/// How a role ends.
pub type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// A pause in which others get on.
const PAUSE: Duration = Duration::from_millis(20);

/// Saves states and prints their indices, each in a line of its own.
///
/// # Errors
///
/// When a save fails.
pub async fn save(store: &Store, session: &SessionRef, writer: usize, count: usize) -> Result {
    for step in 0..count {
        let info = store.save(SaveRequest::new(session.clone(), state(writer, step))).await;
        println!("{}", info.map_err(|error| with_causes(&error))?.snapshot_index);
    }
    Ok(())
}

/// Collects, or compacts, again and again until the standard input ends; prints how often, and how many snapshots were
/// stored anew.
///
/// # Errors
///
/// When it fails otherwise than because others changed the session too fast.
pub async fn free(store: &Store, session: &SessionRef, compact: bool) -> Result {
    let (mut rounds, mut objects, mut rewritten) = (0, 0, 0);
    let end = input_ended();
    while !end.load(Ordering::Relaxed) {
        let freed = if compact { store.compact(session).await } else { store.collect(session).await };
        match freed {
            Ok(freed) => {
                rounds += 1;
                objects += freed.freed_objects;
                rewritten += freed.rewritten;
            }
            // Nobody has saved yet, or others decide all the time.
            Err(error) if error.kind() == ErrorKind::NotFound || error.code() == "session_busy" => {}
            Err(error) => return Err(with_causes(&error).into()),
        }
        tokio::time::sleep(PAUSE).await;
    }
    println!("{rounds} rounds, {objects} objects, {rewritten} rewritten");
    Ok(())
}

/// Deletes every fourth snapshot, never the newest, until the standard input ends; prints the indices.
///
/// # Errors
///
/// When listing or deleting fails.
pub async fn delete(store: &Store, session: &SessionRef) -> Result {
    let end = input_ended();
    while !end.load(Ordering::Relaxed) {
        let mut live = indices(store, session).await?;
        live.pop();
        live.retain(|index| index.get() % 4 == 1);
        if !live.is_empty() {
            let target = DeleteTarget::Indices(live.into_iter().collect());
            let deleted = store.delete(session, &target).await.map_err(|error| with_causes(&error))?;
            deleted.deleted.iter().for_each(|index| println!("{index}"));
        }
        tokio::time::sleep(PAUSE * 5).await;
    }
    Ok(())
}

/// Restores the newest snapshot and another one in turn, until the standard input ends; prints how many.
///
/// # Errors
///
/// When a restore fails for another reason than that there is no such snapshot, or gives what nobody saved.
pub async fn read(store: &Store, session: &SessionRef) -> Result {
    let end = input_ended();
    let (mut restored, mut absent, mut newest) = (0, 0, 0);
    while !end.load(Ordering::Relaxed) {
        // Steps that meet every index in an order that no writer follows.
        let index = (restored * 7919 + absent) % (newest + 1);
        for index in [None, Some(SnapshotIndex::new(index)?)] {
            match store.restore(&SnapshotRef { session: session.clone(), index }).await {
                Ok(found) => {
                    let parsed: Value = serde_json::from_slice(&found.state)?;
                    let (writer, step) = (parsed["writer"].as_u64(), parsed["step"].as_u64());
                    let saved = state(writer.ok_or("no writer")? as usize, step.ok_or("no step")? as usize);
                    if found.state != saved {
                        return Err(format!("{} holds what nobody saved", found.info.snapshot_index).into());
                    }
                    newest = newest.max(found.info.snapshot_index.get());
                    restored += 1;
                }
                Err(error) if error.kind() == ErrorKind::NotFound => absent += 1,
                Err(error) => return Err(with_causes(&error).into()),
            }
        }
        tokio::time::sleep(PAUSE / 4).await;
    }
    println!("{restored} restored, {absent} absent");
    Ok(())
}

/// Restores and checks every snapshot, and prints their indices and content hashes.
///
/// # Errors
///
/// When one cannot be restored.
pub async fn check(store: &Store, session: &SessionRef) -> Result {
    let pattern = session.to_string().parse()?;
    let rows: Vec<_> =
        store.verify(&pattern, Depth::Data).try_collect().await.map_err(|error| with_causes(&error))?;
    if let Some(row) = rows.iter().find(|row| row.error.is_some()) {
        return Err(format!("{row:?}").into());
    }
    let listed: Vec<_> = store.list(&pattern).try_collect().await.map_err(|error| with_causes(&error))?;
    for info in listed {
        println!("{} {}", info.snapshot_index, info.content_hash);
    }
    Ok(())
}

async fn indices(store: &Store, session: &SessionRef) -> Result<Vec<SnapshotIndex>> {
    let pattern = session.to_string().parse()?;
    let rows: persist_host::Result<Vec<_>> =
        store.list(&pattern).map_ok(|info| info.snapshot_index).try_collect().await;
    match rows {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(with_causes(&error).into()),
        rows => Ok(rows.unwrap_or_default()),
    }
}

/// Becomes true when whoever started this process closes its standard input.
fn input_ended() -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    thread::spawn(move || {
        // An error ends it as well.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        seen.store(true, Ordering::Relaxed);
    });
    ended
}
