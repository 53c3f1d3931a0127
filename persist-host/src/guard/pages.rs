//! What a page of a listing must keep to, by itself and after the pages before it.

use persist_plugin_api::{Error, ErrorCode, ListPage, ListRequest, Result};
use serde::{Deserialize, Serialize};

/// More bytes than any storage keeps in one object. Sums of sizes up to it stay far from the end of a `u64`.
pub(super) const MAX_OBJECT_BYTES: u64 = 1 << 48;

/// How many pages without an entry may follow one another. Backends skip what is deleted page by page.
const MAX_EMPTY_PAGES: u32 = 10_000;

/// How much of a key a message repeats.
const EXCERPT_CHARS: usize = 200;

/// How far a listing has come. It travels inside the continuation, so that a listing may be given up at any page without
/// leaving anything behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The adapter's own continuation.
    next: String,
    /// The last object of the pages before.
    object: Option<String>,
    /// The last "directory" of the pages before.
    directory: Option<String>,
    /// How many pages before this one held nothing.
    empty: u32,
    /// A continuation of an earlier page. It is taken anew after twice as many pages each time (Brent), so that a
    /// circle of any length is met in the end.
    anchor: Option<String>,
    /// How many pages came since.
    since: u64,
    /// After how many it is taken anew.
    span: u64,
}

/// The request with the adapter's own continuation, and how far the listing has come.
///
/// # Errors
/// When the continuation is not one that [`check`] made.
pub(super) fn resume(request: ListRequest) -> Result<(ListRequest, Progress)> {
    let Some(continuation) = &request.continuation else { return Ok((request, Progress::default())) };
    let progress: Progress = serde_json::from_str(continuation).map_err(|error| {
        let message = "the continuation of a listing is not one that this store gave out";
        Error::new(ErrorCode::INVALID_ARGUMENT, message).with_source(error)
    })?;
    Ok((request.continued(Some(progress.next.clone())), progress))
}

/// Checks a page and puts the listing's progress into its continuation.
///
/// # Errors
/// What the adapter did wrong, to be read after "list of PREFIX".
pub(super) fn check(
    request: &ListRequest,
    mut progress: Progress,
    mut page: ListPage,
) -> Result<ListPage, String> {
    let (entries, limit) = (page.objects.len() + page.prefixes.len(), request.limit.max(1));
    if entries as u64 > u64::from(limit) {
        return Err(format!("gave {entries} entries, and at most {limit} were asked for"));
    }
    let objects: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
    let directories: Vec<&str> = page.prefixes.iter().map(String::as_str).collect();
    for object in &page.objects {
        check_object(request, &object.key)?;
        if object.size > MAX_OBJECT_BYTES {
            return Err(format!("says that {:?} has {} bytes", excerpt(&object.key), object.size));
        }
    }
    for directory in &directories {
        check_directory(request, directory)?;
    }
    if request.by_directory {
        check_ascending(progress.object.as_deref(), &objects)?;
        check_ascending(progress.directory.as_deref(), &directories)?;
    } else {
        // Their order is a capability, and not every adapter has it.
        check_distinct(&objects)?;
    }
    if let Some(next) = page.next.take() {
        let last = |keys: &[&str], before: Option<String>| keys.last().map(|&key| key.to_owned()).or(before);
        progress.object = last(&objects, progress.object);
        progress.directory = last(&directories, progress.directory);
        progress.empty = if entries == 0 { progress.empty + 1 } else { 0 };
        page.next = Some(advance(progress, next)?);
    }
    Ok(page)
}

/// As much of a key as belongs into a message.
pub(super) fn excerpt(key: &str) -> &str {
    key.char_indices().nth(EXCERPT_CHARS).map_or(key, |(end, _)| &key[..end])
}

fn check_object(request: &ListRequest, key: &str) -> Result<(), String> {
    let shown = excerpt(key);
    let Some(rest) = key.strip_prefix(&request.prefix) else {
        return Err(format!("gave the object {shown:?}, which does not begin so"));
    };
    if request.by_directory && rest.contains('/') {
        return Err(format!("gave the object {shown:?}, which lies in a directory below"));
    }
    match &request.start_after {
        Some(after) if key <= after.as_str() => {
            Err(format!("gave the object {shown:?}, and only those after {after:?} were asked for"))
        }
        _ => Ok(()),
    }
}

fn check_directory(request: &ListRequest, directory: &str) -> Result<(), String> {
    let name = directory.strip_prefix(&request.prefix).and_then(|rest| rest.strip_suffix('/'));
    if request.by_directory && name.is_some_and(|name| !name.contains('/')) {
        return Ok(());
    }
    Err(format!("gave {:?} as a directory, which it cannot be", excerpt(directory)))
}

/// Checks that keys ascend in byte order. Servers that keep directories sort them by their names, as if `/` came before
/// every other character; that is as good.
fn check_ascending(before: Option<&str>, keys: &[&str]) -> Result<(), String> {
    let name = |key| str::trim_end_matches(key, '/');
    let mut last = before;
    for &key in keys {
        if let Some(last) = last.filter(|&last| key <= last && name(key) <= name(last)) {
            let problem = if key == last { "twice" } else { "out of order" };
            return Err(format!("gave {:?} {problem}, after {:?}", excerpt(key), excerpt(last)));
        }
        last = Some(key);
    }
    Ok(())
}

fn check_distinct(keys: &[&str]) -> Result<(), String> {
    let mut sorted = keys.to_vec();
    sorted.sort_unstable();
    match sorted.iter().zip(sorted.iter().skip(1)).find(|(key, next)| key == next) {
        Some((key, _)) => Err(format!("gave {:?} twice", excerpt(key))),
        None => Ok(()),
    }
}

/// The continuation that carries the progress, unless the adapter's own shows that the listing does not end.
fn advance(mut progress: Progress, next: String) -> Result<String, String> {
    if progress.empty > MAX_EMPTY_PAGES {
        return Err(format!("gave {MAX_EMPTY_PAGES} empty pages in a row and has not ended"));
    }
    if progress.anchor.as_ref() == Some(&next) {
        return Err(format!("goes round in a circle: the continuation {:?} came before", excerpt(&next)));
    }
    progress.since += 1;
    if progress.since >= progress.span {
        (progress.anchor, progress.since) = (Some(next.clone()), 0);
        progress.span = (progress.span * 2).max(1);
    }
    progress.next = next;
    serde_json::to_string(&progress).map_err(|error| format!("cannot be continued: {error}"))
}
