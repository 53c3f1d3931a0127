//! Listing objects.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use persist_plugin_api::{Error, ErrorCode, ListPage, ListRequest, Result};

use crate::core::Core;
use crate::cursors::{Cursor, Place};
use crate::error::container_missing;
use crate::keys::PROBE_KEY;
use crate::read::meta;
use crate::wire::{Facts, Seen};

/// The most entries that both services put into an answer.
const MAX_PAGE: u32 = 1000;

impl Core {
    /// Lists a page.
    pub(crate) async fn list_page(&self, request: ListRequest) -> Result<ListPage> {
        let begin = Place::of(&request)?;
        let Some(prefix) = self.root.listed(&request.prefix) else { return Ok(ListPage::default()) };
        self.retry.repeat("list", |_| self.list_once(&request, begin.as_ref(), &prefix)).await
    }

    async fn list_once(
        &self,
        request: &ListRequest,
        begin: Option<&Place>,
        prefix: &str,
    ) -> Result<ListPage> {
        let mut cursor = match begin.and_then(|place| self.cursors.take(place, request)) {
            Some(cursor) => cursor,
            None => self.begin(request, begin.is_some(), prefix).await?,
        };
        let limit = request.limit.max(1) as usize;
        let mut place = begin.cloned().unwrap_or_default();
        let mut page = ListPage::default();
        while page.objects.len() + page.prefixes.len() < limit {
            let entry = cursor.lister.try_next().await;
            let Some(entry) = entry.map_err(|error| self.not_listed(prefix, &error, &cursor.seen))? else {
                return Ok(page);
            };
            let (name, found) = entry.into_parts();
            if !cursor.in_order(&name) {
                let finding = "the service lists in another order than that of the names' bytes, so a listing that is \
                               begun again could miss objects; use an account without a hierarchical namespace";
                let call = self.call("list", Some(prefix));
                return Err(call.error(ErrorCode::UNSUPPORTED, false, finding, &Facts::default()));
            }
            // What was listed before a listing had to be begun again comes once more.
            if place.is_behind(&name) {
                continue;
            }
            if let Some(key) = self.root.key(&name).filter(|key| key.starts_with(&request.prefix)) {
                if !name.ends_with('/') {
                    let after = request.start_after.as_deref().is_none_or(|after| key.as_str() > after);
                    if after && key != PROBE_KEY {
                        page.objects.push(meta(&key, &found));
                    }
                } else if request.by_directory && self.holds_more(&key, request).await? {
                    page.prefixes.push(key);
                }
            }
            place.advance(&name);
        }
        page.next = Some(self.cursors.keep(place, request, cursor).text());
        Ok(page)
    }

    async fn begin(&self, request: &ListRequest, again: bool, prefix: &str) -> Result<Cursor> {
        let seen = Arc::new(Seen::default());
        // A short page is all that is wanted of a short listing, unless much of it is to be left out.
        let page =
            if again || request.start_after.is_some() { MAX_PAGE } else { request.limit.clamp(1, MAX_PAGE) };
        let operator = self.operator(&seen);
        let lister = operator.lister_with(prefix).recursive(!request.by_directory).limit(page as usize).await;
        match lister {
            Ok(lister) => Ok(Cursor::new(lister, seen)),
            Err(error) => Err(self.not_listed(prefix, &error, &seen)),
        }
    }

    fn not_listed(&self, prefix: &str, error: &opendal::Error, seen: &Seen) -> Error {
        let (call, facts) = (self.call("list", Some(prefix)), seen.facts());
        match facts.status {
            // A listing that finds nothing is empty, so what was not found is the container.
            Some(404) if !facts.timed_out => container_missing(&call, &facts),
            _ => call.failed(error, &facts),
        }
    }

    /// Whether a "directory" holds keys after the one that a request names. Only for the directory that holds that one is
    /// this a question.
    async fn holds_more(&self, directory: &str, request: &ListRequest) -> Result<bool> {
        match request.start_after.as_deref() {
            Some(after) if after.starts_with(directory) => {
                let below = ListRequest::below(directory).start_after(after).limit(1);
                let page = Box::pin(self.list_page(below)).await?;
                Ok(!page.objects.is_empty())
            }
            Some(after) => Ok(directory > after),
            None => Ok(true),
        }
    }
}
