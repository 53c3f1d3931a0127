//! Adapters over adapters, each in a shared library of its own, built with whichever version of the API.

use std::{process::Command, sync::Arc};

use persist_abi::{built, versions};
use persist_host::{Config, Plugins, SaveRequest, SearchPath, StoreUse, open_store};
use persist_plugin_api::{Bytes, ReadPurpose};
use serde_json::json;

use crate::support::{Scene, block_on, text};

fn compatible() -> impl Iterator<Item = String> {
    versions().into_iter().filter(|version| version.host).map(|version| version.name)
}

/// A scene with the plugin of a version, and beside it the one whose adapter takes others.
fn scene(name: &str) -> (Scene, Arc<Plugins>) {
    let scene = Scene::with(name);
    built().install("over", &scene.plugins());
    let plugins = Plugins::discover(&SearchPath::new().with_flags([scene.plugins()]));
    assert!(plugins.rejected().is_empty(), "{:?}", plugins.rejected());
    (scene, Arc::new(plugins))
}

#[test]
fn heavy_adapters_of_every_compatible_version_serve_as_parts() {
    for name in compatible().chain(["allocator".to_owned(), "optimised".to_owned()]) {
        let (scene, plugins) = scene(&name);
        let files = |directory: &str| json!({"adapter": "files", "root": scene.store().join(directory)});
        // Composed twice: one of the parts is made over others itself.
        let options = json!({"inner": files("a"), "others": [
            files("b"), {"adapter": "twice", "inner": files("c"), "others": [files("d")]},
        ]});
        block_on(async {
            let storage = plugins.open_storage("twice", &options).await.unwrap();
            let data = Bytes::from(vec![7; 1 << 20]);
            storage.save_if_absent("k", data.clone()).await.unwrap();
            assert!(storage.load("k").await.unwrap() == data, "{name}");
            let taken = storage.save_if_absent("k", data.clone()).await.unwrap_err();
            assert_eq!(taken.code(), persist_plugin_api::ErrorCode::ALREADY_EXISTS);
            // The purpose of a call crosses every boundary on its way: the innermost of the two said so first.
            let small = Bytes::from_static(b"x");
            storage.save("small", small).await.unwrap();
            let differ = ReadPurpose::Content.scope(storage.load("small")).await.unwrap_err();
            assert_eq!(differ.code(), persist_plugin_api::ErrorCode::CORRUPT, "{name}: {differ}");
            let simple = plugins.open_storage("twice", &json!({"inner": files("a")})).await.unwrap();
            let told = ReadPurpose::Content.scope(simple.load("small")).await.unwrap();
            assert_eq!(told, "as contents: x", "{name}");
        });
        for directory in ["a", "b", "c", "d"] {
            let entries = scene.store().join(directory).read_dir().unwrap();
            // What the fixture could not create, it leaves as a temporary file.
            let objects =
                entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_none()).count();
            assert_eq!(objects, 2, "{name}: {directory}");
        }
    }
}

#[test]
fn heavy_a_store_is_saved_to_and_restored_through_composed_plugins() {
    let (scene, plugins) = scene("1.0.0");
    let store = json!({
        "storage": {"adapter": "twice", "inner": {"adapter": "files", "root": scene.store()}},
        "compression": {"adapter": "turn"},
    });
    let config = Config::from_store_value("main", store).unwrap();
    block_on(async {
        let session: persist_host::SessionRef = "agent/session".parse().unwrap();
        let store = open_store(&config, None, &plugins, StoreUse::Keep).await.unwrap();
        store.save(SaveRequest::new(session, "[1]")).await.unwrap();
    });
    // As contents it is given back with other bytes, which no hash fits: the storage itself is then read.
    block_on(async {
        let store = open_store(&config, None, &plugins, StoreUse::Keep).await.unwrap();
        let restored = store.restore(&"agent/session".parse().unwrap()).await.unwrap();
        assert_eq!(restored.state, "[1]");
    });
}

#[test]
fn heavy_what_cannot_be_composed_says_so_exactly() {
    // A host that knows nothing of it.
    for host in ["1.0.0", "1.1.0"] {
        let options = json!({"inner": {"adapter": "files", "root": "/nowhere"}}).to_string();
        let mut command = Command::new(built().host(host));
        let output =
            command.arg("open").arg(built().plugin("over")).args(["twice", &options]).output().unwrap();
        assert_eq!(output.status.code(), Some(6), "{host}");
        assert_eq!(
            text(&output),
            "`inner`: this host cannot pass adapters to others; a release of Persist with version 1.2.0 of the plugin API, \
             or a newer one, is needed\n"
        );
    }
    // A plugin that knows nothing of it.
    let (scene, plugins) = scene("1.1.0");
    let options = json!({"root": {"adapter": "files", "root": scene.store()}});
    let error = block_on(plugins.open_storage("wants-another", &options)).err().unwrap();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        cause,
        "the plugin plugin-1-1-0 was built with a version of the plugin API before 1.2.0, which cannot pass other adapters \
         to \"wants-another\"; build it with this release's"
    );
    assert_eq!(error.code(), "unsupported");
}

#[test]
fn heavy_errors_of_parts_name_their_place_and_their_adapter() {
    let (scene, plugins) = scene("today");
    let open = |storage: serde_json::Value| {
        let config = Config::from_store_value("main", json!({"storage": storage})).unwrap();
        block_on(open_store(&config, None, &plugins, StoreUse::Keep)).err().unwrap()
    };
    let files = json!({"adapter": "files", "root": scene.store()});
    for (storage, message, hint) in [
        (
            json!({"adapter": "twice", "inner": {"adapter": "files", "rot": 1}}),
            "built-in config: `stores.main.storage.inner.rot` is refused by the storage adapter \"files\"",
            "the options of the adapter \"files\" are: root",
        ),
        (
            json!({"adapter": "twice", "inner": files, "others": [
                files, {"adapter": "twice", "inner": {"adapter": "flies"}},
            ]}),
            "built-in config: `stores.main.storage.others[1].inner` cannot be opened with the storage adapter \"flies\"",
            "use one of the storage adapters that were found: files, twice, wants-another",
        ),
        (
            json!({"adapter": "twice", "others": []}),
            "built-in config: `stores.main.storage` is refused by the storage adapter \"twice\"",
            "the options of the adapter \"twice\" are: inner, others",
        ),
        (
            json!({"adapter": "twice", "inner": "files"}),
            "built-in config: `stores.main.storage.inner` is refused by the storage adapter \"twice\"",
            "the options of the adapter \"twice\" are: inner, others",
        ),
    ] {
        let error = open(storage);
        assert_eq!(error.to_string(), message);
        assert!(error.hint().unwrap().starts_with(hint), "{:?}", error.hint());
    }
}
