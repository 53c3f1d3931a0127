//! Which keys the adapter holds, and what is a key among the names in a directory.

use persist_plugin_api::{Error, ErrorCode, Result, check_key};

/// What the names of temporary files begin with.
pub(crate) const TEMPORARY: &str = ".persist-tmp-";

/// Checks a key: the rules for all adapters, and that no segment is taken for a temporary file.
pub(crate) fn check(key: &str) -> Result<()> {
    check_key(key)?;
    if key.split('/').any(|segment| segment.starts_with(TEMPORARY)) {
        let message =
            format!("the key {key:?} has a segment that begins with {TEMPORARY:?}, as temporary files do");
        return Err(Error::new(ErrorCode::INVALID_ARGUMENT, message));
    }
    Ok(())
}

/// The directory part of a key, without the slash behind it and empty for the root, and the last segment.
pub(crate) fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}

/// Each segment of a directory's path, with the path up to and including it.
pub(crate) fn segments(directory: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut end = 0;
    directory.split('/').filter(|segment| !segment.is_empty()).map(move |segment| {
        end += usize::from(end > 0) + segment.len();
        (segment, &directory[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_look_like_temporary_files_are_refused() {
        for key in [".persist-tmp-1", "a/.persist-tmp-/b"] {
            assert_eq!(check(key).unwrap_err().code(), ErrorCode::INVALID_ARGUMENT);
        }
        check("a.persist-tmp-1/.persist-tm").unwrap();
    }

    #[test]
    fn a_directory_is_taken_apart() {
        assert_eq!(split("a/bc/d"), ("a/bc", "d"));
        assert_eq!(split("d"), ("", "d"));
        assert_eq!(segments("a/bc/d").collect::<Vec<_>>(), [("a", "a"), ("bc", "a/bc"), ("d", "a/bc/d")]);
        assert_eq!(segments("").count(), 0);
    }
}
