//! Listing objects: ranges of the primary key's index.

use persist_plugin_api::{ListPage, ListRequest, ObjectMeta, Result};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::adapter::PostgresStorage;
use crate::error::Call;
use crate::pool::Parameter;

/// The most entries of a page, whatever a request asks for.
const MAX_PAGE: u32 = 10_000;

impl PostgresStorage {
    /// Lists a page.
    pub(crate) async fn list_page(&self, request: &ListRequest, attempt: u32) -> Result<ListPage> {
        let Some(bounds) = Bounds::of(request) else { return Ok(ListPage::default()) };
        let call = self.call("list", Some(&request.prefix), attempt);
        let names = &self.settings.names;
        let bounded = bounds.to.is_some();
        let limit = request.limit.clamp(1, MAX_PAGE);
        // One more than fits tells whether there is another page.
        let wanted = i64::from(limit) + 1;
        let characters = i32::try_from(request.prefix.chars().count()).unwrap_or(i32::MAX);
        let mut parameters: Vec<Parameter<'_>> = vec![(&bounds.from, Type::TEXT)];
        parameters.extend(bounds.to.as_ref().map(|to| -> Parameter<'_> { (to, Type::TEXT) }));
        parameters.push((&wanted, Type::INT8));
        let sql = if request.by_directory {
            parameters.push((&characters, Type::INT4));
            names.list_directory(bounded)
        } else {
            names.list(bounded)
        };
        let rows = self.read(&call, &sql, &parameters).await?.unwrap_or_default();
        page(&call, &rows, limit as usize)
    }
}

/// The keys of a page: from one on, and before another one.
#[derive(Debug, PartialEq, Eq)]
struct Bounds {
    from: String,
    to: Option<String>,
}

impl Bounds {
    /// `None` when no key can be meant.
    fn of(request: &ListRequest) -> Option<Self> {
        // No key holds this character, and the server does not take it.
        if request.prefix.contains('\0') {
            return None;
        }
        let after = request.start_after.as_deref().map(after);
        let from = [after, request.continuation.clone()].into_iter().flatten().map(|bound| sendable(&bound));
        let from = from.chain([request.prefix.clone()]).max().unwrap_or_default();
        let to = end_of(&request.prefix);
        if to.as_ref().is_some_and(|to| from >= *to) {
            return None;
        }
        Some(Self { from, to })
    }
}

/// The first text after a key that is a key or the beginning of one: keys hold no control character.
fn after(key: &str) -> String {
    format!("{}\u{1}", key.split('\0').next().unwrap_or_default())
}

/// A bound without the character that the server does not take. No key lies between the two.
fn sendable(bound: &str) -> String {
    match bound.split_once('\0') {
        Some((before, _)) => after(before),
        None => bound.to_owned(),
    }
}

/// The first text after everything that begins with a prefix; `None` when there is no such text.
fn end_of(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The order of UTF-8's bytes is that of the characters' numbers, among which the surrogates are missing.
        if let Some(next) = ((last as u32 + 1)..=(char::MAX as u32)).find_map(char::from_u32) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

fn page(call: &Call<'_>, rows: &[Row], limit: usize) -> Result<ListPage> {
    let (mut objects, mut prefixes, mut next) = (Vec::new(), Vec::new(), None);
    for (at, row) in rows.iter().enumerate() {
        if at == limit {
            return Ok(ListPage::new(objects, prefixes, next));
        }
        let failed = |error| call.failed_before(error);
        let key: &str = row.try_get(0).map_err(failed)?;
        let size: i64 = row.try_get(1).map_err(failed)?;
        let modified: i64 = row.try_get(2).map_err(failed)?;
        let directory: Option<&str> = row.try_get(3).map_err(failed)?;
        match directory {
            Some(directory) => {
                next = end_of(directory);
                prefixes.push(directory.to_owned());
            }
            None => {
                next = Some(after(key));
                objects.push(ObjectMeta::new(key, size.unsigned_abs()).with_modified_unix_ms(Some(modified)));
            }
        }
    }
    Ok(ListPage::new(objects, prefixes, None))
}

#[cfg(test)]
mod tests;
