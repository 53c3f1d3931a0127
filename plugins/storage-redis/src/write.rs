//! Writing and removing objects.

use persist_plugin_api::{Error, ErrorCode, Result};
use redis::{FromRedisValue as _, Pipeline, Value, pipe};

use crate::adapter::{MAX_OBJECT_BYTES, RedisStorage};
use crate::error::{Call, Failure};
use crate::keys::Located;
use crate::link::{outcome, transaction};

/// Lets every key of a group expire at the same moment. The keys are those that its index names; they lie in its slot.
const REFRESH: &str = "
local at = redis.call('TIME')[1] + ARGV[1]
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('EXPIREAT', ARGV[2] .. member, at)
end
redis.call('EXPIREAT', KEYS[1], at)
return 0";

impl RedisStorage {
    /// Writes an object unless its key is taken.
    pub(crate) async fn create(&self, key: &str, data: &[u8]) -> Result<()> {
        let at = self.layout.locate(key)?;
        let call = self.call("create", Some(key));
        self.prepare(&call, &at, data).await?;
        let mut change = pipe();
        change.cmd("SET").arg(&at.object).arg(data).arg("NX");
        let change = self.transaction(change, &at);
        let created = self.settings.retry.repeat_unapplied("create", |_| self.change(call, &change)).await?;
        match created {
            Value::Nil => Err(Error::already_exists(key)),
            _ => Ok(()),
        }
    }

    /// Writes an object, whether or not its key is taken.
    pub(crate) async fn replace(&self, key: &str, data: &[u8]) -> Result<()> {
        let at = self.layout.locate(key)?;
        let call = self.call("write", Some(key));
        self.prepare(&call, &at, data).await?;
        let mut change = pipe();
        change.set(&at.object, data);
        let change = self.transaction(change, &at);
        self.settings.retry.repeat("write", |_| self.change(call, &change)).await.map(drop)
    }

    /// Removes an object, if it is there.
    pub(crate) async fn remove(&self, key: &str) -> Result<()> {
        let at = self.layout.locate(key)?;
        let call = self.call("delete", Some(key));
        let mut change = pipe();
        change.del(&at.object).zrem(&at.index, at.member);
        let change = self.whole(&change);
        self.settings.retry.repeat("delete", |_| self.change(call, &change)).await.map(drop)
    }

    /// Does what must be done before an object is written: examines the server, once, and in a cluster enters the
    /// object's group into the index at the root, which may lie on another node.
    ///
    /// The entry comes first, so that no object is ever outside the listings, whatever ends the process in between; an
    /// entry of a group without objects is passed over. It is made for every object anew: it costs little, and what a
    /// node lost comes back with the session's next write.
    async fn prepare(&self, call: &Call<'_>, at: &Located<'_>, data: &[u8]) -> Result<()> {
        if data.len() as u64 > MAX_OBJECT_BYTES {
            let finding = format!(
                "it has {} bytes, and Redis keeps at most {MAX_OBJECT_BYTES} in one string",
                data.len()
            );
            return Err(call.error(ErrorCode::LIMIT_EXCEEDED, &finding).not_applied(true));
        }
        // The object itself has not been sent.
        self.examined().await.map_err(|error| error.not_applied(true))?;
        if at.group.is_empty() || !self.settings.cluster {
            return Ok(());
        }
        let mut entry = pipe();
        entry.zadd(self.layout.index(""), at.group, 0);
        let entry = self.whole(&entry);
        let entered = self.settings.retry.repeat("enter", |_| self.change(*call, &entry)).await;
        entered.map(drop).map_err(|error| error.not_applied(true))
    }

    /// Makes one transaction of the change of an object, with what else must happen at the same time.
    fn transaction(&self, mut commands: Pipeline, at: &Located<'_>) -> Change {
        commands.zadd(&at.index, at.member, 0);
        if !at.group.is_empty() {
            if !self.settings.cluster {
                commands.zadd(self.layout.index(""), at.group, 0);
            }
            if let Some(ttl) = self.settings.ttl {
                let eval = commands.cmd("EVAL").arg(REFRESH).arg(1).arg(&at.index);
                eval.arg(ttl.as_secs()).arg(self.layout.object(at.group, ""));
            }
        }
        self.whole(&commands)
    }

    /// Makes a transaction of commands. A wait must be on the same connection as what it waits for, so that it is sent
    /// along with it.
    fn whole(&self, commands: &Pipeline) -> Change {
        let settings = &self.settings;
        let mut commands = transaction(commands);
        let waits = settings.wait_replicas > 0;
        if waits {
            let wait = commands.cmd("WAIT").arg(settings.wait_replicas);
            wait.arg(settings.wait_timeout.as_millis() as u64);
        }
        Change { commands, waits }
    }

    /// Sends a change and returns the answer to its first command.
    async fn change(&self, call: Call<'_>, change: &Change) -> Result<Value> {
        let send = async {
            let answers: Vec<Value> = self.link.send(&change.commands).await?;
            // The number of replicas comes last, behind the outcome of the transaction.
            let acknowledged = answers.last().filter(|_| change.waits).cloned();
            let acknowledged = acknowledged.map(u32::from_redis_value).transpose();
            let acknowledged = acknowledged.map_err(|error| Failure::Request(error.into()))?;
            Ok((outcome(answers)?, acknowledged))
        };
        let (outcome, acknowledged) = self.attempt(call, send).await?;
        let wanted = self.settings.wait_replicas;
        if let Some(acknowledged) = acknowledged.filter(|acknowledged| *acknowledged < wanted) {
            let finding = format!(
                "{acknowledged} of {wanted} replicas received it within {} ms: it may be lost when the primary fails",
                self.settings.wait_timeout.as_millis()
            );
            return Err(call.error(ErrorCode::NOT_DURABLE, &finding));
        }
        Ok(outcome.into_iter().next().unwrap_or(Value::Nil))
    }
}

/// Commands that are done together or not at all.
struct Change {
    commands: Pipeline,
    /// The transaction is followed by a wait for replicas.
    waits: bool,
}
