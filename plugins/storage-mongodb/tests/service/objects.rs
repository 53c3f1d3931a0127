//! Contention, long listings, and collections that are set up wrongly.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use mongodb::Client;
use mongodb::bson::doc;
use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_storage_mongodb::MongoStorage;
use persist_test_support::{SecantusDb, with_causes};
use serde_json::json;

use crate::open;

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creators_wins() {
    let server = SecantusDb::shared();
    let database = json!({"database": SecantusDb::database("contended")});
    let stores = join_all((0..16).map(|_| open(&server, database.clone()))).await;
    for (round, length) in [1000, 1000, 1000, (2 << 20) + 1].into_iter().enumerate() {
        let key = format!("agents/a/s/d/{round:010}");
        let creations = stores.iter().enumerate().map(|(writer, store)| {
            let key = &key;
            async move { store.save_if_absent(key, Bytes::from(vec![writer as u8; length])).await }
        });
        let outcomes = join_all(creations).await;
        let winners: Vec<usize> = (0..16).filter(|&writer| outcomes[writer].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(error));
        }
        assert!(stores[0].load(&key).await.unwrap() == vec![winners[0] as u8; length]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_listings_are_complete_and_in_order() {
    let server = SecantusDb::shared();
    let store = open(&server, json!({})).await;
    let odd =
        ["$", ".", "{}", "*", "[", "%", "+", " ", "é", "\u{ffff}", "\u{10ffff}", "a", "B", "~", "-", "0"];
    let keys: BTreeSet<String> = (0..2000)
        .map(|number| match (number % 3, odd[number % odd.len()]) {
            (_, ".") => format!("agents/dot{number}"),
            (0, name) => format!("agents/{name}/s{}/d/{number:010}", number % 40),
            (1, name) => format!("agents/{name}{number}/s/d/{name}"),
            (_, name) => format!("{name}/{number}"),
        })
        .collect();
    for chunk in keys.iter().collect::<Vec<_>>().chunks(50) {
        let writes = chunk.iter().map(|key| store.save_if_absent(key, Bytes::from_static(b"v")));
        assert!(join_all(writes).await.iter().all(Result::is_ok));
    }
    let all: Vec<&String> = keys.iter().collect();
    for limit in [97, 1000, 5000] {
        assert_eq!(list(&store, ListRequest::below("").limit(limit)).await.iter().collect::<Vec<_>>(), all);
    }
    let after = all[777];
    let rest = list(&store, ListRequest::below("").start_after(after.as_str()).limit(100)).await;
    assert_eq!(rest.iter().collect::<Vec<_>>(), all[778..]);
    for prefix in ["", "agents/", "agents/~/"] {
        let expected: BTreeSet<String> = keys
            .iter()
            .filter_map(|key| {
                let slash = key.strip_prefix(prefix)?.find('/')?;
                Some(key[..=prefix.len() + slash].to_owned())
            })
            .collect();
        let found = list(&store, ListRequest::directory(prefix).limit(7)).await;
        let found: Vec<&String> = found.iter().filter(|name| name.ends_with('/')).collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{prefix:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_folds_case_is_refused() {
    let server = SecantusDb::shared();
    let database = SecantusDb::database("collation");
    let client = Client::with_uri_str(server.uri()).await.unwrap();
    let create = doc! {"create": "persist", "collation": {"locale": "en", "strength": 2}};
    client.database(&database).run_command(create).await.unwrap();
    let store = open(&server, json!({"database": database})).await;
    for error in
        [store.capabilities().await.unwrap_err(), store.save_if_absent("k", Bytes::new()).await.unwrap_err()]
    {
        assert_eq!(error.code(), ErrorCode::CONFIG, "{}", with_causes(&error));
        assert!(error.is_not_applied() && error.message().contains("\"en\""), "{error}");
    }
}

/// All entries of a listing, page by page: objects and directories as they come.
async fn list(store: &MongoStorage, request: ListRequest) -> Vec<String> {
    let (mut found, mut continuation) = (Vec::new(), None);
    loop {
        let page = store.list(request.clone().continued(continuation)).await.expect("a page");
        assert!(page.objects.len() + page.prefixes.len() <= request.limit as usize);
        found.extend(page.objects.into_iter().map(|object| object.key));
        found.extend(page.prefixes);
        continuation = page.next;
        if continuation.is_none() {
            return found;
        }
    }
}
