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
    pub(crate) async fn list_page(&self, request: ListRequest) -> Result<ListPage> {
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
            .set_start_after(request.start_after.as_deref().map(|key| root.below(key)))
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
        let mut objects = Vec::new();
        for object in output.contents.unwrap_or_default() {
            objects.extend(self.entry(&call, object, encoded)?);
        }
        let mut prefixes = Vec::new();
        for prefix in output.common_prefixes.unwrap_or_default() {
            let prefix = decode(&call, prefix.prefix.as_deref().unwrap_or_default(), encoded)?;
            prefixes.push(self.relative(&call, &prefix)?.to_owned());
        }
        Ok(ListPage::new(objects, prefixes, next))
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
