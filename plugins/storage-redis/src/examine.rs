//! Finds out, before the first write, whether the server keeps what it is given.

use persist_plugin_api::{Error, ErrorCode, Result};
use redis::{FromRedisValue, cmd};

use crate::adapter::RedisStorage;
use crate::config::Durability;

impl RedisStorage {
    /// Whether what the server acknowledges is as durable as the options ask. The answer is kept, a failure is not.
    ///
    /// # Errors
    /// [`ErrorCode::CONFIG`] for a server that would remove keys when its memory is full.
    pub(crate) async fn examined(&self) -> Result<bool> {
        self.durable.get_or_try_init(|| self.examine()).await.copied()
    }

    async fn examine(&self) -> Result<bool> {
        let vouched = self.settings.durability == Durability::Unchecked;
        if vouched && self.settings.allow_eviction {
            return Ok(true);
        }
        let servers: Vec<Report> =
            self.ask_all::<String>("INFO", &[]).await?.iter().map(|info| Report::read(info)).collect();
        if !self.settings.allow_eviction {
            let expires = self.settings.ttl.is_some();
            for server in &servers {
                server.check_eviction(expires).map_err(|finding| self.unfit(&finding))?;
            }
        }
        if vouched {
            return Ok(true);
        }
        let finding = if servers.iter().all(|server| server.appends) {
            self.check_fsync().await?
        } else {
            Err("appendonly is off, so that what was written since the last dump is lost in a crash"
                .to_owned())
        };
        if let Err(finding) = &finding {
            tracing::warn!(place = %self.place, "not durable: {finding}; docs/backends/redis.md says what to set");
        }
        Ok(finding.is_ok())
    }

    /// Whether every server synchronises its file as often as the options ask; else what was found.
    async fn check_fsync(&self) -> Result<Result<(), String>> {
        // The pattern finds no-appendfsync-on-rewrite as well; older servers take only one.
        let found = match self.ask_all::<Vec<String>>("CONFIG", &["GET", "*appendfsync*"]).await {
            Ok(found) => found,
            // Services forbid CONFIG to everybody or do not know it.
            Err(error) if matches!(error.code(), ErrorCode::PERMISSION_DENIED | ErrorCode::OTHER) => {
                return Ok(Err("the server does not tell its appendfsync".to_owned()));
            }
            Err(error) => return Err(error),
        };
        Ok(found.iter().try_for_each(|pairs| check_policy(pairs, self.settings.durability)))
    }

    /// Asks every server that is written to.
    async fn ask_all<T: FromRedisValue>(&self, command: &str, arguments: &[&str]) -> Result<Vec<T>> {
        let call = self.call("examine", None);
        let mut question = cmd(command);
        question.arg(arguments);
        let answers =
            self.settings.retry.repeat("examine", |_| self.attempt(call, self.link.ask(&question))).await?;
        let read = |answer| {
            T::from_redis_value(answer).map_err(|error| {
                let finding = format!("the answer to {command} is not one that Redis gives");
                call.error(ErrorCode::OTHER, &finding).with_source(error)
            })
        };
        answers.into_iter().map(read).collect()
    }

    fn unfit(&self, finding: &str) -> Error {
        self.call("write to", None).error(ErrorCode::CONFIG, finding)
    }
}

/// Whether a server's answer about its file, names and values by turns, is what the options ask for.
fn check_policy(pairs: &[String], durability: Durability) -> Result<(), String> {
    let value = |name: &str| {
        let mut pairs = pairs.chunks_exact(2);
        pairs.find_map(|pair| pair.first().filter(|found| *found == name).and(pair.last()))
    };
    match value("appendfsync").map(String::as_str) {
        Some("always") => {}
        Some("everysec") if durability == Durability::Everysec => {}
        policy => return Err(format!("appendfsync is {:?}", policy.unwrap_or_default())),
    }
    match value("no-appendfsync-on-rewrite").map(String::as_str) {
        Some("no") => Ok(()),
        found => Err(format!(
            "no-appendfsync-on-rewrite is {:?}, expected \"no\": else nothing is synchronised while the file is rewritten",
            found.unwrap_or_default()
        )),
    }
}

/// What a server says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    /// It keeps an append-only file.
    appends: bool,
    /// The most bytes of memory that it uses; 0 is no bound.
    maxmemory: u64,
    /// What it removes when they are used up.
    policy: String,
}

impl Report {
    /// Reads the answer to `INFO`: lines of a name, a colon and a value.
    fn read(info: &str) -> Self {
        let mut report = Self::default();
        for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
            match name {
                "aof_enabled" => report.appends = value == "1",
                // What is no number is taken for a bound.
                "maxmemory" => report.maxmemory = value.parse().unwrap_or(u64::MAX),
                "maxmemory_policy" => value.clone_into(&mut report.policy),
                _ => {}
            }
        }
        report
    }

    /// Whether the server keeps the store's keys when its memory is full. The policies named `volatile-…` remove only
    /// keys that expire.
    fn check_eviction(&self, expires: bool) -> Result<(), String> {
        if self.maxmemory == 0 || self.policy == "noeviction" {
            return Ok(());
        }
        if !expires && self.policy.starts_with("volatile-") {
            return Ok(());
        }
        Err(format!(
            "it would remove keys when its memory is full: maxmemory-policy is {:?} with a maxmemory of {} bytes, \
             expected \"noeviction\"; run CONFIG SET maxmemory-policy noeviction and set it in redis.conf, or set \
             allow_eviction = true if sessions may vanish",
            self.policy, self.maxmemory
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let info = "# Memory\r\nmaxmemory:1048576\r\nmaxmemory_policy:allkeys-lru\r\n\r\naof_enabled:1\r\n";
        let expected = Report { appends: true, maxmemory: 1 << 20, policy: "allkeys-lru".to_owned() };
        assert_eq!(Report::read(info), expected);
    }

    #[test]
    fn only_policies_that_can_hit_the_store_are_refused() {
        let check = |maxmemory, policy: &str, expires| {
            Report { appends: true, maxmemory, policy: policy.to_owned() }.check_eviction(expires)
        };
        check(0, "allkeys-lru", true).unwrap();
        check(1, "noeviction", true).unwrap();
        check(1, "volatile-ttl", false).unwrap();
        check(1, "volatile-ttl", true).unwrap_err();
        let finding = check(1, "allkeys-random", false).unwrap_err();
        for part in ["allkeys-random", "noeviction", "CONFIG SET", "allow_eviction"] {
            assert!(finding.contains(part), "{finding}");
        }
    }
}
