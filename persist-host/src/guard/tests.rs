//! Each lie that an adapter can tell, and what the guard makes of it.

use std::future::pending;
use std::ops::Range;

use bytes::Bytes;
use persist_plugin_api::{
    BoxFuture, Capabilities, ErrorCode, ListPage, ListRequest, ObjectMeta, Result, StorageAdapter,
    page_of_sorted,
};

use super::*;

const NAME: &str = "the storage adapter \"liar\"";

/// Answers a listing with what the function says, and everything else absurdly or not at all.
struct Liar(fn(&ListRequest) -> ListPage);

impl StorageAdapter for Liar {
    type Config = ();

    async fn open((): ()) -> Result<Self> {
        Ok(Self(|_| ListPage::default()))
    }

    async fn capabilities(&self) -> Result<Capabilities> {
        pending().await
    }

    async fn save(&self, _: &str, _: Bytes) -> Result<()> {
        pending().await
    }

    async fn save_if_absent(&self, _: &str, _: Bytes) -> Result<()> {
        pending().await
    }

    async fn load(&self, _: &str) -> Result<Bytes> {
        pending().await
    }

    async fn load_range(&self, _: &str, range: Range<u64>) -> Result<Bytes> {
        Ok(Bytes::from(vec![0; usize::try_from(range.end).unwrap()]))
    }

    async fn exists(&self, _: &str) -> Result<bool> {
        pending().await
    }

    async fn stat(&self, key: &str) -> Result<ObjectMeta> {
        let size = if key == "huge" { u64::MAX } else { 7 };
        Ok(ObjectMeta::new(if key == "other" { "another" } else { key }, size))
    }

    async fn delete(&self, _: &str) -> Result<()> {
        pending().await
    }

    async fn list(&self, request: ListRequest) -> Result<ListPage> {
        Ok((self.0)(&request))
    }
}

fn guarded(pages: fn(&ListRequest) -> ListPage) -> Arc<dyn DynStorage> {
    guard_storage(Arc::new(Liar(pages)), NAME, Some(Duration::from_millis(10)))
}

fn page(keys: &[&str], directories: &[&str], next: Option<&str>) -> ListPage {
    ListPage::new(
        keys.iter().map(|key| ObjectMeta::new(*key, 1)).collect(),
        directories.iter().map(|&name| name.to_owned()).collect(),
        next.map(ToOwned::to_owned),
    )
}

/// Reads a listing to its end.
async fn all(storage: &dyn DynStorage, mut request: ListRequest) -> Result<Vec<String>> {
    let mut found = Vec::new();
    loop {
        let page = storage.list(request.clone()).await?;
        found.extend(page.objects.into_iter().map(|object| object.key));
        found.extend(page.prefixes);
        if page.next.is_none() {
            return Ok(found);
        }
        request = request.continued(page.next);
    }
}

