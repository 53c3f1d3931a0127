//! The checks that every storage adapter must pass, against a server that speaks MongoDB's protocol.

use persist_plugin_api::StorageAdapter as _;
use persist_plugin_testkit::test_storage;
use persist_storage_mongodb::{MongoConfig, MongoStorage};
use persist_test_support::SecantusDb;

#[test]
fn a_server_passes() {
    let place = SecantusDb::shared().place("conformance");
    test_storage(async || {
        let config: MongoConfig = serde_json::from_value(place.options.clone()).expect("valid options");
        MongoStorage::open(config).await
    });
}
