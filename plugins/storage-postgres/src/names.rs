//! The names of the schema and the table, and the statements that hold them.

use persist_plugin_api::Result;
use persist_plugin_network::wrong;

/// The longest name, in bytes; the server would cut a longer one.
const MAX_NAME_BYTES: usize = 63;

/// Makes the server flush its log before it confirms a write, should its settings say otherwise. It holds for the
/// transaction, which is the statement itself, and always true.
const FLUSHED: &str = "set_config('synchronous_commit', CASE current_setting('synchronous_commit') \
     WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true) <> ''";

/// The time of the last write in milliseconds since the Unix epoch.
const MILLISECONDS: &str = "(extract(epoch FROM modified) * 1000)::bigint";

/// Where the objects are, and how the server is asked for them.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) schema: String,
    pub(crate) table: String,
    /// Both, quoted and qualified.
    pub(crate) quoted: String,
    pub(crate) load: String,
    pub(crate) load_range: String,
    pub(crate) stat: String,
    pub(crate) save: String,
    pub(crate) create: String,
    pub(crate) delete: String,
}

impl Names {
    pub(crate) fn new(schema: &str, table: &str) -> Result<Self> {
        let quoted = format!("{}.{}", quote("schema", schema)?, quote("table", table)?);
        let insert =
            format!("INSERT INTO {quoted} (key, data) SELECT $1, $2 WHERE {FLUSHED} ON CONFLICT (key) DO");
        Ok(Self {
            schema: schema.to_owned(),
            table: table.to_owned(),
            load: format!("SELECT data FROM {quoted} WHERE key = $1"),
            load_range: format!("SELECT substring(data FROM $2 FOR $3) FROM {quoted} WHERE key = $1"),
            stat: format!("SELECT size, {MILLISECONDS} FROM {quoted} WHERE key = $1"),
            save: format!(
                "{insert} UPDATE SET data = excluded.data, modified = excluded.modified RETURNING 1"
            ),
            // Unlike DO NOTHING, this locks the row that is there, so that the transaction has something to commit: that an
            // object exists is reported only after the same flush and the same replicas that its creator waits for.
            create: format!("{insert} UPDATE SET modified = excluded.modified WHERE false RETURNING 1"),
            delete: format!("DELETE FROM {quoted} WHERE key = $1 AND {FLUSHED}"),
            quoted,
        })
    }

    /// Asks for keys from `$1` on, below `$2` if there is an upper bound; `$3` (or `$2`) is the most that may come.
    pub(crate) fn list(&self, bounded: bool) -> String {
        let (below, limit) = bounds(bounded);
        format!(
            "SELECT key, size, {MILLISECONDS}, NULL::text FROM {} WHERE key >= $1{below} ORDER BY key LIMIT {limit}",
            self.quoted
        )
    }

    /// The same by directory: the last parameter is the prefix's length in characters. Each step asks the index for the
    /// first key after an object, or after everything in a directory, so that what a directory holds is not read.
    pub(crate) fn list_directory(&self, bounded: bool) -> String {
        let (below, limit) = bounds(bounded);
        let length = if bounded { "$4" } else { "$3" };
        let table = &self.quoted;
        let first = |from: &str| {
            format!("SELECT key, size, modified FROM {table} WHERE key >= {from}{below} ORDER BY key LIMIT 1")
        };
        let directory = format!(
            "CASE strpos(substr(key, {length} + 1), '/') WHEN 0 THEN NULL \
             ELSE left(key, {length} + strpos(substr(key, {length} + 1), '/')) END"
        );
        // Keys hold no control character, so chr(1) leads to the next key; and '0' comes right after '/'.
        let next = first(
            "CASE WHEN entry.directory IS NULL THEN entry.key || chr(1) ELSE left(entry.directory, -1) || '0' END",
        );
        format!(
            "WITH RECURSIVE entry AS (\
             SELECT key, size, modified, {directory} AS directory FROM ({}) AS first \
             UNION ALL \
             SELECT next.key, next.size, next.modified, {} FROM entry CROSS JOIN LATERAL ({next}) AS next) \
             SELECT key, size, {MILLISECONDS}, directory FROM entry LIMIT {limit}",
            first("$1"),
            directory.replace("(key", "(next.key"),
        )
    }
}

fn bounds(bounded: bool) -> (&'static str, &'static str) {
    if bounded { (" AND key < $2", "$3") } else { ("", "$2") }
}

/// A name as an SQL identifier.
fn quote(option: &str, name: &str) -> Result<String> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        let message = format!(
            "{option} = {name:?} is no name; 1 to {MAX_NAME_BYTES} bytes without control characters are"
        );
        return Err(wrong(message));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}

#[cfg(test)]
mod tests;
