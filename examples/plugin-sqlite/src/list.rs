//! Listings, read from the index as far as the page reaches.

use persist_plugin_api::{ListPage, ListRequest, ObjectMeta, Result, page_of_sorted};
use rusqlite::{Connection, Row};

use crate::database::Database;

impl Database {
    /// Lists one page. A page by directory reads the keys of each directory on it.
    pub(crate) fn list(&self, request: &ListRequest) -> Result<ListPage> {
        self.look("list", &request.prefix, |connection| page(connection, request))
    }
}

fn page(connection: &Connection, request: &ListRequest) -> rusqlite::Result<ListPage> {
    // Everything before the latest of the three is on an earlier page or not asked for.
    let start = [Some(&request.prefix), request.start_after.as_ref(), request.continuation.as_ref()];
    let start = start.into_iter().flatten().max();
    let mut statement =
        connection.prepare_cached("SELECT key, size FROM objects WHERE key >= ?1 ORDER BY key")?;
    let mut failure = None;
    let objects = statement
        .query_map([start], object)?
        .map_while(|found| found.map_err(|error| failure = Some(error)).ok())
        .take_while(|object| object.key.starts_with(&request.prefix));
    let page = page_of_sorted(objects, request);
    failure.map_or(Ok(page), Err)
}

fn object(row: &Row<'_>) -> rusqlite::Result<ObjectMeta> {
    let (key, size): (String, i64) = (row.get(0)?, row.get(1)?);
    Ok(ObjectMeta::new(key, size.unsigned_abs()))
}
