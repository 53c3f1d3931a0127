//! Helpers that most storage adapters need.

use crate::{Error, ErrorCode, ListPage, ListRequest, MAX_KEY_BYTES, MAX_SEGMENT_BYTES, ObjectMeta, Result};

/// Checks a key against the rules that every [`StorageAdapter`](crate::StorageAdapter) keeps.
///
/// # Errors
/// [`ErrorCode::INVALID_ARGUMENT`] with the rule that the key breaks.
pub fn check_key(key: &str) -> Result<()> {
    let refuse = |why: String| Err(Error::new(ErrorCode::INVALID_ARGUMENT, format!("the key {key:?} {why}")));
    if key.len() > MAX_KEY_BYTES {
        return refuse(format!("has {} bytes, at most {MAX_KEY_BYTES} are allowed", key.len()));
    }
    if key.chars().any(char::is_control) {
        return refuse("holds a control character".to_owned());
    }
    for segment in key.split('/') {
        match segment {
            "" => return refuse("has an empty segment".to_owned()),
            "." | ".." => return refuse(format!("has the segment {segment:?}, which names a directory")),
            _ if segment.len() > MAX_SEGMENT_BYTES => {
                return refuse(format!(
                    "has a segment of {} bytes, at most {MAX_SEGMENT_BYTES} are allowed",
                    segment.len()
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Cuts the page that a request asks for out of all objects in ascending byte order of their keys; for adapters that
/// have them all at hand. Its continuation is the last key or directory of the page.
pub fn page_of_sorted(objects: impl IntoIterator<Item = ObjectMeta>, request: &ListRequest) -> ListPage {
    let mut page = ListPage::default();
    let limit = request.limit.max(1) as usize;
    let mut last = String::new();
    for object in objects {
        let Some(rest) = object.key.strip_prefix(&request.prefix) else { continue };
        if request.start_after.as_deref().is_some_and(|after| object.key.as_str() <= after) {
            continue;
        }
        let directory = request.by_directory.then(|| rest.find('/')).flatten();
        let directory = directory.map(|at| object.key[..=request.prefix.len() + at].to_owned());
        let entry = directory.as_deref().unwrap_or(&object.key);
        let seen = request.continuation.as_deref().is_some_and(|done| entry <= done);
        if seen || directory.is_some() && page.prefixes.last() == directory.as_ref() {
            continue;
        }
        if page.objects.len() + page.prefixes.len() == limit {
            page.next = Some(last);
            return page;
        }
        entry.clone_into(&mut last);
        match directory {
            Some(directory) => page.prefixes.push(directory),
            None => page.objects.push(object),
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(keys: &[&str], request: &ListRequest) -> (Vec<String>, Vec<String>) {
        let (mut objects, mut prefixes, mut continuation) = (Vec::new(), Vec::new(), None);
        loop {
            let page = page_of_sorted(
                keys.iter().map(|key| ObjectMeta::new(*key, 1)),
                &request.clone().continued(continuation),
            );
            assert!(page.objects.len() + page.prefixes.len() <= request.limit as usize);
            objects.extend(page.objects.into_iter().map(|object| object.key));
            prefixes.extend(page.prefixes);
            continuation = page.next;
            if continuation.is_none() {
                return (objects, prefixes);
            }
        }
    }

    #[test]
    fn pages_of_every_size_give_the_same_listing() {
        let keys = ["a/1", "a/2", "a/b/3", "a/b/4", "a/c", "b"];
        for limit in 1..8 {
            let (objects, prefixes) = list(&keys, &ListRequest::directory("a/").limit(limit));
            assert_eq!(objects, ["a/1", "a/2", "a/c"]);
            assert_eq!(prefixes, ["a/b/"]);
            assert_eq!(list(&keys, &ListRequest::below("a/").limit(limit)).0, keys[..5]);
            assert_eq!(list(&keys, &ListRequest::below("").start_after("a/2").limit(limit)).0, keys[2..]);
        }
    }

    #[test]
    fn keys_that_could_leave_the_root_are_refused() {
        for key in
            ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\nb", "a\0", &"x".repeat(901), &"y".repeat(256)]
        {
            assert_eq!(check_key(key).unwrap_err().code(), ErrorCode::INVALID_ARGUMENT, "{key:?}");
        }
        for key in ["a", "...", "a b/ü", "%2e%2e", "CON", &"x".repeat(255)] {
            check_key(key).unwrap();
        }
    }
}
