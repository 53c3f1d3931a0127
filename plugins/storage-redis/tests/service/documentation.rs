//! The page in `docs` says what is true.

use persist_plugin_api::{Bytes, StorageAdapter as _};
use persist_storage_redis::{RedisConfig, RedisStorage};
use persist_test_support::Redis;

const PAGE: &str = include_str!("../../../../docs/backends/redis.md");

#[tokio::test(flavor = "multi_thread")]
async fn the_example_works() {
    let server = Redis::start();
    let example =
        PAGE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let example = example.replace("${REDIS_URL}", &server.url());
    let config: toml::Table = example.parse().expect("the example is TOML");
    let mut storage = config["stores"]["main"]["storage"].as_table().expect("a table").clone();
    assert_eq!(
        storage.remove("adapter").and_then(|name| Some(name.as_str()?.to_owned())).as_deref(),
        Some("redis")
    );
    let config: RedisConfig = storage.try_into().expect("valid options");
    let store = RedisStorage::open(config).await.unwrap();
    assert!(store.capabilities().await.unwrap().durable);
    store.save_if_absent("agents/a/s/d/0", Bytes::from_static(b"v")).await.unwrap();
}

#[test]
fn every_option_is_described() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../src/schema.json")).expect("a schema");
    for option in schema["properties"].as_object().expect("options").keys() {
        assert!(
            PAGE.contains(&format!("| `{option}` |")),
            "{option} is not in the table of docs/backends/redis.md"
        );
    }
}
