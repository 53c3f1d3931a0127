//! Servers that are slow, end sessions, crash and come back; calls that are given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_test_support::{Postgres, with_causes};
use serde_json::json;

use crate::{names, new_schema, open, sample, with};

/// Makes the table take a minute for each write of the key `slow`.
pub(crate) fn make_slow(server: &Postgres, schema: &str) {
    server.sql(
        "persist",
        &format!(
            "CREATE FUNCTION {schema}.wait() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$; \
             CREATE TRIGGER wait BEFORE INSERT ON {schema}.persist_objects FOR EACH ROW WHEN (NEW.key = 'slow') \
             EXECUTE FUNCTION {schema}.wait(); GRANT EXECUTE ON FUNCTION {schema}.wait TO PUBLIC"
        ),
    );
}

/// The processes of the server that are in such a write.
fn sleepers(schema: &str) -> String {
    format!("FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%\"{schema}\"%'")
}

pub(crate) async fn wait_for_sleep(server: &Postgres, schema: &str) {
    while server.sql("postgres", &format!("SELECT count(*) {}", sleepers(schema))) == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn value() -> Bytes {
    Bytes::from_static(b"value")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_whose_session_ended_is_open_and_not_repeated() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    let store = Arc::new(open(options).await);
    store.save("k", value()).await.unwrap();
    make_slow(&server, &schema);
    let creation = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.save_if_absent("slow", value()).await })
    };
    wait_for_sleep(&server, &schema).await;
    server.sql("postgres", &format!("SELECT pg_terminate_backend(pid) {}", sleepers(&schema)));
    let error = creation.await.expect("no panic").unwrap_err();
    assert_eq!(error.code(), ErrorCode::UNAVAILABLE, "{}", with_causes(&error));
    assert!(error.is_retryable() && !error.is_not_applied(), "the adapter cannot know: {error}");
    assert!(error.message().contains("1 attempt"), "{error}");
    assert!(!store.exists("slow").await.unwrap());
    store.save_if_absent("new", value()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_end_between_calls_are_replaced() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    let url = format!("{}?application_name={schema}", server.url("persist", "persist"));
    let store = open(with(options, &json!({"url": url}))).await;
    for round in 0..20 {
        store.save(&format!("k/{round:02}"), value()).await.unwrap();
        let end = format!(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{schema}'"
        );
        assert_ne!(server.sql("postgres", &end), "0");
        assert_eq!(store.load(&format!("k/{round:02}")).await.unwrap(), value());
    }
    assert_eq!(names(&store, ListRequest::below("k/")).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_given_up_leaves_nothing_half_written_and_nobody_waiting() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    let store = Arc::new(open(with(options, &json!({"pool_size": 1}))).await);
    store.save("k", value()).await.unwrap();
    make_slow(&server, &schema);
    let write = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.save("slow", value()).await })
    };
    wait_for_sleep(&server, &schema).await;
    write.abort();
    // The only connection was with the statement that sleeps for a minute.
    tokio::time::timeout(Duration::from_secs(30), store.save("other", value()))
        .await
        .expect("no wait")
        .unwrap();

    let large = sample(8 << 20, 3);
    for delay in 0..20_u64 {
        let key = format!("large/{delay}");
        let save = store.save_if_absent(&key, large.clone());
        let outcome = tokio::time::timeout(Duration::from_millis(delay * 5), save).await;
        let found = store.load(&key).await;
        match (outcome, found) {
            (Ok(Ok(())), Ok(found)) | (Err(_), Ok(found)) => assert!(found == large, "{delay}"),
            (Err(_), Err(error)) => assert_eq!(error.code(), ErrorCode::NOT_FOUND, "{}", with_causes(&error)),
            (outcome, found) => panic!("{delay}: {outcome:?}, {:?}", found.map(|data| data.len())),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_was_given_up_is_not_applied_later() {
    let server = Postgres::shared();
    for in_time in [true, false] {
        let (schema, options) = new_schema(&server);
        open(options.clone()).await.save("k", value()).await.unwrap();
        let url = format!("{}?application_name={schema}", server.url("persist", "persist"));
        let limited = json!({
            "url": url, "attempt_timeout_ms": if in_time { 300 } else { 60_000 }, "retry": {"max_attempts": 1},
        });
        let store = Arc::new(open(with(options, &limited)).await);
        store.exists("k").await.unwrap();
        // Another session holds the row.
        let plain = format!("{}?sslmode=disable", server.url("persist", "persist"));
        let (other, connection) =
            tokio_postgres::connect(&plain, tokio_postgres::NoTls).await.expect("a session");
        let connection = tokio::spawn(connection);
        let lock = format!("BEGIN; SELECT 1 FROM {schema}.persist_objects WHERE key = 'k' FOR UPDATE");
        other.batch_execute(&lock).await.expect("the lock");

        let replacement = {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.save("k", Bytes::from_static(b"late")).await })
        };
        if in_time {
            let error = replacement.await.expect("no panic").unwrap_err();
            assert_eq!(error.code(), ErrorCode::TIMEOUT, "{}", with_causes(&error));
            assert!(!error.is_not_applied(), "{error}");
        } else {
            wait_for(&server, &schema, "wait_event_type = 'Lock'", "1").await;
            replacement.abort();
            replacement.await.expect_err("it was given up");
        }
        wait_for(&server, &schema, "wait_event_type = 'Lock'", "0").await;
        other.batch_execute("ROLLBACK").await.expect("the lock is released");
        drop(other);
        connection.await.expect("no panic").expect("a session that ends well");
        wait_for(&server, &schema, "state = 'active'", "0").await;
        assert_eq!(store.load("k").await.unwrap(), value());
    }
}

