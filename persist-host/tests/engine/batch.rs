//! Batches: many sessions at once, each in its own order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use persist_host::{ErrorKind, SaveRequest};

use crate::support::*;

fn request(session_text: &str, step: usize) -> SaveRequest {
    SaveRequest::new(session(session_text), state(step))
}

#[tokio::test]
async fn sessions_are_saved_in_their_order_and_results_in_that_of_the_requests() {
    let adapter = Faulty::default();
    let store = adapter.store();
    let requests: Vec<SaveRequest> =
        (0..60).map(|step| request(&format!("a/s{}", step * 7 % 5), step)).collect();
    let results = store.save_many(requests.clone(), 3).await;
    assert_eq!(results.len(), 60);
    for (step, result) in results.into_iter().enumerate() {
        let info = result.unwrap();
        assert_eq!(info.session(), requests[step].session);
        assert_eq!(info.snapshot_index, index(step as u64 / 5), "request {step}");
        let reference = format!("{}@{}", info.session(), info.snapshot_index);
        assert_eq!(restore(&store, &reference).await.unwrap(), state(step));
    }
    assert!(store.save_many([], 3).await.is_empty());
}

#[tokio::test]
async fn a_failure_ends_its_own_session_alone() {
    let adapter = Faulty::default();
    let store = adapter.store();
    let mut requests: Vec<SaveRequest> =
        (0..12).map(|step| request(&format!("a/s{}", step % 3), step)).collect();
    requests[4].state = "not JSON".into();
    let results = store.save_many(requests, 8).await;
    for (at, result) in results.iter().enumerate() {
        match (at, result) {
            (4, Err(error)) => assert_eq!(error.code(), "invalid_json"),
            (7 | 10, Err(error)) => {
                assert_eq!((error.kind(), error.code()), (ErrorKind::Other, "save_not_attempted"));
                assert_eq!(error.context(), [("failed_request", "4".to_owned())]);
            }
            (_, Ok(_)) => {}
            (_, Err(error)) => panic!("request {at}: {error}"),
        }
    }
    assert_eq!(list(&store, "a/s1").await, ["a/s1@0"]);
    assert_eq!(list(&store, "").await.len(), 9);
}

#[tokio::test]
async fn no_more_sessions_than_asked_for_are_saved_to_at_once() {
    for concurrency in [0, 1, 3] {
        let adapter = Faulty::default();
        let store = adapter.store();
        save(&store, "a/first", 0).await.unwrap();
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let probe = (running.clone(), most.clone());
        adapter.shelf().on_create = Some(Box::new(move |entering| {
            if entering {
                let now = probe.0.fetch_add(1, Ordering::SeqCst) + 1;
                probe.1.fetch_max(now, Ordering::SeqCst);
            } else {
                probe.0.fetch_sub(1, Ordering::SeqCst);
            }
        }));
        let requests = (0..20).map(|step| request(&format!("a/s{step}"), step));
        assert!(store.save_many(requests, concurrency).await.iter().all(Result::is_ok));
        assert_eq!(most.load(Ordering::SeqCst), concurrency.max(1));
    }
}
