//! Arguments that make no sense, which are answered and never a panic.
//!
//! A panic of a plugin reaches the host as an error with the code `PANIC`; of an adapter in the same process it ends
//! the check, whose [`attempt`](crate::StorageCheck::attempt) reports it.

use std::ops::Range;

use bytes::Bytes;
use persist_plugin_api::{DynStorage, ErrorCode, ListRequest};

use crate::failure::{Failure, Outcome, ensure, expect_bytes};
use crate::sample::fresh_prefix;

/// A range that ends before it begins is empty or refused as an invalid argument.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn reversed_ranges_are_answered(store: &dyn DynStorage) -> Outcome {
    let key = format!("{}object", fresh_prefix("reversed"));
    store.save(&key, Bytes::from_static(b"twelve bytes")).await?;
    for (start, end) in [(7, 3), (12, 0), (100, 3), (u64::MAX, 0), (u64::MAX, u64::MAX)] {
        let what = format!("load_range {start}..{end} of 12 bytes");
        match store.load_range(&key, Range { start, end }).await {
            Ok(found) => expect_bytes(&found, b"", what)?,
            Err(error) if error.code() == ErrorCode::INVALID_ARGUMENT => {}
            Err(error) => return Err(Failure::new(format!("{what}: {}", Failure::from(error)))),
        }
    }
    Ok(())
}

/// Listings with prefixes that no key has, with continuations that the adapter never gave and without room for an
/// entry are answered or refused.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn absurd_listings_are_answered(store: &dyn DynStorage) -> Outcome {
    let prefix = planted(store).await?;
    let below = ListRequest::below(&*prefix);
    let others =
        [below.clone().continued(Some(String::new())), below.limit(0), ListRequest::below("x".repeat(5000))];
    for request in absurd(&prefix).into_iter().chain(others) {
        if let Err(error) = store.list(request.clone()).await {
            ensure!(
                error.code() != ErrorCode::PANIC,
                "{request:?}: the plugin panicked: {}",
                error.message()
            );
        }
    }
    Ok(())
}

/// No answer to such a listing holds what does not begin with the prefix.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn absurd_listings_keep_to_their_prefix(store: &dyn DynStorage) -> Outcome {
    let prefix = planted(store).await?;
    for request in absurd(&prefix) {
        let Ok(page) = store.list(request.clone()).await else { continue };
        for key in page.objects.iter().map(|meta| &meta.key).chain(&page.prefixes) {
            ensure!(key.starts_with(&request.prefix), "{request:?}: found {key:?}");
        }
    }
    Ok(())
}

/// A prefix below which there is one object.
async fn planted(store: &dyn DynStorage) -> Result<String, Failure> {
    let prefix = fresh_prefix("absurd");
    store.save(&format!("{prefix}object"), Bytes::from_static(b"x")).await?;
    Ok(prefix)
}

fn absurd(prefix: &str) -> Vec<ListRequest> {
    ["../", "..", "./", "/", "//", "a//b", "\0", "\u{10ffff}", "%", "_", "*", "é\u{301}"]
        .into_iter()
        .flat_map(|odd| {
            let inside = format!("{prefix}{odd}");
            [
                ListRequest::below(odd).limit(10),
                ListRequest::below(&*inside).limit(10),
                ListRequest::directory(inside).limit(10),
                ListRequest::below(prefix).start_after(odd),
                ListRequest::below(prefix).continued(Some(odd.to_owned())),
            ]
        })
        .collect()
}
