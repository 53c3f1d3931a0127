//! Keys and bytes for the checks.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use persist_plugin_api::{DynStorage, ListRequest, Result};

/// One mebibyte.
pub(crate) const MIB: usize = 1 << 20;

/// What every key begins with that the checks of this process write. It ends with `/`, and no other process has it.
#[must_use]
pub fn scratch_prefix() -> &'static str {
    static PREFIX: LazyLock<String> = LazyLock::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos());
        format!("conformance/{:x}-{now:x}/", std::process::id())
    });
    &PREFIX
}

/// Removes every object below a [`scratch_prefix`], of this process or of one that has ended, and returns how many
/// there were. No check of that process may be running.
///
/// # Errors
/// The adapter's, of the first listing or removal that failed.
pub async fn remove_scratch(store: &dyn DynStorage, prefix: &str) -> Result<u64> {
    let mut removed = 0;
    let mut request = ListRequest::below(prefix);
    loop {
        let page = store.list(request.clone()).await?;
        for object in &page.objects {
            store.delete(&object.key).await?;
            removed += 1;
        }
        if page.next.is_none() {
            return Ok(removed);
        }
        request = request.continued(page.next);
    }
}

/// A key prefix that no other run of any check uses; it ends with `/`.
pub(crate) fn fresh_prefix(topic: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    // The number comes first: no such prefix is the beginning of another.
    format!("{}{count:x}-{topic}/", scratch_prefix())
}

/// Bytes without a pattern that compression could use, the same ones for the same seed.
pub(crate) fn noise(length: usize, seed: u64) -> Bytes {
    // Xorshift, whose state must not be zero.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}

/// Text that compresses well.
pub(crate) fn text(length: usize) -> Bytes {
    let mut text = String::with_capacity(length + 64);
    let mut line = 0_u64;
    while text.len() < length {
        text.push_str(&format!("{{\"step\":{line},\"role\":\"assistant\",\"content\":\"ok\"}}\n"));
        line += 1;
    }
    text.truncate(length);
    text.into()
}
