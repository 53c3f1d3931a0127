//! What is saved is given back, byte for byte, with its metadata.

use bytes::Bytes;
use persist_host::{ErrorKind, SaveRequest, SnapshotName};

use crate::support::*;

#[tokio::test]
async fn every_moment_of_a_session_comes_back() {
    let store = Faulty::default().store();
    for step in 0..5 {
        let info = save(&store, "a/s", step).await.unwrap();
        assert_eq!(info.snapshot_index, index(step as u64));
    }
    for step in 0..5 {
        assert_eq!(restore(&store, &format!("a/s@{step}")).await.unwrap(), state(step));
    }
    assert_eq!(restore(&store, "a/s").await.unwrap(), state(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn states_of_every_size_come_back() {
    let store = Faulty::default().store();
    for length in [0, 1, 1000, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 5_000_000] {
        let bytes: Vec<u8> = (0..length).map(|at| (at / 1000) as u8).collect();
        let mut request = SaveRequest::new(session("a/sizes"), bytes.clone());
        request.media_type = Some("application/octet-stream".to_owned());
        let info = store.save(request).await.unwrap();
        assert_eq!(info.content_length, length as u64);
        assert_eq!(restore(&store, "a/sizes").await.unwrap(), bytes, "{length}");
    }
    assert!(verify(&store, "").await.iter().all(|row| row.error.is_none()));
}

#[tokio::test]
async fn metadata_is_kept_and_shown_without_reading_the_body() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    save(&store, "a/s", 1).await.unwrap();
    let mut request = SaveRequest::new(session("a/s"), state(2));
    request.description = Some("after the tool call".to_owned());
    request.labels.insert("branch".to_owned(), "two".to_owned());
    request.name = Some(SnapshotName::parse("checkpoint 7").unwrap());
    request.parent = Some(index(0));
    let saved = store.save(request).await.unwrap();
    let shown = store.show(&reference("a/s@2")).await.unwrap();
    assert_eq!(saved, shown);
    assert_eq!(shown.description.as_deref(), Some("after the tool call"));
    assert_eq!(shown.labels["branch"], "two");
    assert_eq!(shown.parent_index, Some(index(0)));
    assert_eq!(shown.codec.as_deref(), Some("rle"));
    let stored = adapter.shelf().objects["agents/a/s/d/0000000002"].len() as u64;
    assert_eq!(shown.stored_bytes, stored);
    assert_eq!(store.show(&reference("a/s@1")).await.unwrap().parent_index, Some(index(0)));
    assert_eq!(store.show(&reference("a/s@0")).await.unwrap().parent_index, None);
}

#[tokio::test]
async fn a_state_that_is_not_json_is_refused_and_nothing_is_stored() {
    let adapter = Faulty::default();
    let error =
        adapter.store().save(SaveRequest::new(session("a/s"), "{\n  \"a\": nope}")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.context()[0], ("line", "2".to_owned()));
    assert!(adapter.keys().is_empty());
}

#[tokio::test]
async fn other_media_types_are_taken_as_they_are() {
    let store = Faulty::default().store();
    let mut request = SaveRequest::new(session("a/s"), Bytes::from_static(b"\xff not json"));
    request.media_type = Some("text/plain".to_owned());
    assert_eq!(store.save(request.clone()).await.unwrap().media_type, "text/plain");
    request.media_type = Some("Application/JSON; charset=utf-8".to_owned());
    assert_eq!(store.save(request).await.unwrap_err().code(), "invalid_json");
}

#[tokio::test]
async fn listings_are_ordered_and_cover_what_was_asked_for() {
    let store = Faulty::default().store();
    for name in ["b/t", "a/s", "a/r", "..", "a%2Fb/c"].map(|name| if name == ".." { "../.." } else { name }) {
        save(&store, name, 0).await.unwrap();
    }
    save(&store, "a/s", 1).await.unwrap();
    assert_eq!(list(&store, "").await, ["../..@0", "a%2Fb/c@0", "a/r@0", "a/s@0", "a/s@1", "b/t@0"]);
    assert_eq!(list(&store, "a").await, ["a/r@0", "a/s@0", "a/s@1"]);
    assert_eq!(list(&store, "a/s@1").await, ["a/s@1"]);
    assert!(list(&store, "nobody").await.is_empty());
}

#[tokio::test]
async fn ids_that_are_shortened_in_keys_are_listed_whole() {
    let store = Faulty::default().store();
    let long = format!("{}/{}", "Ä".repeat(100), "É".repeat(100));
    save(&store, &long, 0).await.unwrap();
    save(&store, &format!("plain/{}", "Z".repeat(200)), 0).await.unwrap();
    assert_eq!(list(&store, "").await, [format!("{long}@0"), format!("plain/{}@0", "Z".repeat(200))]);
}

#[tokio::test]
async fn a_missing_store_session_or_snapshot_is_not_found() {
    let store = Faulty::default().store();
    assert_eq!(restore(&store, "a/s").await.unwrap_err().code(), "store_not_found");
    assert_eq!(list_results(&store, "").await[0].as_ref().unwrap_err().code(), "store_not_found");
    save(&store, "a/s", 0).await.unwrap();
    for (text, code) in
        [("a/t", "session_not_found"), ("a/t@0", "session_not_found"), ("a/s@1", "snapshot_not_found")]
    {
        let error = restore(&store, text).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, code), "{text}");
    }
}

#[tokio::test]
async fn a_codec_that_does_not_give_back_its_input_is_refused_before_anything_is_stored() {
    let adapter = Faulty::default();
    let mut options = adapter.options();
    options.codec_name = Some("forgetful".to_owned());
    let error = save(&persist_host::Store::new(options), "a/s", 0).await.unwrap_err();
    assert_eq!(error.code(), "codec_unfaithful");
    assert!(!adapter.keys().iter().any(|key| key.contains("/d/")));
}

#[tokio::test]
async fn a_codec_that_is_not_installed_is_named() {
    let adapter = Faulty::default();
    save(&adapter.store(), "a/s", 0).await.unwrap();
    let mut options = adapter.options();
    options.codecs = std::sync::Arc::new(NoCodecs);
    options.codec_name = None;
    let store = persist_host::Store::new(options);
    let error = restore(&store, "a/s").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Plugin);
    assert!(error.to_string().contains("rle"), "{error}");
    // Listing needs no codec, and a store may change its codec at any time.
    assert_eq!(list(&store, "").await, ["a/s@0"]);
    assert_eq!(save(&store, "a/s", 1).await.unwrap().codec, None);
    assert_eq!(restore(&store, "a/s").await.unwrap(), state(1));
}

struct NoCodecs;

impl persist_host::CodecSource for NoCodecs {
    fn codec(
        &self,
        name: &str,
    ) -> persist_host::Result<std::sync::Arc<dyn persist_plugin_api::DynCompression>> {
        Err(persist_host::Error::new(ErrorKind::Plugin, "plugin_missing", format!("no codec {name:?}")))
    }
}
