//! Keys: whatever is allowed works, whatever is not is refused.

use std::fmt::Display;

use bytes::Bytes;
use persist_plugin_api::{DynStorage, ErrorCode, ListRequest, MAX_KEY_BYTES, MAX_SEGMENT_BYTES};

use super::listing::expect_listing;
use crate::failure::{Failure, Outcome, ensure, expect_bytes, expect_error};
use crate::sample::fresh_prefix;

const ODD: [&str; 26] = [
    "two words",
    " lead",
    "trail ",
    "dot.",
    "...",
    ".hidden",
    "..a",
    "~",
    "-rf",
    "%2e%2e",
    "%2F",
    "%",
    "+",
    "a+b",
    "CON",
    "nul.txt",
    r#"a:b*?"<>|"#,
    r"back\slash",
    r"..\up",
    "!m",
    "#frag?query=1&x",
    "$HOME`id`",
    "naïve-日本語-🦀",
    "e\u{301}",
    "é",
    "'quoted'",
];

/// Keys of spaces, dots, reserved names, shell and URL syntax and any script save, load, list and delete, as a segment
/// at the end and as one in the middle, and none is taken for another.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn odd_keys_are_ordinary(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("odd");
    let mut keys: Vec<String> = ODD
        .iter()
        .flat_map(|name| [format!("{prefix}last/{name}"), format!("{prefix}middle/{name}/object")])
        .collect();
    keys.sort_unstable();
    expect_distinct(store, &prefix, &keys).await
}

/// Segments of 255 bytes and keys of 900 are accepted.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn long_keys_are_ordinary(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("long");
    let segment = "s".repeat(MAX_SEGMENT_BYTES);
    // 85 characters of three bytes each.
    let wide = "語".repeat(MAX_SEGMENT_BYTES / 3);
    let mut whole = format!("{prefix}{segment}/{segment}/");
    whole.push_str(&"t".repeat(MAX_SEGMENT_BYTES - 1));
    whole.push('/');
    whole.push_str(&"u".repeat(MAX_KEY_BYTES - whole.len()));
    let mut keys = [format!("{prefix}end/{segment}"), format!("{prefix}{wide}/object"), whole];
    keys.sort_unstable();
    expect_distinct(store, &prefix, &keys).await
}

/// Keys that differ in letter case only are different keys.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn letter_case_is_kept(store: &dyn DynStorage) -> Outcome {
    let prefix = fresh_prefix("case");
    let keys = ["AGENT/x", "Agent/x", "agent/X", "agent/x"].map(|name| format!("{prefix}{name}"));
    expect_distinct(store, &prefix, &keys).await
}

/// Keys that break the rules are refused by every method, as an invalid argument.
///
/// # Errors
/// What the adapter did otherwise.
pub async fn invalid_keys_are_refused(store: &dyn DynStorage) -> Outcome {
    let (long_key, long_segment) = ("k/".repeat(MAX_KEY_BYTES / 2) + "k", "s".repeat(MAX_SEGMENT_BYTES + 1));
    for key in [
        "",
        ".",
        "..",
        "/",
        "/a",
        "a/",
        "a//b",
        "a/../b",
        "../a",
        "a/..",
        "./a",
        "a/./b",
        "a\0b",
        "a\nb",
        "a\u{7f}",
        "a\u{85}",
        &long_key,
        &long_segment,
    ] {
        let data = Bytes::from_static(b"x");
        refused(store.save(key, data.clone()).await, "save", key)?;
        refused(store.save_if_absent(key, data).await, "save_if_absent", key)?;
        refused(store.load(key).await, "load", key)?;
        refused(store.load_range(key, 0..1).await, "load_range", key)?;
        refused(store.exists(key).await, "exists", key)?;
        refused(store.stat(key).await, "stat", key)?;
        refused(store.delete(key).await, "delete", key)?;
    }
    Ok(())
}

fn refused<T>(result: persist_plugin_api::Result<T>, method: impl Display, key: &str) -> Result<(), Failure> {
    let what = format!("{method} of the invalid key {key:?}");
    let error = expect_error(result, ErrorCode::INVALID_ARGUMENT, &what)?;
    ensure!(error.is_not_applied(), "{what}: the error must say that nothing was applied");
    Ok(())
}

/// Saves each key with its own name as the bytes and requires to find all of them, in byte order, apart.
async fn expect_distinct(store: &dyn DynStorage, prefix: &str, keys: &[String]) -> Outcome {
    for key in keys {
        store.save_if_absent(key, Bytes::from(key.clone())).await?;
    }
    for key in keys {
        expect_bytes(&store.load(key).await?, key.as_bytes(), format!("load of {key:?}"))?;
        ensure!(store.exists(key).await?, "exists is false for {key:?}");
        let found = store.stat(key).await?;
        ensure!(found.key == *key, "stat of {key:?} reports the key {:?}", found.key);
    }
    expect_listing(store, keys, &ListRequest::below(prefix)).await?;
    expect_listing(store, keys, &ListRequest::below(prefix).limit(1)).await?;
    expect_listing(store, keys, &ListRequest::directory(prefix)).await?;
    for (index, key) in keys.iter().enumerate() {
        store.delete(key).await?;
        ensure!(!store.exists(key).await?, "exists is true for the deleted {key:?}");
        for other in &keys[index + 1..] {
            ensure!(store.exists(other).await?, "deleting {key:?} removed {other:?}");
        }
    }
    Ok(())
}
