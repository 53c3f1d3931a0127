//! Listings, page by page.

use std::time::Duration;

use bytes::Bytes;
use persist_plugin_api::{DynStorage, ListRequest, ObjectMeta, page_of_sorted};

use crate::failure::{Failure, Outcome, ensure};
use crate::sample::fresh_prefix;

/// A directory that sorts between names that share its beginning, a name that is a prefix of others, several levels.
const TREE: [&str; 14] = [
    "a~", "a!", "a-dir/x", "a.txt", "b/1", "b/10", "b/2", "b/c/d/e", "b/c/d/f", "b0", "ba/1", "bc", "ü/z",
    "z~",
];

/// Listing what holds nothing succeeds and is empty, on every way of asking.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn an_empty_listing_succeeds(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("empty");
    for request in [
        ListRequest::below(&*prefix),
        ListRequest::directory(&*prefix),
        ListRequest::below(format!("{prefix}no/such/na")),
        ListRequest::directory(&*prefix).start_after(format!("{prefix}m")).limit(1),
    ] {
        expect_listing(store, &[], &request).await?;
    }
    Ok(())
}

/// A listing that is not by directory reports every key below the prefix exactly once, at any depth; in byte order if
/// the adapter claims so.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn recursive_listing_is_complete(store: &dyn DynStorage) -> Outcome {
    let (prefix, keys) = plant(store).await?;
    expect_listing(store, &keys, &ListRequest::below(&*prefix)).await?;
    expect_listing(store, &keys, &ListRequest::below(format!("{prefix}b/"))).await?;
    expect_listing(store, &keys, &ListRequest::below(format!("{prefix}b/c/d/"))).await
}

/// A listing by directory reports the objects of that level, and each directory once, both in byte order.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn directories_are_folded(store: &dyn DynStorage) -> Outcome {
    let (prefix, keys) = plant(store).await?;
    for directory in ["", "b/", "b/c/", "b/c/d/", "ü/"] {
        expect_listing(store, &keys, &ListRequest::directory(format!("{prefix}{directory}"))).await?;
    }
    Ok(())
}

/// Pages of every size give the same listing, none longer than its limit.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn every_page_size_lists_the_same(store: &dyn DynStorage) -> Outcome {
    let (prefix, keys) = plant(store).await?;
    for limit in [1, 2, 3, 4, 5, 13, 14, 15, 1000] {
        expect_listing(store, &keys, &ListRequest::below(&*prefix).limit(limit)).await?;
        expect_listing(store, &keys, &ListRequest::directory(&*prefix).limit(limit)).await?;
        let after = ListRequest::below(&*prefix).start_after(format!("{prefix}b/10")).limit(limit);
        expect_listing(store, &keys, &after).await?;
    }
    Ok(())
}

/// `start_after` leaves out that key and everything before it, whether or not the key exists.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn start_after_is_exclusive(store: &dyn DynStorage) -> Outcome {
    let (prefix, keys) = plant(store).await?;
    for after in ["", "a", "a-dir/", "b", "b/", "b/10", "b/c/d/e", "b/c/d/zz", "b/c/zz", "b1", "z", "zz"] {
        let after = format!("{prefix}{after}");
        expect_listing(store, &keys, &ListRequest::below(&*prefix).start_after(&*after)).await?;
    }
    for after in ["a", "b/10", "b0", "z"] {
        let after = format!("{prefix}b/{after}");
        expect_listing(store, &keys, &ListRequest::directory(format!("{prefix}b/")).start_after(&*after))
            .await?;
    }
    Ok(())
}

/// A prefix is bytes, not a path: `b` finds `b/1`, `b0` and `bc`, and `b/1` finds `b/10`.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn a_prefix_may_end_inside_a_name(store: &dyn DynStorage) -> Outcome {
    let (prefix, keys) = plant(store).await?;
    for name in ["a", "b", "b/1", "b/c", "b/c/d/e", "b/c/d/e/", "a-"] {
        expect_listing(store, &keys, &ListRequest::below(format!("{prefix}{name}"))).await?;
        expect_listing(store, &keys, &ListRequest::directory(format!("{prefix}{name}"))).await?;
    }
    // The prefix's own directory, without the slash that ends it.
    expect_listing(store, &keys, &ListRequest::below(prefix.trim_end_matches('/'))).await
}

