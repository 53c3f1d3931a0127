//! The example of the documentation.

use persist_plugin_api::{Bytes, StorageAdapter as _};
use persist_storage_postgres::{PostgresConfig, PostgresStorage};
use persist_test_support::Postgres;

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_the_page_works() {
    let page = include_str!("../../../../docs/backends/postgres.md");
    let example =
        page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let server = Postgres::shared();
    let database = server.create_database("page", "");
    let example = example.replace("${PERSIST_DATABASE_URL}", &server.url("persist", &database));
    let config: toml::Table = example.parse().expect("TOML");
    let mut storage = config["stores"]["main"]["storage"].as_table().expect("a table").clone();
    assert_eq!(storage.remove("adapter").expect("a name").as_str(), Some("postgres"));
    let options: PostgresConfig = storage.try_into().expect("valid options");
    let store = PostgresStorage::open(options).await.unwrap();
    store.save_if_absent("k", Bytes::from_static(b"value")).await.unwrap();
    assert_eq!(server.sql(&database, "SELECT key, size FROM persist_objects"), "k|5");
}
