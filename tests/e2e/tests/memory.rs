//! Real states through the library, in storage that lives in memory.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

use std::sync::Arc;

use persist_e2e::{data, library};
use persist_host::{Depth, ErrorKind, RefPattern, SaveRequest, SessionRef, SnapshotRef, Store};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn states_and_sessions_come_back_byte_for_byte() {
    let store = library::store("memory", &json!({ "name": "states" })).await;
    for (number, sample) in data::states().into_iter().enumerate() {
        let session: SessionRef = format!("states/{number}").parse().expect("a session");
        let mut request = SaveRequest::new(session, sample.bytes.clone());
        request.media_type = sample.media_type.map(str::to_owned);
        store.save(request).await.unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        assert_restores(&store, &format!("states/{number}"), &sample.bytes).await;
    }
    for (number, session) in data::sessions().into_iter().enumerate() {
        let name: SessionRef = format!("sessions/{number}").parse().expect("a session");
        for (step, state) in session.states.iter().enumerate() {
            let info = store.save(SaveRequest::new(name.clone(), state.clone())).await.expect("it saves");
            assert_eq!(info.snapshot_index.get(), step as u64);
        }
        for (step, state) in session.states.iter().enumerate() {
            assert_restores(&store, &format!("{name}@{step}"), state).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_one_name_share_what_they_hold() {
    let one = library::store("memory", &json!({ "name": "shared" })).await;
    let same = library::store("memory", &json!({ "name": "shared" })).await;
    let other = library::store("memory", &json!({ "name": "other" })).await;
    let session: SessionRef = "agent/session".parse().expect("a session");
    one.save(SaveRequest::new(session, "{}")).await.expect("it saves");

    assert_restores(&same, "agent/session@0", b"{}").await;
    let reference: SnapshotRef = "agent/session@0".parse().expect("a reference");
    let missing = other.restore(&reference).await.expect_err("the other store is empty");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn states_of_many_tasks_are_all_kept() {
    let store = Arc::new(library::store("memory", &json!({ "name": "tasks" })).await);
    let session: SessionRef = "agent/session".parse().expect("a session");
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let (store, session) = (Arc::clone(&store), session.clone());
            tokio::spawn(async move { store.save(SaveRequest::new(session, format!("[{number}]"))).await })
        })
        .collect();
    let mut indices = Vec::new();
    for task in tasks {
        indices.push(task.await.expect("no panic").expect("it saves").snapshot_index.get());
    }
    indices.sort_unstable();
    assert_eq!(indices, (0..32).collect::<Vec<u64>>());
    let pattern: RefPattern = "agent/session".parse().expect("a pattern");
    let rows = store.verify(&pattern, Depth::Data);
    let mut rows = std::pin::pin!(rows);
    let mut intact = 0;
    while let Some(row) = futures_util::StreamExt::next(&mut rows).await {
        let row = row.expect("a row");
        assert!(row.error.is_none(), "{row:?}");
        intact += usize::from(row.snapshot_index.is_some());
    }
    assert_eq!(intact, 32);
}

async fn assert_restores(store: &Store, reference: &str, expected: &[u8]) {
    let parsed: SnapshotRef = reference.parse().expect("a reference");
    let restored = store.restore(&parsed).await.unwrap_or_else(|error| panic!("{reference}: {error}"));
    assert!(restored.state == expected, "{reference} came back changed");
}