/// Listed objects carry their sizes.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn entries_carry_sizes(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("sizes");
    for size in [0, 1, 5000] {
        store.save(&format!("{prefix}{size:04}"), Bytes::from(vec![b'x'; size])).await?;
    }
    let expected = [0, 1, 5000].map(|size| (format!("{prefix}{size:04}"), size));
    for request in [ListRequest::below(&*prefix), ListRequest::directory(&*prefix)] {
        settled(store, async || {
            let (objects, _) = gather(store, &request).await?;
            let mut found: Vec<_> = objects.into_iter().map(|meta| (meta.key, meta.size)).collect();
            found.sort_unstable();
            ensure!(found == expected, "{request:?}: found {found:?}, expected {expected:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Each write is in a listing that begins after it returned; asked only of an adapter that claims consistent listings.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn fresh_writes_are_listed(store: &dyn DynStorage) -> Outcome {
    if !store.capabilities().await?.consistent_list {
        return Ok(());
    }
    let prefix = fresh_prefix("fresh");
    let mut keys = Vec::new();
    for index in 0..20 {
        let key = format!("{prefix}{index:02}/object");
        store.save_if_absent(&key, Bytes::from_static(b"x")).await?;
        keys.push(key);
        expect_listing(store, &keys, &ListRequest::below(&*prefix)).await?;
        expect_listing(store, &keys, &ListRequest::directory(&*prefix)).await?;
    }
    while let Some(key) = keys.pop() {
        store.delete(&key).await?;
        expect_listing(store, &keys, &ListRequest::below(&*prefix)).await?;
    }
    Ok(())
}

/// A directory is a way of writing keys: once its objects are deleted, no listing shows it.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn emptied_directories_are_not_listed(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("emptied");
    let (gone, kept) = (format!("{prefix}gone/deep/object"), format!("{prefix}kept/object"));
    store.save(&gone, Bytes::from_static(b"x")).await?;
    store.save(&kept, Bytes::from_static(b"x")).await?;
    store.delete(&gone).await?;
    expect_listing(store, std::slice::from_ref(&kept), &ListRequest::directory(&*prefix)).await?;
    expect_listing(store, &[kept], &ListRequest::below(&*prefix)).await
}

/// Saves [`TREE`] and returns the prefix and the whole keys in byte order.
async fn plant(store: &dyn DynStorage) -> Result<(String, Vec<String>), Failure> {
    let prefix = fresh_prefix("listing");
    let mut keys = Vec::new();
    for name in TREE {
        let key = format!("{prefix}{name}");
        store.save(&key, Bytes::from_static(b"x")).await?;
        keys.push(key);
    }
    // What must not be found.
    store.save(&format!("{}x/b/1", fresh_prefix("listing")), Bytes::from_static(b"x")).await?;
    keys.sort_unstable();
    Ok((prefix, keys))
}

/// Requires that a listing, all its pages together, is what the reference implementation makes of the keys.
pub(super) async fn expect_listing(
    store: &dyn DynStorage,
    keys: &[String],
    request: &ListRequest,
) -> Outcome {
    let whole = request.clone().limit(u32::MAX);
    let expected = page_of_sorted(keys.iter().map(|key| ObjectMeta::new(key, 1)), &whole);
    let expected: Vec<String> =
        expected.objects.into_iter().map(|meta| meta.key).chain(expected.prefixes).collect();
    let ordered = request.by_directory || store.capabilities().await?.ordered_recursive_list;
    settled(store, async || {
        let (objects, prefixes) = gather(store, request).await?;
        let mut found: Vec<String> = objects.into_iter().map(|meta| meta.key).collect();
        if !ordered {
            found.sort_unstable();
        }
        found.extend(prefixes);
        ensure!(found == expected, "{request:?}: found {found:?}, expected {expected:?}");
        Ok(())
    })
    .await
}

/// All pages of a listing, each checked against the limit.
async fn gather(
    store: &dyn DynStorage,
    request: &ListRequest,
) -> Result<(Vec<ObjectMeta>, Vec<String>), Failure> {
    let (mut objects, mut prefixes, mut continuation) = (Vec::new(), Vec::new(), None);
    for _ in 0..1000 {
        let page = store.list(request.clone().continued(continuation)).await?;
        let entries = page.objects.len() + page.prefixes.len();
        ensure!(entries <= request.limit as usize, "{request:?}: a page has {entries} entries");
        objects.extend(page.objects);
        prefixes.extend(page.prefixes);
        continuation = page.next;
        if continuation.is_none() {
            return Ok((objects, prefixes));
        }
    }
    Err(Failure::new(format!("{request:?}: no end after 1000 pages")))
}

/// Checks at once; an adapter without consistent listings gets some seconds to catch up.
async fn settled(store: &dyn DynStorage, check: impl AsyncFn() -> Outcome) -> Outcome {
    let tries = if store.capabilities().await?.consistent_list { 1 } else { 40 };
    let mut outcome = check().await;
    for _ in 1..tries {
        if outcome.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        outcome = check().await;
    }
    outcome
}
