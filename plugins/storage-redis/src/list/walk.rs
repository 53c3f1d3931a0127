//! The entries of a listing, in byte order.

use persist_plugin_api::{ListRequest, Result};
use redis::pipe;

use crate::adapter::RedisStorage;
use crate::keys::split;

/// An object or a directory that a listing shows.
pub(super) enum Entry {
    Object(String),
    Directory(String),
}

impl Entry {
    /// The key, or the directory's name with the slash at its end.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Object(name) | Self::Directory(name) => name,
        }
    }
}

/// Collects entries from a place on until there are enough.
pub(super) struct Walk<'a> {
    storage: &'a RedisStorage,
    prefix: &'a str,
    by_directory: bool,
    /// Keys before this one are left out.
    from: Vec<u8>,
    room: usize,
    entries: Vec<Entry>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(storage: &'a RedisStorage, request: &'a ListRequest, room: usize) -> Self {
        let mut from = request.prefix.clone().into_bytes();
        if let Some(after) = &request.start_after {
            from = from.max(after_key(after));
        }
        if let Some(last) = &request.continuation {
            // Of the page before, a directory was listed with all that is in it.
            let folded = request.by_directory && last.ends_with('/');
            from = from.max(if folded { behind(last) } else { after_key(last) });
        }
        Self {
            storage,
            prefix: &request.prefix,
            by_directory: request.by_directory,
            from,
            room,
            entries: vec![],
        }
    }

    pub(super) async fn run(mut self) -> Result<Vec<Entry>> {
        match split(self.prefix).0 {
            "" => self.root().await?,
            // The prefix lies in a group, and so does all that it begins.
            group => self.group(group).await?,
        }
        Ok(self.entries)
    }

    /// Walks the index at the root, and the groups that it names.
    async fn root(&mut self) -> Result<()> {
        // The group that holds the place to begin with comes before the place.
        let mut from = self.from.clone();
        if let Ok(text) = str::from_utf8(&self.from)
            && !split(text).0.is_empty()
        {
            from = split(text).0.as_bytes().to_vec();
        }
        while self.is_wanting() {
            let members = self.members("", &from).await?;
            let Some(last) = members.last() else { return Ok(()) };
            from = after_key(last);
            for member in &members {
                if !self.is_wanting() {
                    return Ok(());
                }
                if self.is_folded(member) {
                    continue;
                }
                match (self.directory(member), member.ends_with('/')) {
                    (Some(directory), true) => {
                        if self.holds_something(member).await? {
                            self.entries.push(Entry::Directory(directory));
                        }
                    }
                    (None, true) => self.group(member).await?,
                    (_, false) => self.add(member),
                }
            }
            from = from.max(self.behind_last());
        }
        Ok(())
    }

    /// Walks the index of a group.
    async fn group(&mut self, group: &str) -> Result<()> {
        let mut from = self.from.clone();
        while self.is_wanting() {
            let members = self.members(group, &from).await?;
            let Some(last) = members.last() else { return Ok(()) };
            from = after_key(format!("{group}{last}"));
            for member in &members {
                let key = format!("{group}{member}");
                if self.is_wanting() && !self.is_folded(&key) {
                    self.add(&key);
                }
            }
            from = from.max(self.behind_last());
        }
        Ok(())
    }

    fn is_wanting(&self) -> bool {
        self.entries.len() < self.room
    }

    /// Adds an object or the directory that it lies in, unless it comes before the place to begin with.
    fn add(&mut self, key: &str) {
        if key.as_bytes() < self.from.as_slice() {
            return;
        }
        let entry = match self.directory(key) {
            Some(directory) => Entry::Directory(directory),
            None => Entry::Object(key.to_owned()),
        };
        self.entries.push(entry);
    }

    /// The directory that a listing by directory shows instead of a name.
    fn directory(&self, name: &str) -> Option<String> {
        let rest = name.strip_prefix(self.prefix).filter(|_| self.by_directory)?;
        let slash = rest.find('/')?;
        Some(name[..=self.prefix.len() + slash].to_owned())
    }

    /// Whether a name lies in the directory that was added last.
    fn is_folded(&self, name: &str) -> bool {
        matches!(self.entries.last(), Some(Entry::Directory(last)) if name.starts_with(last.as_str()))
    }

    /// What comes after all that the last entry stands for; nothing, as long as there is none.
    fn behind_last(&self) -> Vec<u8> {
        match self.entries.last() {
            Some(Entry::Directory(last)) => behind(last),
            Some(Entry::Object(last)) => after_key(last),
            None => Vec::new(),
        }
    }

    /// Whether a group has an object that the listing asks for.
    async fn holds_something(&self, group: &str) -> Result<bool> {
        Ok(!self.query(group, &self.from, 1).await?.is_empty())
    }

    /// The next members of a group's index, at least one unless there are none.
    async fn members(&self, group: &str, from: &[u8]) -> Result<Vec<String>> {
        self.query(group, from, self.room - self.entries.len()).await
    }

    async fn query(&self, group: &str, from: &[u8], count: usize) -> Result<Vec<String>> {
        // Members of a group's index lack its name. A place before the group is its beginning.
        let inside = |text: &[u8]| text.strip_prefix(group.as_bytes()).unwrap_or_default().to_vec();
        let begin = [b"[".as_slice(), &inside(from)].concat();
        let prefix = inside(self.prefix.as_bytes());
        let end =
            if prefix.is_empty() { b"+".to_vec() } else { [b"(".as_slice(), &behind(&prefix)].concat() };
        let mut commands = pipe();
        let range = commands.cmd("ZRANGE").arg(self.storage.layout.index(group)).arg(begin).arg(end);
        range.arg("BYLEX").arg("LIMIT").arg(0).arg(count);
        let call = self.storage.call("list", Some(self.prefix));
        let (members,): (Vec<String>,) = self
            .storage
            .settings
            .retry
            .repeat("list", |_| self.storage.attempt(call, self.storage.link.send(&commands)))
            .await?;
        Ok(members)
    }
}

/// The first bytes after a key.
fn after_key(key: impl AsRef<[u8]>) -> Vec<u8> {
    [key.as_ref(), b"\0"].concat()
}

/// The first bytes after all that begin with a text. Neither UTF-8 nor a slash has a last byte that cannot be raised.
fn behind(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = text.as_ref().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last = last.saturating_add(1);
    }
    bytes
}
