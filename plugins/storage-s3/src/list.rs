//! Listing objects.

use std::borrow::Cow;

use aws_sdk_s3::types::{EncodingType, Object};
use percent_encoding::percent_decode_str;
use persist_plugin_api::{ErrorCode, ListPage, ListRequest, ObjectMeta, Result};

use crate::adapter::S3Storage;
use crate::attempts::Attempts;
use crate::error::Call;
use crate::keys::PROBE_KEY;

/// The most entries that the service puts into a page.
const MAX_PAGE: u32 = 1000;

impl S3Storage {
    /// Lists a page that holds something, unless nothing is left.
    pub(crate) async fn list_page(&self, mut request: ListRequest) -> Result<ListPage> {
        loop {
            let page = self.list_once(&request).await?;
            if page.next.is_none() || !page.objects.is_empty() || !page.prefixes.is_empty() {
                return Ok(page);
            }
            request.continuation = page.next;
        }
    }

    async fn list_once(&self, request: &ListRequest) -> Result<ListPage> {
        let root = &self.settings.root;
        let prefix = root.below(&request.prefix);
        let attempts = Attempts::default();
        let call = self.call("list", Some(&prefix), &attempts);
        let output = self
            .client
            .list_objects_v2()
            .bucket(&self.settings.bucket)
            .prefix(&prefix)
            .set_delimiter(request.by_directory.then(|| "/".to_owned()))
            .set_start_after(marker(request).map(|marker| root.below(marker)))
            .set_continuation_token(request.continuation.clone())
            .max_keys(request.limit.clamp(1, MAX_PAGE).cast_signed())
            .encoding_type(EncodingType::Url)
            .customize()
            .interceptor(attempts.clone())
            .send()
            .await
            .map_err(|error| call.failed(error))?;

        let next = output.next_continuation_token.filter(|_| output.is_truncated == Some(true));
        if output.is_truncated == Some(true) && next.is_none() {
            // Ending here would hide objects.
            let finding = "the service says that there is more and not how to ask for it";
            return Err(call.error(ErrorCode::OTHER, false, finding));
        }
        let encoded = output.encoding_type == Some(EncodingType::Url);
        let after = request.start_after.as_deref();
        let mut objects = Vec::new();
        for object in output.contents.unwrap_or_default() {
            let object = self.entry(&call, object, encoded)?;
            objects.extend(object.filter(|object| after.is_none_or(|after| object.key.as_str() > after)));
        }
        let mut prefixes = Vec::new();
        for prefix in output.common_prefixes.unwrap_or_default() {
            let prefix = decode(&call, prefix.prefix.as_deref().unwrap_or_default(), encoded)?;
            let prefix = self.relative(&call, &prefix)?;
            if self.holds_more(prefix, after).await? {
                prefixes.push(prefix.to_owned());
            }
        }
        Ok(ListPage::new(objects, prefixes, next))
    }

    /// Whether a "directory" holds keys after one. Only for the directory that holds that one is this a question.
    async fn holds_more(&self, directory: &str, after: Option<&str>) -> Result<bool> {
        match after {
            Some(after) if after.starts_with(directory) => {
                let request = ListRequest::below(directory).start_after(after);
                let page = Box::pin(self.list_page(request)).await?;
                Ok(!page.objects.is_empty())
            }
            Some(after) => Ok(directory > after),
            None => Ok(true),
        }
    }

    /// An object as the host sees it; `None` for the adapter's own.
    fn entry(&self, call: &Call<'_>, object: Object, encoded: bool) -> Result<Option<ObjectMeta>> {
        let key = decode(call, object.key.as_deref().unwrap_or_default(), encoded)?;
        let key = self.relative(call, &key)?;
        if key == PROBE_KEY {
            return Ok(None);
        }
        let size = object.size.and_then(|size| u64::try_from(size).ok()).ok_or_else(|| {
            call.error(ErrorCode::OTHER, false, &format!("the answer does not tell the size of {key:?}"))
        })?;
        let modified = object.last_modified.and_then(|time| time.to_millis().ok());
        Ok(Some(ObjectMeta::new(key, size).with_modified_unix_ms(modified).with_etag(object.e_tag)))
    }

    fn relative<'a>(&self, call: &Call<'_>, key: &'a str) -> Result<&'a str> {
        self.settings.root.relative(key).ok_or_else(|| {
            call.error(ErrorCode::OTHER, false, &format!("the answer holds {key:?}, which is elsewhere"))
        })
    }
}

/// Where the service should begin, so that nothing after the request's `start_after` is missed. What comes before it
/// nevertheless is left out later.
///
/// Some services keep directories and compare the names of one directory's entries, without the slash that follows a
/// directory's name in keys. To them `a/x` is before `a`, and before `a-b`, which in byte order it is not. They are
/// asked to begin before the entry in question and before every directory whose name is the beginning of the entry's
/// and goes on with a byte below the slash.
fn marker(request: &ListRequest) -> Option<&str> {
    let after = request.start_after.as_deref()?;
    let directory = request.prefix.rfind('/').map_or(0, |slash| slash + 1);
    // A key that is elsewhere is before or after everything that is listed.
    let rest = after.strip_prefix(&request.prefix[..directory])?;
    let name_length = rest.find(|c| c <= '/').unwrap_or(rest.len());
    let (last, _) = rest[..name_length].char_indices().next_back()?;
    let marker = &after[..directory + last];
    (last > 0 && *marker > *request.prefix).then_some(marker)
}

/// Reverses the encoding that was asked for, since XML cannot hold every key. A service that encodes writes a space as
/// `+` or as `%20`, and a plus sign as `%2B` either way.
fn decode<'a>(call: &Call<'_>, key: &'a str, encoded: bool) -> Result<Cow<'a, str>> {
    if !encoded {
        return Ok(Cow::Borrowed(key));
    }
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|error| {
        call.error(ErrorCode::OTHER, false, &format!("the answer holds {key:?}, which is not UTF-8"))
            .with_source(error)
    })?;
    Ok(Cow::Owned(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(prefix: &str, after: &str) -> Option<String> {
        marker(&ListRequest::below(prefix).start_after(after)).map(str::to_owned)
    }

    #[test]
    fn a_listing_begins_close_before_the_key() {
        assert_eq!(begin("s/d/", "s/d/0000000123").unwrap(), "s/d/000000012");
        assert_eq!(begin("s/d/00", "s/d/0000000123").unwrap(), "s/d/000000012");
        assert_eq!(begin("", "abc").unwrap(), "ab");
        assert_eq!(begin("", "aé").unwrap(), "a");
    }

    #[test]
    fn a_listing_begins_before_directories_that_a_tree_puts_first() {
        assert_eq!(begin("p/", "p/abc-1").unwrap(), "p/ab");
        assert_eq!(begin("p/", "p/abc/d").unwrap(), "p/ab");
        assert_eq!(begin("p/", "p/a.b"), None);
        assert_eq!(begin("p/", "p/b"), None);
        assert_eq!(begin("p/", "p/"), None);
        assert_eq!(begin("p/", "q/abc"), None);
        assert_eq!(begin("p/abc", "p/abcd"), None);
    }
}