/// Waits until so many sessions of an application are in a state.
async fn wait_for(server: &Postgres, application: &str, state: &str, count: &str) {
    let sql =
        format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application}' AND {state}");
    while server.sql("postgres", &sql) != count {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_an_object_exists_is_told_only_when_a_write_would_be_confirmed() {
    let server = Arc::new(Postgres::start());
    let (schema, options) = new_schema(&server);
    let hurried = json!({"attempt_timeout_ms": 500, "retry": {"max_attempts": 1}});
    let store = open(with(options, &hurried)).await;
    store.save("k", value()).await.unwrap();
    let row = format!("SELECT ctid, modified, xmin, data FROM {schema}.persist_objects");
    let before = server.sql("persist", &row);
    let error = store.save_if_absent("k", Bytes::from_static(b"other")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ALREADY_EXISTS, "{}", with_causes(&error));
    assert!(error.is_not_applied());
    // A replica that is waited for and never comes: the object's creator would not be told that it is safe.
    server.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server.sql("postgres", "SELECT pg_reload_conf()");
    let mut error = store.save_if_absent("k", Bytes::from_static(b"other")).await.unwrap_err();
    // The server's processes read their settings again one after the other.
    for _ in 0..200 {
        if error.code() != ErrorCode::ALREADY_EXISTS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        error = store.save_if_absent("k", Bytes::from_static(b"other")).await.unwrap_err();
    }
    assert_eq!(error.code(), ErrorCode::TIMEOUT, "{}", with_causes(&error));
    assert!(!error.is_not_applied());
    assert_eq!(server.sql("persist", &row), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_claims_neither_creation_nor_fresh_listings() {
    let server = Arc::new(Postgres::start());
    let (_, options) = new_schema(&server);
    let store = open(options.clone()).await;
    store.save("k", value()).await.unwrap();
    let claims = store.capabilities().await.unwrap();
    assert!(claims.atomic_create && claims.consistent_list);
    let directory = server.sql("postgres", "SHOW data_directory");
    server.sql("postgres", &format!("COPY (SELECT 1) TO '{directory}/standby.signal'"));
    server.kill();
    server.restart();
    assert_eq!(server.sql("postgres", "SELECT pg_is_in_recovery()"), "t");
    let store = open(options.clone()).await;
    let claims = store.capabilities().await.unwrap();
    assert!(!claims.atomic_create && !claims.consistent_list);
    assert_eq!(store.load("k").await.unwrap(), value());
    let error = store.save("k", value()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
    // Of several hosts, none of which writes, none is used.
    let address = server.address();
    let url = server.url("persist", "persist").replace(&address.to_string(), &format!("{address},{address}"));
    let error = open(with(options, &json!({"url": url}))).await.load("k").await.unwrap_err();
    assert!(error.is_not_applied(), "{}", with_causes(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_saved_survives_crashes_and_the_adapter_recovers() {
    let server = Arc::new(Postgres::start());
    let (_, options) = new_schema(&server);
    let patient = json!({"retry": {"max_attempts": 100, "initial_backoff_ms": 20, "max_backoff_ms": 200}});
    let store = Arc::new(open(with(options, &patient)).await);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut saved = Vec::new();
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let key = format!("{writer}/{number:06}");
                    let data = sample(20_000, number);
                    let outcome = if writer % 2 == 0 {
                        store.save(&key, data.clone()).await
                    } else {
                        store.save_if_absent(&key, data.clone()).await
                    };
                    match outcome {
                        Ok(()) => saved.push((key, data)),
                        // Only a creation may end in doubt; the others are repeated until the server is back.
                        Err(error) => {
                            assert!(
                                writer % 2 == 1 && error.is_retryable() && !error.is_not_applied(),
                                "{}",
                                with_causes(&error)
                            );
                            if let Ok(found) = store.load(&key).await {
                                assert!(found == data);
                            }
                        }
                    }
                }
                saved
            })
        })
        .collect();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || {
            server.kill();
            server.restart();
        })
        .await
        .expect("the server comes back");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let mut saved = 0;
    for writer in writers {
        for (key, data) in writer.await.expect("no panic") {
            assert!(
                store.load(&key).await.unwrap_or_else(|error| panic!("{}", with_causes(&error))) == data,
                "{key}"
            );
            saved += 1;
        }
    }
    assert!(saved > 0);
}
