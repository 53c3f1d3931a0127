//! How the table comes about, and what is made of one that is missing, foreign, old or new.

use persist_plugin_api::{Bytes, ErrorCode, ListRequest, StorageAdapter as _};
use persist_test_support::{Postgres, with_causes};
use serde_json::json;

use crate::{names, new_schema, open, with};

fn value() -> Bytes {
    Bytes::from_static(b"value")
}

#[tokio::test(flavor = "multi_thread")]
async fn many_first_writers_at_once_make_one_table() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let options = with(options.clone(), &json!({"pool_size": 1}));
            tokio::spawn(async move {
                open(options).await.save_if_absent(&format!("k/{writer:02}"), value()).await
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic").unwrap_or_else(|error| panic!("{}", with_causes(&error)));
    }
    assert_eq!(names(&open(options).await, ListRequest::below("")).await.len(), 16);
    let comment = format!("SELECT obj_description('{schema}.persist_objects'::regclass, 'pg_class')");
    assert_eq!(server.sql("persist", &comment), "Persist objects, version 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_an_empty_store_and_reading_does_not_make_it() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    let store = open(options.clone()).await;
    assert!(store.capabilities().await.unwrap().durable);
    assert_eq!(store.load("k").await.unwrap_err().code(), ErrorCode::NOT_FOUND);
    assert_eq!(store.load_range("k", 0..1).await.unwrap_err().code(), ErrorCode::NOT_FOUND);
    assert!(!store.exists("k").await.unwrap());
    assert!(names(&store, ListRequest::below("")).await.is_empty());
    store.delete("k").await.unwrap();
    let tables = format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}'");
    assert_eq!(server.sql("persist", &tables), "0");

    let other = open(options).await;
    other.save("k", value()).await.unwrap();
    assert_eq!(store.load("k").await.unwrap(), value());
    // Removed under the adapter's feet, it is made again by the next write.
    server.sql("persist", &format!("DROP TABLE {schema}.persist_objects"));
    store.save("again", value()).await.unwrap();
    assert_eq!(names(&store, ListRequest::below("")).await, ["again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_only_read_reads() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    open(options).await.save("d/k", value()).await.unwrap();
    let reader = server.create_role("role", "");
    let grants = format!(
        "GRANT USAGE ON SCHEMA {schema} TO {reader}; GRANT SELECT ON {schema}.persist_objects TO {reader}"
    );
    server.sql("persist", &grants);

    let options = json!({"url": server.url(&reader, "persist"), "schema": schema});
    let store = open(options).await;
    store.capabilities().await.unwrap();
    assert_eq!(store.load("d/k").await.unwrap(), value());
    assert_eq!(store.load_range("d/k", 1..3).await.unwrap(), "al");
    assert!(store.exists("d/k").await.unwrap() && !store.exists("other").await.unwrap());
    assert_eq!(names(&store, ListRequest::directory("")).await, ["d/"]);
    for error in [
        store.save_if_absent("new", value()).await.unwrap_err(),
        store.save("d/k", value()).await.unwrap_err(),
        store.delete("d/k").await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
        assert!(error.is_not_applied() && error.message().contains("1 attempt"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_to_be_made_is_asked_for_with_its_sql() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    let store = open(with(options.clone(), &json!({"create_table": false, "table": "odd \"name\""}))).await;
    let error = store.save_if_absent("k", value()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CONTAINER_MISSING, "{}", with_causes(&error));
    assert!(error.is_not_applied() && !error.is_retryable());
    let sql = error.message().split_once("run\n").expect("the SQL").1;
    server.sql("persist", sql);
    // The superuser made it.
    let error = store.save_if_absent("k", value()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
    server.sql("persist", &format!("GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO persist"));
    store.save_if_absent("k", value()).await.unwrap();

    let writer = server.create_role("role", "");
    server.sql("persist", &format!("GRANT USAGE ON SCHEMA {schema} TO {writer}"));
    let store = open(json!({"url": server.url(&writer, "persist"), "schema": schema})).await;
    let error = store.save("k", value()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::PERMISSION_DENIED, "{}", with_causes(&error));
    assert!(error.is_not_applied() && error.message().contains("CREATE TABLE"), "{error}");

    let store = open(with(options, &json!({"schema": "nowhere"}))).await;
    let error = store.save("k", value()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CONTAINER_MISSING, "{}", with_causes(&error));
    assert!(error.message().contains("CREATE SCHEMA"), "{error}");
    assert_eq!(store.load("k").await.unwrap_err().code(), ErrorCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_newer_versions_and_of_others_are_left_alone() {
    let server = Postgres::shared();
    for (comment, code, next) in [
        ("COMMENT ON TABLE {} IS 'Persist objects, version 2'", ErrorCode::UNSUPPORTED, "use a newer one"),
        ("COMMENT ON TABLE {} IS 'our own'", ErrorCode::CONFIG, "name another table"),
        ("COMMENT ON TABLE {} IS NULL", ErrorCode::CONFIG, "Persist objects, version 1"),
    ] {
        let (schema, options) = new_schema(&server);
        open(options.clone()).await.save("k", value()).await.unwrap();
        server.sql("persist", &comment.replace("{}", &format!("{schema}.persist_objects")));
        let store = open(options).await;
        for error in [
            store.capabilities().await.unwrap_err(),
            store.load("k").await.unwrap_err(),
            store.save("k", value()).await.unwrap_err(),
            store.save_if_absent("new", value()).await.unwrap_err(),
            store.delete("k").await.unwrap_err(),
            store.list(ListRequest::below("")).await.unwrap_err(),
        ] {
            assert_eq!(error.code(), code, "{}", with_causes(&error));
            assert!(error.is_not_applied() && error.message().contains(next), "{error}");
        }
        assert_eq!(server.sql("persist", &format!("SELECT count(*) FROM {schema}.persist_objects")), "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_hold_every_key_is_refused() {
    let server = Postgres::shared();
    let database = server.create_database("latin", "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    let store = open(json!({"url": server.url("persist", &database)})).await;
    let error = store.capabilities().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::CONFIG, "{}", with_causes(&error));
    assert!(error.message().contains("LATIN1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_may_lose_is_not_called_durable() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    let store = open(options.clone()).await;
    store.save("k", value()).await.unwrap();
    assert!(store.capabilities().await.unwrap().durable);
    server.sql("persist", &format!("ALTER TABLE {schema}.persist_objects SET UNLOGGED"));
    assert!(!store.capabilities().await.unwrap().durable);
    let store = open(with(options, &json!({"accept_data_loss": true}))).await;
    assert!(store.capabilities().await.unwrap().durable);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_flushed_even_if_the_role_asks_for_speed() {
    let server = Postgres::shared();
    let (schema, options) = new_schema(&server);
    open(options).await.save("first", value()).await.unwrap();
    let hasty = server.create_role("role", "");
    let table = format!("{schema}.persist_objects");
    // Looks at the setting when the transaction ends, which is when it counts.
    server.sql(
        "persist",
        &format!(
            "ALTER ROLE {hasty} SET synchronous_commit = off; \
             GRANT USAGE ON SCHEMA {schema} TO {hasty}; GRANT ALL ON {table} TO {hasty}; \
             CREATE FUNCTION {schema}.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF current_setting('synchronous_commit') = 'off' THEN RAISE 'not flushed'; END IF; RETURN NULL; END $$; \
             CREATE CONSTRAINT TRIGGER look AFTER INSERT OR UPDATE OR DELETE ON {table} \
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {schema}.look(); \
             ALTER TABLE {table} DISABLE TRIGGER look; ALTER TABLE {table} ENABLE ALWAYS TRIGGER look"
        ),
    );
    for prepared in [true, false] {
        let options = json!({
            "url": server.url(&hasty, "persist"), "schema": schema, "prepared_statements": prepared,
        });
        let store = open(options).await;
        store.save_if_absent("k", value()).await.unwrap();
        store.save("k", value()).await.unwrap();
        store.delete("k").await.unwrap();
    }
    // The trigger does look.
    let direct = format!("SET synchronous_commit = off; INSERT INTO {table} (key, data) VALUES ('x', '')");
    let refused = std::panic::catch_unwind(|| server.sql("persist", &direct));
    assert!(refused.is_err());
}
