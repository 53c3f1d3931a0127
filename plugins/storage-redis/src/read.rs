//! Reading objects and asking about them.

use std::ops::Range;

use persist_plugin_api::{Bytes, Error, ObjectMeta, Result};
use redis::{FromRedisValue, Pipeline, RedisError, Value, pipe};

use crate::adapter::{MAX_OBJECT_BYTES, RedisStorage};
use crate::error::Failure;
use crate::link::{outcome, transaction};

impl RedisStorage {
    /// Reads a whole object.
    pub(crate) async fn read(&self, key: &str) -> Result<Bytes> {
        let at = self.layout.locate(key)?;
        let call = self.call("read", Some(key));
        let mut commands = pipe();
        commands.get(&at.object);
        let (found,): (Option<Vec<u8>>,) =
            self.settings.retry.repeat("read", |_| self.attempt(call, self.link.send(&commands))).await?;
        found.map(Bytes::from).ok_or_else(|| Error::not_found(key))
    }

    /// Reads a part of an object.
    pub(crate) async fn read_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let at = self.layout.locate(key)?;
        // No object is longer, so that this cuts nothing off; the numbers fit then.
        let start = range.start.min(MAX_OBJECT_BYTES);
        let end = range.end.min(MAX_OBJECT_BYTES);
        // Redis counts the last byte, too, so that no range of its own is empty at the beginning of an object.
        let empty = start >= end;
        let last = if empty { 0 } else { end - 1 };
        // An absent object has empty ranges, too. Both answers are about the same moment.
        let mut commands = pipe();
        commands.exists(&at.object);
        commands.cmd("GETRANGE").arg(&at.object).arg(start).arg(last);
        let (exists, found) = self.ask_of::<Vec<u8>>("read", key, &commands).await?;
        match exists {
            false => Err(Error::not_found(key)),
            true if empty => Ok(Bytes::new()),
            true => Ok(Bytes::from(found)),
        }
    }

    /// What is known of an object.
    pub(crate) async fn measure(&self, key: &str) -> Result<ObjectMeta> {
        let at = self.layout.locate(key)?;
        let mut commands = pipe();
        commands.exists(&at.object).strlen(&at.object);
        match self.ask_of::<u64>("ask about", key, &commands).await? {
            (true, size) => Ok(ObjectMeta::new(key, size)),
            (false, _) => Err(Error::not_found(key)),
        }
    }

    /// Whether an object exists, and something else of it, in one moment.
    async fn ask_of<T: FromRedisValue>(
        &self,
        verb: &'static str,
        key: &str,
        commands: &Pipeline,
    ) -> Result<(bool, T)> {
        let call = self.call(verb, Some(key));
        let commands = transaction(commands);
        let ask = async || {
            let answers = outcome(self.link.send(&commands).await?)?;
            FromRedisValue::from_redis_value(Value::Array(answers))
                .map_err(|error| Failure::Request(RedisError::from(error)))
        };
        self.settings.retry.repeat(verb, |_| self.attempt(call, ask())).await
    }
}
