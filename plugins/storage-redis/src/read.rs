//! Reading objects and asking about them.

use std::ops::Range;

use persist_plugin_api::{Bytes, Error, ObjectMeta, Result};
use redis::{FromRedisValue, Pipeline, pipe};

use crate::adapter::{MAX_OBJECT_BYTES, RedisStorage};

impl RedisStorage {
    /// Reads a whole object.
    pub(crate) async fn read(&self, key: &str) -> Result<Bytes> {
        let at = self.layout.locate(key)?;
        let mut commands = pipe();
        commands.get(&at.object);
        let (found,): (Option<Vec<u8>>,) = self.ask("read", key, &commands).await?;
        found.map(Bytes::from).ok_or_else(|| Error::not_found(key))
    }

    /// Reads a part of an object.
    pub(crate) async fn read_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let at = self.layout.locate(key)?;
        // No object is longer, so that this cuts nothing off; the numbers fit then.
        let start = range.start.min(MAX_OBJECT_BYTES);
        let end = range.end.min(MAX_OBJECT_BYTES);
        if start >= end {
            // An absent object has no empty ranges.
            return self.measure(key).await.map(|_| Bytes::new());
        }
        let mut commands = pipe();
        // Redis counts the last byte, too.
        commands.cmd("GETRANGE").arg(&at.object).arg(start).arg(end - 1).exists(&at.object);
        let (found, exists): (Vec<u8>, bool) = self.ask("read", key, &commands).await?;
        match (found.is_empty(), exists) {
            (false, _) => Ok(Bytes::from(found)),
            (true, false) => Err(Error::not_found(key)),
            // The range begins behind the end, or the object was created between the answers.
            (true, true) => {
                let whole = self.read(key).await?;
                let length = whole.len();
                Ok(whole.slice((start as usize).min(length)..(end as usize).min(length)))
            }
        }
    }

    /// What is known of an object.
    pub(crate) async fn measure(&self, key: &str) -> Result<ObjectMeta> {
        let at = self.layout.locate(key)?;
        let mut commands = pipe();
        commands.strlen(&at.object).exists(&at.object);
        match self.ask("ask about", key, &commands).await? {
            (0_u64, false) => Err(Error::not_found(key)),
            // The object is empty, or was created between the answers.
            (0, true) => self.read(key).await.map(|whole| ObjectMeta::new(key, whole.len() as u64)),
            (size, _) => Ok(ObjectMeta::new(key, size)),
        }
    }

    /// Sends commands that read. They are no transaction, of which a server whose memory is full refuses every command,
    /// so that other writers may come between them: each answer is true by itself.
    async fn ask<T: FromRedisValue>(&self, verb: &'static str, key: &str, commands: &Pipeline) -> Result<T> {
        let call = self.call(verb, Some(key));
        self.settings.retry.repeat(verb, |_| self.attempt(call, self.link.send(commands))).await
    }
}
