//! Sessions with all that a history can hold, and the comparison of two stores that hold them.

use std::collections::BTreeMap;

use futures_util::TryStreamExt as _;
use persist_host::{
    AttachRequest, DeleteTarget, RefPattern, SaveRequest, SessionRef, SnapshotIndex, SnapshotInfo,
    SnapshotRef, Store,
};
use persist_test_support::agent_state;

/// The session with the long history; another one comes before it.
pub(crate) const LONG: &str = "chain/b-long";
/// How many snapshots were saved to it.
pub(crate) const LENGTH: u64 = 120;

/// The sessions and how many snapshots were saved to each.
pub(crate) fn sessions() -> Vec<(String, u64)> {
    let mut sessions = vec![("chain/a-first".to_owned(), 12), (LONG.to_owned(), LENGTH)];
    sessions.extend((0..6).map(|number| (format!("chain/c-{number}"), 8)));
    sessions.push(("chain/d-fork".to_owned(), 1));
    sessions.push((format!("odd ids/ä!%2F{}", "x".repeat(150)), 2));
    sessions
}

/// Saves the sessions, each with labels, names, attachments and deletions.
pub(crate) async fn write(store: &Store) {
    for (name, length) in sessions() {
        let session: SessionRef = name.parse().expect("a session");
        if name == "chain/d-fork" {
            store.fork(&at(LONG, 7), &session).await.expect("a fork");
            continue;
        }
        for step in 0..length {
            let info = store.save(request(&session, step)).await.expect("it saves");
            if step % 5 == 1 {
                attach(store, &name, info.snapshot_index, step).await;
            }
        }
    }
    let session: SessionRef = LONG.parse().expect("a session");
    let gone = [3, 4, 60, LENGTH - 2].map(index);
    store.delete(&session, &DeleteTarget::Indices(gone.into())).await.expect("a deletion");
    let changes = BTreeMap::from([("step".to_owned(), None), ("kept".to_owned(), Some("yes".to_owned()))]);
    store.label(&at(LONG, 10), changes).await.expect("changed labels");
}

/// A state of which most is the one before, sometimes one that goes back, sometimes one that is no JSON.
fn request(session: &SessionRef, step: u64) -> SaveRequest {
    let state = agent_state(usize::try_from(2_000 + 300 * step).expect("a small number"));
    let mut request = SaveRequest::new(session.clone(), state);
    request.name = step.is_multiple_of(7).then(|| format!("name {step}").parse().expect("a name"));
    request.labels = BTreeMap::from([("step".to_owned(), step.to_string())]);
    request.description = step.is_multiple_of(3).then(|| format!("Schritt {step} ☃"));
    request.parent = (step > 0 && step.is_multiple_of(11)).then(|| index(step / 2));
    if step % 13 == 5 {
        request.state = vec![step as u8; 5_000].into();
        request.media_type = Some("application/octet-stream".to_owned());
    }
    request
}

async fn attach(store: &Store, session: &str, index: SnapshotIndex, step: u64) {
    // The second of one name takes the place of the first.
    for (name, content) in [("tool/output", "first"), ("tool/output", "second"), ("notes", "")] {
        let content = format!("{content} {step}");
        let request = AttachRequest::new(at(session, index.get()), name.parse().expect("a name"), content);
        store.attach(request).await.expect("an attachment");
    }
}

/// Expects that the second store holds what the first does: states, hashes, metadata, labels, names, attachments, and
/// deletions.
pub(crate) async fn expect_same(one: &Store, other: &Store) {
    let everything = RefPattern::default();
    let rows: Vec<SnapshotInfo> = one.list(&everything).try_collect().await.expect("a listing");
    let copies: Vec<SnapshotInfo> = other.list(&everything).try_collect().await.expect("a listing");
    assert_eq!(rows.len(), copies.len());
    for (row, copy) in rows.iter().zip(&copies) {
        let mut expected = copy.clone();
        (expected.stored_bytes, expected.codec) = (row.stored_bytes, row.codec.clone());
        assert_eq!(row, &expected);
        let place = SnapshotRef { session: row.session(), index: Some(row.snapshot_index) };
        let state = one.restore(&place).await.expect("a state").state;
        assert!(state == other.restore(&place).await.expect("its copy").state, "{place} came back changed");
        let read = async |store: &Store| store.read_attachments(&place).await.expect("the attachments");
        let told = |attachments: Vec<(persist_host::AttachmentInfo, _)>| -> Vec<_> {
            attachments
                .into_iter()
                .map(|(info, content)| {
                    (info.name, info.media_type, info.timestamp, info.content_hash, content)
                })
                .collect()
        };
        assert_eq!(told(read(one).await), told(read(other).await), "{place}");
        if let Some(name) = &row.name {
            let found = other.find_by_name(&row.session(), name).await.expect("a name");
            assert_eq!(found.snapshot_index, row.snapshot_index);
        }
    }
    for (name, _) in sessions() {
        let session: SessionRef = name.parse().expect("a session");
        let (position, copy) = (one.position(&session).await, other.position(&session).await);
        assert_eq!(position.expect("a position").last_index, copy.expect("a position").last_index, "{name}");
    }
}

fn at(session: &str, number: u64) -> SnapshotRef {
    SnapshotRef { session: session.parse().expect("a session"), index: Some(index(number)) }
}

fn index(number: u64) -> SnapshotIndex {
    SnapshotIndex::new(number).expect("an index")
}
