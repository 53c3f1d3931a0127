//! Writing and removing objects.

use persist_plugin_api::{Error, ErrorCode, Result};
use redis::{FromRedisValue as _, Pipeline, Value, pipe};

use crate::adapter::{MAX_OBJECT_BYTES, RedisStorage};
use crate::error::{Call, Failure};
use crate::keys::Located;
use crate::link::{outcome, transaction};

/// Writes an object of a session that expires, and lets every key of the session expire at the same moment. The keys are
/// those that its index names; they lie in its slot. An object that continues a session is refused where the session has
/// no records left.
///
/// `KEYS`: the index, the object, and on a single server the index at the root. `ARGV`: the seconds, what the keys of
/// objects begin with, the object's member, its bytes, whether the key must be free, whether it continues a session, and
/// the group.
const WRITE_EXPIRING: &str = "
local function has(from, to)
    return redis.call('ZRANGE', KEYS[1], from, to, 'BYLEX', 'LIMIT', 0, 1)[1]
end
if ARGV[6] == '1' and not has('[d/', '(d0') and not has('[g/', '(g0') then return 'EXPIRED' end
local written = 'TAKEN'
if ARGV[5] == '0' or redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('SET', KEYS[2], ARGV[4])
    written = 'WRITTEN'
end
redis.call('ZADD', KEYS[1], 0, ARGV[3])
if KEYS[3] then redis.call('ZADD', KEYS[3], 0, ARGV[7]) end
local at = redis.call('TIME')[1] + ARGV[1]
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    redis.call('EXPIREAT', ARGV[2] .. member, at)
end
redis.call('EXPIREAT', KEYS[1], at)
return written";

/// Removes an object, and the group's name from the index at the root when nothing is left in the group. It is a script, for
/// a server whose memory is full refuses every command of a transaction, even those that free memory. It answers as a
/// transaction does, with a list.
///
/// `KEYS`: the group's index, the object, and on a single server the index at the root. `ARGV`: the object's member, and
/// the group.
const REMOVE: &str = "
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[1], ARGV[1])
if KEYS[3] and redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZREM', KEYS[3], ARGV[2]) end
return {}";

impl RedisStorage {
    /// Writes an object unless its key is taken.
    pub(crate) async fn create(&self, key: &str, data: &[u8]) -> Result<()> {
        let at = self.layout.locate(key)?;
        let call = self.call("create", Some(key));
        self.prepare(&call, &at, data).await?;
        let change = self.writing(&at, data, true);
        let created = self.settings.retry.repeat_unapplied("create", |_| self.change(call, &change)).await?;
        written(&call, key, &created)
    }

    /// Writes an object, whether or not its key is taken.
    pub(crate) async fn replace(&self, key: &str, data: &[u8]) -> Result<()> {
        let at = self.layout.locate(key)?;
        let call = self.call("write", Some(key));
        self.prepare(&call, &at, data).await?;
        let change = self.writing(&at, data, false);
        let replaced = self.settings.retry.repeat("write", |_| self.change(call, &change)).await?;
        written(&call, key, &replaced)
    }

    /// Removes an object, if it is there.
    pub(crate) async fn remove(&self, key: &str) -> Result<()> {
        let at = self.layout.locate(key)?;
        let call = self.call("delete", Some(key));
        let root = self.root_beside(&at);
        let mut remove = pipe();
        let keys = if root.is_some() { 3 } else { 2 };
        remove
            .cmd("EVAL")
            .arg(REMOVE)
            .arg(keys)
            .arg(&at.index)
            .arg(&at.object)
            .arg(root)
            .arg(at.member)
            .arg(at.group);
        let change = self.awaited(remove);
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

    /// Makes one transaction of the writing of an object, with what else must happen at the same time.
    fn writing(&self, at: &Located<'_>, data: &[u8], if_absent: bool) -> Change {
        let mut commands = pipe();
        let root = self.root_beside(at);
        if let Some(ttl) = self.settings.ttl.filter(|_| !at.group.is_empty()) {
            let keys = if root.is_some() { 3 } else { 2 };
            let eval =
                commands.cmd("EVAL").arg(WRITE_EXPIRING).arg(keys).arg(&at.index).arg(&at.object).arg(root);
            eval.arg(ttl.as_secs()).arg(self.layout.object(at.group, "")).arg(at.member).arg(data);
            eval.arg(u8::from(if_absent)).arg(u8::from(at.continues())).arg(at.group);
        } else {
            let set = commands.cmd("SET").arg(&at.object).arg(data);
            if if_absent {
                set.arg("NX");
            }
            commands.zadd(&at.index, at.member, 0);
            if let Some(root) = root {
                commands.zadd(root, at.group, 0);
            }
        }
        self.whole(&commands)
    }

    /// The index at the root, if it names the object's group and both can change at once. In a cluster it may lie on another
    /// node.
    fn root_beside(&self, at: &Located<'_>) -> Option<String> {
        (!at.group.is_empty() && !self.settings.cluster).then(|| self.layout.index(""))
    }

    /// Makes a transaction of commands.
    fn whole(&self, commands: &Pipeline) -> Change {
        self.awaited(transaction(commands))
    }

    /// Makes a change of a transaction or a script. A wait must be on the same connection as what it waits for, so that it
    /// is sent along with it.
    fn awaited(&self, mut commands: Pipeline) -> Change {
        let settings = &self.settings;
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

/// What the first answer to the writing of an object says.
fn written(call: &Call<'_>, key: &str, answer: &Value) -> Result<()> {
    let text = match answer {
        Value::BulkString(text) => text.as_slice(),
        _ => &[],
    };
    match (answer, text) {
        (Value::Nil, _) | (_, b"TAKEN") => Err(Error::already_exists(key)),
        (_, b"EXPIRED") => {
            let finding = "the session has expired (ttl_seconds), so that nothing it builds on is left; open the session \
                           anew, under another id, and save there";
            Err(call.error(ErrorCode::OTHER, finding).not_applied(true))
        }
        _ => Ok(()),
    }
}

/// Commands that are done together or not at all.
struct Change {
    commands: Pipeline,
    /// The transaction is followed by a wait for replicas.
    waits: bool,
}
