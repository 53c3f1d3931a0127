//! Attachments: created once or replaced, read only while their snapshot lives, and gone with it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use persist_host::{
    AttachMode, AttachRequest, AttachmentInfo, AttachmentName, DeleteTarget, Depth, Error, ErrorKind, Store,
    StoreOptions,
};

use crate::support::*;

fn name(text: &str) -> AttachmentName {
    AttachmentName::parse(text).unwrap()
}

fn request(snapshot: &str, attachment: &str, content: &str, mode: AttachMode) -> AttachRequest {
    let mut request = AttachRequest::new(reference(snapshot), name(attachment), content.to_owned());
    request.mode = mode;
    request
}

async fn put(store: &Store, snapshot: &str, attachment: &str, content: &str) -> AttachmentInfo {
    store.attach(request(snapshot, attachment, content, AttachMode::Upsert)).await.unwrap()
}

async fn get(store: &Store, snapshot: &str, attachment: &str) -> Result<Bytes, Error> {
    store.read_attachment(&reference(snapshot), &name(attachment)).await.map(|(_, content)| content)
}

async fn names(store: &Store, snapshot: &str) -> Vec<String> {
    let attachments = store.attachments(&reference(snapshot)).await.unwrap();
    attachments.iter().map(|info| format!("{}:{}", info.name, info.version)).collect()
}

fn attachment_keys(adapter: &Faulty) -> Vec<String> {
    adapter.keys().into_iter().filter(|key| key.contains("/w/")).collect()
}

#[tokio::test]
async fn they_come_back_byte_for_byte_in_the_order_of_their_names() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    let long = "n".repeat(200);
    let large = "x".repeat(5000);
    let mut typed = request("a/s@0", "Task/1", "{}", AttachMode::Once);
    typed.media_type = Some("application/json".to_owned());
    let info = store.attach(typed).await.unwrap();
    assert_eq!((info.version, info.media_type.as_str(), info.codec), (0, "application/json", None));
    put(&store, "a/s@0", &long, "").await;
    // What a codec makes shorter is compressed.
    let info = put(&store, "a/s", "large", &large).await;
    assert!(info.codec.as_deref() == Some("rle") && info.stored_bytes < 500, "{info:?}");

    let cold = adapter.store();
    assert_eq!(names(&cold, "a/s@0").await, ["Task/1:0", "large:0", &format!("{long}:0")]);
    assert_eq!(get(&cold, "a/s", "large").await.unwrap(), large);
    assert_eq!(get(&cold, "a/s@0", "Task/1").await.unwrap(), "{}");
    assert_eq!(get(&cold, "a/s@0", &long).await.unwrap(), "");
    let listed = cold.attachments(&reference("a/s@0")).await.unwrap();
    assert_eq!(listed[1], info);
    assert!(verify(&cold, "").await.iter().all(|row| row.error.is_none()));
}

#[tokio::test]
async fn a_new_one_for_the_snapshot_just_saved_is_one_request() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    adapter.shelf().requests.clear();
    put(&store, "a/s@0", "w", "1").await;
    store.attach(request("a/s@0", "once", "1", AttachMode::Once)).await.unwrap();
    let requests = adapter.shelf().requests.clone();
    assert_eq!(requests.into_iter().collect::<Vec<_>>(), [("create", 2)]);
}

