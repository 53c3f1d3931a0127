//! Listing objects.
//!
//! The index at the root names objects and groups. A group's name ends with a slash and begins all keys of the group and
//! no others, so that the byte order of the names is that of the keys.

mod walk;

use persist_plugin_api::{ListPage, ListRequest, ObjectMeta, Result};
use redis::pipe;

use crate::adapter::RedisStorage;
use crate::keys::split;
use walk::{Entry, Walk};

/// The most entries that a page holds.
const MAX_PAGE: u32 = 1000;

impl RedisStorage {
    /// Lists a page.
    pub(crate) async fn list_page(&self, request: &ListRequest) -> Result<ListPage> {
        let limit = request.limit.clamp(1, MAX_PAGE) as usize;
        // One entry more than fits tells whether there is another page.
        let mut entries = Walk::new(self, request, limit + 1).run().await?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|entry| entry.name().to_owned());
        let (mut keys, mut prefixes) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Object(key) => keys.push(key),
                Entry::Directory(name) => prefixes.push(name),
            }
        }
        let mut objects = Vec::with_capacity(keys.len());
        // Keys of a group are neighbours.
        for group in keys.chunk_by(|one, other| split(one).0 == split(other).0) {
            objects.extend(self.measure_all(group).await?);
        }
        Ok(ListPage::new(objects, prefixes, next))
    }

    /// The sizes of objects of one group. Those that are gone in the meantime are left out.
    async fn measure_all(&self, keys: &[String]) -> Result<Vec<ObjectMeta>> {
        let mut commands = pipe();
        for key in keys {
            let (group, member) = split(key);
            let object = self.layout.object(group, member);
            commands.exists(&object).strlen(&object);
        }
        let call = self.call("list", keys.first().map(String::as_str));
        let answers: Vec<u64> =
            self.settings.retry.repeat("list", |_| self.attempt(call, self.link.send(&commands))).await?;
        let found = keys.iter().zip(answers.chunks_exact(2));
        Ok(found
            .filter_map(|(key, answer)| match answer {
                [1, size] => Some(ObjectMeta::new(key, *size)),
                _ => None,
            })
            .collect())
    }
}