async fn assert_lie(request: ListRequest, says: &str, pages: fn(&ListRequest) -> ListPage) {
    let error = all(&*guarded(pages), request).await.unwrap_err();
    let expected = format!("{NAME} answered what the interface does not allow: list of \"p/\" {says}");
    assert_eq!((error.code(), error.message()), (ErrorCode::WRONG_ANSWER, expected.as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_answered_ends_and_names_itself() {
    let storage = guarded(|_| ListPage::default());
    let key = "a/b";
    let calls: [(&str, BoxFuture<'_, Result<()>>); 6] = [
        ("capabilities", Box::pin(async { storage.capabilities().await.map(drop) })),
        ("save of \"a/b\"", storage.save(key, Bytes::new())),
        ("save_if_absent of \"a/b\"", storage.save_if_absent(key, Bytes::new())),
        ("load of \"a/b\"", Box::pin(async { storage.load(key).await.map(drop) })),
        ("exists of \"a/b\"", Box::pin(async { storage.exists(key).await.map(drop) })),
        ("delete of \"a/b\"", storage.delete(key)),
    ];
    for (operation, call) in calls {
        let error = call.await.unwrap_err();
        let expected =
            format!("{NAME} did not answer {operation} within 0.01 s, the call_timeout of its store");
        assert_eq!((error.code(), error.message()), (ErrorCode::TIMEOUT, expected.as_str()));
        assert!(!error.is_not_applied() && error.is_retryable(), "a write may have happened");
    }
}

#[tokio::test]
async fn metadata_of_another_object_and_absurd_sizes_are_refused() {
    let storage = guarded(|_| ListPage::default());
    assert_eq!(storage.stat("good").await.unwrap().size, 7);
    let other = storage.stat("other").await.unwrap_err();
    assert!(other.message().ends_with("stat of \"other\" describes the object \"another\""), "{other}");
    let huge = storage.stat("huge").await.unwrap_err();
    assert!(
        huge.message().ends_with("stat of \"huge\" says that it has 18446744073709551615 bytes"),
        "{huge}"
    );
    assert_eq!(storage.load_range("k", 0..4).await.unwrap().len(), 4);
    let long = storage.load_range("k", 2..4).await.unwrap_err();
    assert!(
        long.message().ends_with("load_range of \"k\" gave 4 bytes, and at most 2 were asked for"),
        "{long}"
    );
}

#[tokio::test]
async fn a_page_that_lies_is_refused() {
    let (flat, folded) = (ListRequest::below("p/"), ListRequest::directory("p/"));
    for request in [&flat, &folded] {
        assert_lie(request.clone(), "gave the object \"q/a\", which does not begin so", |_| {
            page(&["q/a"], &[], None)
        })
        .await;
        assert_lie(request.clone().limit(1), "gave 2 entries, and at most 1 were asked for", |_| {
            page(&["p/a", "p/b"], &[], None)
        })
        .await;
        let after = request.clone().start_after("p/b");
        let says = "gave the object \"p/b\", and only those after \"p/b\" were asked for";
        assert_lie(after, says, |_| page(&["p/b"], &[], None)).await;
        assert_lie(request.clone(), "says that \"p/a\" has 18446744073709551615 bytes", |_| {
            ListPage::new(vec![ObjectMeta::new("p/a", u64::MAX)], Vec::new(), None)
        })
        .await;
    }
    assert_lie(flat.clone(), "gave \"p/a\" twice", |_| page(&["p/a", "p/b", "p/a"], &[], None)).await;
    assert_lie(flat, "gave \"p/a/\" as a directory, which it cannot be", |_| page(&[], &["p/a/"], None))
        .await;
    let says = "gave \"p/a\" out of order, after \"p/b\"";
    assert_lie(folded.clone(), says, |_| page(&["p/b", "p/a"], &[], None)).await;
    let says = "gave \"p/a/\" twice, after \"p/a/\"";
    assert_lie(folded.clone(), says, |_| page(&[], &["p/a/", "p/a/"], None)).await;
    let says = "gave the object \"p/a/b\", which lies in a directory below";
    assert_lie(folded.clone(), says, |_| page(&["p/a/b"], &[], None)).await;
    for pages in [
        |_: &ListRequest| page(&[], &["p/a"], None),
        |_: &ListRequest| page(&[], &["q/"], None),
        |_: &ListRequest| page(&[], &["p/a/b/"], None),
    ] {
        let error = all(&*guarded(pages), folded.clone()).await.unwrap_err();
        assert!(error.message().ends_with("as a directory, which it cannot be"), "{error}");
    }
}

#[tokio::test]
async fn directories_may_come_in_the_order_of_their_names() {
    for pages in [
        |_: &ListRequest| page(&[], &["p/a/", "p/a!b/", "p/b/"], None),
        |_: &ListRequest| page(&[], &["p/a!b/", "p/a/", "p/b/"], None),
    ] {
        assert_eq!(all(&*guarded(pages), ListRequest::directory("p/")).await.unwrap().len(), 3);
    }
    let says = "gave \"p/a/\" out of order, after \"p/b/\"";
    assert_lie(ListRequest::directory("p/"), says, |_| page(&[], &["p/b/", "p/a/"], None)).await;
}

#[tokio::test]
async fn a_listing_that_does_not_end_is_refused() {
    let folded = ListRequest::directory("p/");
    // The same page again and again.
    let says = "gave \"p/a\" twice, after \"p/a\"";
    assert_lie(folded.clone(), says, |_| page(&["p/a"], &[], Some("t"))).await;
    let says = "goes round in a circle: the continuation \"t\" came before";
    assert_lie(ListRequest::below("p/"), says, |_| page(&["p/a"], &[], Some("t"))).await;
    let circle = guarded(|request| {
        let at: u32 = request.continuation.as_ref().map_or(0, |at| at.parse().unwrap());
        page(&[], &[], Some(&((at + 1) % 12).to_string()))
    });
    let error = all(&*circle, folded.clone()).await.unwrap_err();
    assert!(error.message().contains("goes round in a circle"), "{error}");
    assert_lie(folded, "gave 10000 empty pages in a row and has not ended", |request| {
        let at: u32 = request.continuation.as_ref().map_or(0, |at| at.parse().unwrap());
        page(&[], &[], Some(&(at + 1).to_string()))
    })
    .await;
}

#[tokio::test]
async fn an_honest_listing_passes_in_pages_of_every_size() {
    const KEYS: [&str; 6] = ["p/1", "p/2", "p/b/3", "p/b/4", "p/c", "q"];
    let storage = guarded(|request| page_of_sorted(KEYS.iter().map(|key| ObjectMeta::new(*key, 1)), request));
    for limit in 1..8 {
        let mut found = all(&*storage, ListRequest::directory("p/").limit(limit)).await.unwrap();
        found.sort();
        assert_eq!(found, ["p/1", "p/2", "p/b/", "p/c"]);
        assert_eq!(all(&*storage, ListRequest::below("").limit(limit)).await.unwrap(), KEYS);
    }
    // A backend that passes over what is deleted.
    let storage = guarded(|request| match request.continuation.as_deref() {
        None => page(&["p/b", "p/a"], &[], Some("1")),
        Some("1") => page(&[], &[], Some("2")),
        _ => page(&["p/c"], &[], None),
    });
    assert_eq!(all(&*storage, ListRequest::below("p/")).await.unwrap(), ["p/b", "p/a", "p/c"]);
    let foreign = ListRequest::below("p/").continued(Some("1".to_owned()));
    assert_eq!(storage.list(foreign).await.unwrap_err().code(), ErrorCode::INVALID_ARGUMENT);
}