#[tokio::test]
async fn the_mode_decides_what_happens_to_another_content() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    put(&store, "a/s@0", "w", "one").await;
    // The same again is no conflict in any mode, and stores nothing.
    for mode in [AttachMode::Once, AttachMode::Keep, AttachMode::Upsert] {
        let info = store.attach(request("a/s@0", "w", "one", mode)).await.unwrap();
        assert_eq!(info.version, 0);
    }
    assert_eq!(attachment_keys(&adapter).len(), 1);
    let error = store.attach(request("a/s@0", "w", "two", AttachMode::Once)).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "attachment_exists"));
    let kept = store.attach(request("a/s@0", "w", "two", AttachMode::Keep)).await.unwrap();
    assert_eq!((kept.version, kept.content_length), (0, 3));
    assert_eq!(get(&store, "a/s@0", "w").await.unwrap(), "one");
    for version in 1..6 {
        assert_eq!(put(&store, "a/s@0", "w", &format!("content {version}")).await.version, version);
        assert_eq!(get(&store, "a/s@0", "w").await.unwrap(), format!("content {version}"));
    }
    assert_eq!(names(&store, "a/s").await, ["w:5"]);
    // Versions between the first and the newest are gone.
    let keys = attachment_keys(&adapter);
    assert_eq!(keys, ["agents/a/s/w/0000000000/w/0000000000", "agents/a/s/w/0000000000/w/0000000005"]);
    // A name that was replaced is still taken.
    let error = store.attach(request("a/s@0", "w", "one", AttachMode::Once)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn where_a_listing_may_lag_no_version_is_removed_and_the_newest_is_still_found() {
    let mut adapter = Faulty::default();
    adapter.capabilities = adapter.capabilities.clone().consistent_list(false);
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    for version in 0..4 {
        put(&store, "a/s@0", "w", &format!("content {version}")).await;
    }
    assert_eq!(attachment_keys(&adapter).len(), 4);
    assert_eq!(get(&store, "a/s@0", "w").await.unwrap(), "content 3");
}

#[tokio::test]
async fn they_need_a_snapshot_that_lives() {
    let adapter = Faulty::default();
    let store = adapter.store();
    let error = store.attach(request("a/s@0", "w", "1", AttachMode::Once)).await.unwrap_err();
    assert_eq!(error.code(), "store_not_found");
    save(&store, "a/s", 0).await.unwrap();
    for missing in ["a/s@1", "a/other@0", "a/other"] {
        let error = store.attach(request(missing, "w", "1", AttachMode::Once)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{missing}");
        assert_eq!(store.attachments(&reference(missing)).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(get(&store, "a/s@0", "w").await.unwrap_err().code(), "attachment_not_found");
    assert_eq!(names(&store, "a/s@0").await, [""; 0]);

    put(&store, "a/s@0", "w", "1").await;
    save(&store, "a/s", 1).await.unwrap();
    put(&store, "a/s@1", "w", "2").await;
    let target = DeleteTarget::Indices([index(0)].into());
    store.delete(&session("a/s"), &target).await.unwrap();
    for gone in [
        get(&store, "a/s@0", "w").await.map(drop),
        store.attachments(&reference("a/s@0")).await.map(drop),
        store.attach(request("a/s@0", "w", "1", AttachMode::Once)).await.map(drop),
    ] {
        assert_eq!(gone.unwrap_err().code(), "snapshot_deleted");
    }
    store.collect(&session("a/s")).await.unwrap();
    assert_eq!(attachment_keys(&adapter), ["agents/a/s/w/0000000001/w/0000000000"]);
    assert_eq!(get(&store, "a/s@1", "w").await.unwrap(), "2");
}

#[tokio::test]
async fn they_stay_when_their_snapshot_is_rewritten() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..6 {
        save(&store, "a/s", step).await.unwrap();
        put(&store, &format!("a/s@{step}"), "w", &format!("for {step}")).await;
    }
    let target = DeleteTarget::Indices([index(0), index(3)].into());
    store.delete(&session("a/s"), &target).await.unwrap();
    let compacted = store.compact(&session("a/s")).await.unwrap();
    assert!(compacted.rewritten > 0, "{compacted:?}");
    for step in [1, 2, 4, 5] {
        assert_eq!(get(&store, &format!("a/s@{step}"), "w").await.unwrap(), format!("for {step}"));
        put(&store, &format!("a/s@{step}"), "later", "x").await;
    }
    assert_eq!(attachment_keys(&adapter).len(), 8);
    assert!(verify(&adapter.store(), "").await.iter().all(|row| row.error.is_none()));
}

#[tokio::test]
async fn a_lost_reply_is_read_back_by_its_write_id() {
    for mode in [AttachMode::Once, AttachMode::Upsert] {
        let adapter = Faulty::default();
        let store = adapter.store();
        save(&store, "a/s", 0).await.unwrap();
        adapter.fail_creates(&[Fault::LostReply]);
        assert_eq!(store.attach(request("a/s@0", "w", "1", mode)).await.unwrap().version, 0);
        adapter.fail_creates(&[Fault::LostRequest, Fault::LostRequest]);
        assert_eq!(store.attach(request("a/s@0", "v", "1", mode)).await.unwrap().version, 0);
        // What another process wrote is not taken for one's own.
        adapter.store().attach(request("a/s@0", "u", "theirs", mode)).await.unwrap();
        adapter.fail_creates(&[Fault::LostReply]);
        let ours = store.attach(request("a/s@0", "u", "ours", mode)).await;
        match mode {
            AttachMode::Upsert => assert_eq!(ours.unwrap().version, 1),
            _ => assert_eq!(ours.unwrap_err().kind(), ErrorKind::Conflict),
        }
    }
}

#[tokio::test]
async fn an_outcome_that_cannot_be_found_out_is_unknown_and_the_retry_stores_nothing_twice() {
    let adapter = Faulty::default();
    let store = adapter.store();
    save(&store, "a/s", 0).await.unwrap();
    for fault in [Fault::NotDurable, Fault::LostReply] {
        let attachment = format!("{fault:?}");
        adapter.fail_creates(&[fault]);
        adapter.fail_loads(&[Fault::Unreachable]);
        let error = store.attach(request("a/s@0", &attachment, "1", AttachMode::Once)).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::OutcomeUnknown, "attachment_outcome_unknown"));
        adapter.shelf().load_faults.clear();
        put(&store, "a/s@0", &attachment, "1").await;
        assert_eq!(get(&store, "a/s@0", &attachment).await.unwrap(), "1");
    }
    assert_eq!(attachment_keys(&adapter).len(), 2);
    adapter.fail_creates(&[Fault::Refused]);
    let error = store.attach(request("a/s@0", "x", "1", AttachMode::Once)).await.unwrap_err();
    assert_eq!(error.code(), "no_space");
    assert_eq!(attachment_keys(&adapter).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_and_readers_of_one_name_never_see_less_than_was_acknowledged() {
    let adapter = Faulty::default();
    save(&adapter.store(), "a/s", 0).await.unwrap();
    put(&adapter.store(), "a/s@0", "w", "writer 9 step 0").await;
    let writers = (0..4).map(|writer| {
        let store = adapter.store();
        tokio::spawn(async move {
            let mut versions = Vec::new();
            for step in 0..25 {
                versions
                    .push(put(&store, "a/s@0", "w", &format!("writer {writer} step {step}")).await.version);
                let (read, _) = store.read_attachment(&reference("a/s@0"), &name("w")).await.unwrap();
                assert!(read.version >= versions[step], "{} after {}", read.version, versions[step]);
            }
            versions
        })
    });
    let mut versions = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        versions.extend(writer.await.unwrap());
    }
    versions.sort_unstable();
    let newest = adapter.store().attachments(&reference("a/s@0")).await.unwrap();
    assert_eq!(newest[0].version, *versions.last().unwrap());
    let content = get(&adapter.store(), "a/s@0", "w").await.unwrap();
    assert!(content.starts_with(b"writer "), "{content:?}");
}

#[tokio::test]
async fn damage_is_noticed_and_named() {
    let adapter = Faulty::default();
    let store = adapter.store();
    for step in 0..2 {
        save(&store, "a/s", step).await.unwrap();
        put(&store, &format!("a/s@{step}"), "w", "a small content").await;
    }
    let key = "agents/a/s/w/0000000001/w/0000000000";
    let object = adapter.shelf().objects[key].clone();
    for at in 0..object.len() {
        let mut damaged = object.to_vec();
        damaged[at] ^= 1;
        adapter.shelf().objects.insert(key.to_owned(), damaged.into());
        let error = get(&store, "a/s@1", "w").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Integrity, "byte {at}: {error}");
        for pattern_text in ["a/s", "a/s@1"] {
            let rows = store.verify(&pattern(pattern_text), Depth::Objects);
            let rows: Vec<_> = rows.try_collect().await.unwrap();
            let bad: Vec<_> = rows.iter().filter(|row| row.error.is_some()).collect();
            assert_eq!(bad.len(), 1, "byte {at}");
            assert_eq!(bad[0].snapshot_index, Some(index(1)));
            let context = bad[0].error.as_ref().unwrap().context();
            assert!(context.contains(&("key", key.to_owned())), "{context:?}");
        }
    }
    // Another snapshot's attachment, whole but in the wrong place.
    let other = adapter.shelf().objects["agents/a/s/w/0000000000/w/0000000000"].clone();
    adapter.shelf().objects.insert(key.to_owned(), other);
    assert_eq!(get(&store, "a/s@1", "w").await.unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(store.attachments(&reference("a/s@1")).await.unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(get(&store, "a/s@0", "w").await.unwrap(), "a small content");
    // A deletion comes before damage.
    let target = DeleteTarget::Indices([index(1)].into());
    store.delete(&session("a/s"), &target).await.unwrap();
    assert_eq!(get(&store, "a/s@1", "w").await.unwrap_err().code(), "snapshot_deleted");
}

#[tokio::test]
async fn copies_are_checked_and_can_be_repeated() {
    let (from, to) = (Faulty::default(), Faulty::default());
    let source = from.store();
    let target = Store::new(StoreOptions { codec_name: None, storage: Arc::new(to.clone()), ..to.options() });
    for store in [&source, &target] {
        save(store, "a/s", 0).await.unwrap();
    }
    let copied = session("a/s");
    let copy = || source.copy_attachments(&target, &copied, index(0));
    assert_eq!(copy().await.unwrap(), 0);
    for attachment in 0..20 {
        put(&source, "a/s@0", &format!("w{attachment:02}"), &"x".repeat(1000)).await;
    }
    put(&source, "a/s@0", "w03", "newer").await;
    assert_eq!(copy().await.unwrap(), 20);
    assert_eq!(copy().await.unwrap(), 0);
    put(&source, "a/s@0", "w04", "newer").await;
    assert_eq!(copy().await.unwrap(), 1);
    for (attachment, content) in
        [("w03", "newer".to_owned()), ("w04", "newer".to_owned()), ("w05", "x".repeat(1000))]
    {
        assert_eq!(get(&target, "a/s@0", attachment).await.unwrap(), content);
    }
    let (ours, theirs) = (
        source.attachments(&reference("a/s@0")).await.unwrap(),
        target.attachments(&reference("a/s@0")).await.unwrap(),
    );
    let facts = |infos: &[AttachmentInfo]| -> Vec<_> {
        infos.iter().map(|info| (info.name.clone(), info.timestamp, info.content_hash)).collect()
    };
    assert_eq!(facts(&ours), facts(&theirs));
    // What is damaged at the source does not spread.
    let key = "agents/a/s/w/0000000000/w07/0000000000";
    let mut damaged = from.shelf().objects[key].to_vec();
    let last = damaged.len() - 40;
    damaged[last] ^= 1;
    from.shelf().objects.insert(key.to_owned(), damaged.into());
    assert_eq!(copy().await.unwrap_err().kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn all_contents_are_read_at_once_with_where_the_session_stands() {
    for consistent in [true, false] {
        let mut adapter = Faulty::default();
        adapter.capabilities = adapter.capabilities.clone().consistent_list(consistent);
        let store = adapter.store();
        save(&store, "a/s", 0).await.unwrap();
        for (name, content) in [("b", "1"), ("a", "2"), ("b", "3"), ("b", "4")] {
            put(&store, "a/s@0", name, content).await;
        }
        let read = adapter.store().read_attachments(&reference("a/s@0")).await.unwrap();
        let contents = read.iter().map(|(info, content)| (info.name.as_str(), &content[..]));
        assert_eq!(contents.collect::<Vec<_>>(), [("a", &b"2"[..]), ("b", &b"4"[..])]);
        let (position, glanced) = store.glance(&session("a/s"), index(0)).await.unwrap();
        assert_eq!((position.last_index, position.decision), (Some(index(0)), 0));
        assert_eq!(glanced.len(), 2);
        store.delete(&session("a/s"), &DeleteTarget::All).await.unwrap();
        let error = store.read_attachments(&reference("a/s@0")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(store.glance(&session("a/s"), index(0)).await.unwrap().0.decision, 1);
    }
}

#[tokio::test]
async fn those_of_several_snapshots_are_read_together() {
    let store = Faulty::default().store();
    for step in 0..3 {
        save(&store, "a/s", step).await.unwrap();
    }
    put(&store, "a/s@0", "w", "zero").await;
    put(&store, "a/s@2", "w", "two").await;
    put(&store, "a/s@2", "v", "more").await;
    store.delete(&session("a/s"), &DeleteTarget::Indices([index(1)].into())).await.unwrap();
    let wanted = [2, 0, 1, 9].map(index);
    let read = store.read_attachments_of(&session("a/s"), &wanted).await.unwrap();
    let contents: Vec<_> = read
        .iter()
        .map(|read| match read {
            Ok(read) => Ok(read.iter().map(|(_, content)| content.to_vec()).collect::<Vec<_>>()),
            Err(error) => Err(error.kind()),
        })
        .collect();
    assert_eq!(
        contents,
        [
            Ok(vec![b"more".to_vec(), b"two".to_vec()]),
            Ok(vec![b"zero".to_vec()]),
            Err(ErrorKind::NotFound),
            Ok(vec![])
        ]
    );
}
