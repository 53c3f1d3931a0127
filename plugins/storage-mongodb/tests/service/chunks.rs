//! Large objects, and what is left of them.

use futures_util::TryStreamExt as _;
use mongodb::bson::{DateTime, doc};
use persist_plugin_api::{ErrorCode, StorageAdapter as _};
use persist_test_support::{Fault, Rule, SecantusDb, with_causes};
use serde_json::json;

use crate::{MIB, collection, command, leftovers, open, proxied, sample};

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_every_size_come_back() {
    let server = SecantusDb::shared();
    let store = open(&server, json!({})).await;
    for length in [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1, 64 * MIB] {
        let (key, data) = (format!("agents/a/s/d/{length}"), sample(length, 1));
        store.save_if_absent(&key, data.clone()).await.unwrap();
        assert!(store.load(&key).await.unwrap() == data, "{length} bytes");
        assert_eq!(store.stat(&key).await.unwrap().size, length as u64);
        for start in [0, length / 2, (MIB - 1).min(length)] {
            let part = store.load_range(&key, start as u64..start as u64 + 9).await.unwrap();
            assert_eq!(part, data.slice(start..length.min(start + 9)), "{start} of {length}");
        }
        store.delete(&key).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_go_with_what_names_them() {
    let server = SecantusDb::shared();
    let database = SecantusDb::database("chunks");
    let store = open(&server, json!({"database": database})).await;
    let count = async || leftovers(&server, &database).await;
    store.save_if_absent("k", sample(3 * MIB, 1)).await.unwrap();
    assert_eq!(count().await, (3, 0));
    let error = store.save_if_absent("k", sample(2 * MIB, 2)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(&error));
    assert_eq!(count().await, (3, 0));
    store.save("k", sample(2 * MIB, 3)).await.unwrap();
    assert_eq!(count().await, (2, 0));
    assert!(store.load("k").await.unwrap() == sample(2 * MIB, 3));
    store.save("k", sample(10, 4)).await.unwrap();
    assert_eq!(count().await, (0, 0));
    store.save("k", sample(2 * MIB, 5)).await.unwrap();
    store.delete("k").await.unwrap();
    assert_eq!(count().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_leaves_is_removed_a_day_later() {
    let server = SecantusDb::shared();
    let database = SecantusDb::database("sweep");
    let chunks = collection(&server, &database, "persist_chunks").await;
    let marks = collection(&server, &database, "persist_marks").await;
    let store = open(&server, json!({"database": database})).await;
    store.save_if_absent("kept", sample(2 * MIB, 1)).await.unwrap();
    let named: Vec<_> = chunks.find(doc! {}).await.unwrap().try_collect().await.unwrap();
    let kept = named[0].get_str("_id").unwrap().split('/').next().unwrap().to_owned();
    // Two writers ended before their documents, one of them just now, and one right after its document.
    let day_ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 25 * 60 * 60 * 1000);
    for (set, key, at) in
        [("old", "lost", day_ago), ("young", "coming", DateTime::now()), (kept.as_str(), "kept", day_ago)]
    {
        if set != kept {
            chunks.insert_one(doc! {"_id": format!("{set}/0000000000")}).await.unwrap();
        }
        marks.insert_one(doc! {"_id": set, "key": key, "at": at}).await.unwrap();
    }
    let next = open(&server, json!({"database": database})).await;
    assert!(next.capabilities().await.unwrap().durable);
    let count = async |set: &str| {
        let of_set = doc! {"_id": {"$gte": format!("{set}/"), "$lt": format!("{set}0")}};
        chunks.count_documents(of_set).await.unwrap()
    };
    assert_eq!((count("old").await, count("young").await, count(&kept).await), (0, 1, 2));
    let left: Vec<_> = marks.find(doc! {}).await.unwrap().try_collect().await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].get_str("_id").unwrap(), "young");
    assert!(next.load("kept").await.unwrap() == sample(2 * MIB, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_whose_answer_was_lost_counts_once() {
    let server = SecantusDb::start();
    let (proxy, uri) = proxied(&server);
    let database = SecantusDb::database("lost");
    let store = open(&server, json!({"database": database, "uri": uri})).await;
    store.save("k", sample(2 * MIB, 1)).await.unwrap();
    let lost = proxy.arm(Rule::holding(command("update", "persist"), Fault::DropReply));
    store.save("k", sample(3 * MIB, 2)).await.unwrap();
    assert_eq!(lost.count(), 1);
    assert!(store.load("k").await.unwrap() == sample(3 * MIB, 2));
    assert_eq!(leftovers(&server, &database).await, (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_chunks_are_damage() {
    let server = SecantusDb::shared();
    let database = SecantusDb::database("damage");
    let store = open(&server, json!({"database": database})).await;
    store.save_if_absent("k", sample(3 * MIB, 1)).await.unwrap();
    let chunks = collection(&server, &database, "persist_chunks").await;
    let found: Vec<_> =
        chunks.find(doc! {}).sort(doc! {"_id": 1}).await.unwrap().try_collect().await.unwrap();
    chunks.delete_one(doc! {"_id": found[1].get_str("_id").unwrap()}).await.unwrap();
    let error = store.load("k").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CORRUPT, "{}", with_causes(&error));
    // What does not need it is read.
    assert_eq!(store.load_range("k", 0..9).await.unwrap(), sample(9, 1));
}
