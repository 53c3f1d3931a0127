//! From the client library's errors to the host's: what happened, to which object, and what to do about it.

use std::fmt;

use persist_plugin_api::{Error, ErrorCode};
use persist_plugin_network::{Verdict, write_attempt};
use redis::{ErrorKind, RedisError};

use crate::keys::{Layout, split};

/// The server and the store in it, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) server: String,
    pub(crate) prefix: String,
    /// Whether the server is known to be part of a cluster.
    pub(crate) cluster: bool,
    pub(crate) tls: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.cluster { "the Redis cluster" } else { "Redis" };
        write!(f, "{:?} of {kind} at {}", self.prefix, self.server)
    }
}

/// How a request failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection came about, so nothing was sent.
    Connect(RedisError),
    /// The request was sent, at least in part.
    Request(RedisError),
}

/// One thing that the adapter attempts.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// A verb, such as `write`.
    pub(crate) verb: &'static str,
    /// The key, unless the attempt is about the whole store.
    pub(crate) key: Option<&'a str>,
    pub(crate) place: &'a Place,
}

impl Call<'_> {
    /// The host's error for a request that failed.
    pub(crate) fn failed(&self, failure: Failure) -> Error {
        let (verdict, error) = match failure {
            Failure::Connect(error) => {
                let verdict = verdict_on_connection(&error, self.place);
                let finding = format!("cannot connect: {}", verdict.finding);
                (Verdict { not_applied: true, finding, ..verdict }, error)
            }
            Failure::Request(error) if has_answer(&error, &["WRONGTYPE"]) => (self.foreign(), error),
            Failure::Request(error) => (verdict(&error, self.place.cluster), error),
        };
        verdict.into_error(self).with_source(error)
    }

    /// The verdict on a key that is not of the type that it should be. What else a transaction changes was changed.
    fn foreign(&self) -> Verdict {
        let prefix = &self.place.prefix;
        let object = self.key.filter(|_| self.verb != "list").map_or_else(String::new, |key| {
            let (group, member) = split(key);
            format!("{:?}, or ", Layout::new(prefix.clone()).object(group, member))
        });
        let finding = format!(
            "{object}an index of the store, is not what Persist keeps there (WRONGTYPE): something else uses the prefix \
             {prefix:?}; give the store another one"
        );
        Verdict::unclear(ErrorCode::OTHER, false, finding)
    }

    /// An error that this adapter found itself.
    pub(crate) fn error(&self, code: ErrorCode, finding: &str) -> Error {
        Error::new(code, format!("{self}: {finding}"))
    }
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_attempt(f, self.verb, self.key, self.place)
    }
}

/// Whether a server says that it is not, or not yet, the one to ask.
pub(crate) fn is_elsewhere(error: &RedisError) -> bool {
    has_answer(error, &["READONLY", "MASTERDOWN", "LOADING"])
}

/// Whether an answer is an error that begins with one of these words.
fn has_answer(error: &RedisError, words: &[&str]) -> bool {
    let answers = error.clone().into_server_errors();
    answers.iter().flat_map(|answers| answers.iter()).any(|(_, answer)| words.contains(&answer.code()))
}

/// The library has no other mark of these than their texts: the first is that of the standard library, the second the
/// server's.
const NO_ADDRESS: &str = "failed to lookup address information";
const NO_CLUSTER: &str = "cluster support disabled";

fn verdict_on_connection(error: &RedisError, place: &Place) -> Verdict {
    let text = error.to_string();
    if text.contains(NO_ADDRESS) {
        let finding = "the host's name cannot be found; is url right, and does this machine's DNS know it?";
        return Verdict::refused(ErrorCode::UNAVAILABLE, true, finding);
    }
    if text.contains(NO_CLUSTER) {
        let finding = "the server is not part of a cluster; leave cluster and nodes out";
        return Verdict::refused(ErrorCode::CONFIG, false, finding);
    }
    let verdict = verdict(error, place.cluster);
    // A server that does not may answer in plain text, hang up, or wait for the end of a line.
    let unanswered = matches!(verdict.code, ErrorCode::UNAVAILABLE | ErrorCode::TIMEOUT);
    if place.tls && unanswered && !error.is_connection_refusal() && !text.contains("certificate") {
        let finding = format!("{}; does the server speak TLS here?", verdict.finding);
        return Verdict { finding, ..verdict };
    }
    verdict
}

fn verdict(error: &RedisError, cluster: bool) -> Verdict {
    let answers = error.clone().into_server_errors();
    let answers = answers.as_deref().unwrap_or_default();
    // The end of a transaction only repeats that something in it was refused.
    let aborted = answers.iter().any(|(_, answer)| answer.code() == "EXECABORT");
    let refusal = answers.iter().find(|(_, answer)| answer.code() != "EXECABORT").or(answers.first());
    match refusal {
        Some((index, answer)) => {
            let details = answer.details().unwrap_or_default();
            let verdict = verdict_on_answer(answer.code(), details, cluster, aborted);
            // Where the beginning of a transaction is forbidden, what follows it may have been done; and what a wait follows
            // was done.
            let around = *index == 0 && !details.contains("'eval'") || details.contains("'wait'");
            let not_applied = verdict.not_applied && !(around && answer.code() == "NOPERM");
            Verdict { not_applied, ..verdict }
        }
        // While it connects, the library tells an answer in its own way.
        None if matches!(error.kind(), ErrorKind::Server(_)) => {
            let code = error.code().unwrap_or_default();
            verdict_on_answer(code, error.detail().unwrap_or_default(), cluster, false)
        }
        None => verdict_on_client(error),
    }
}

/// The verdict on an answer that is an error, by the word that it begins with. `aborted`: it was given inside a
/// transaction, of which nothing was done then.
fn verdict_on_answer(code: &str, details: &str, cluster: bool, aborted: bool) -> Verdict {
    let unavailable = |text: &str| Verdict::refused(ErrorCode::UNAVAILABLE, true, format!("{text} ({code})"));
    let denied =
        |text: &str| Verdict::refused(ErrorCode::PERMISSION_DENIED, false, format!("{text} ({code})"));
    match code {
        "NOAUTH" => {
            denied("the server asks for a password; set password_file, or REDIS_PASSWORD in the environment")
        }
        "WRONGPASS" => denied("the server does not know this user with this password"),
        "NOPERM" => denied("the user may not do this; docs/backends/redis.md lists what it needs"),
        "OOM" => Verdict::refused(
            ErrorCode::NO_SPACE,
            false,
            "the server's memory is full (OOM); raise its maxmemory, for a deletion of snapshots, too, writes a little \
             before it frees memory",
        ),
        "MISCONF" if details.contains("space") => Verdict::refused(
            ErrorCode::NO_SPACE,
            false,
            "the server cannot write to its disk, which is full (MISCONF)",
        ),
        "MISCONF" => unavailable("the server cannot write to its disk and refuses to be changed"),
        "READONLY" => unavailable("the server is a replica and takes no writes"),
        "LOADING" => unavailable("the server is still reading its data"),
        "BUSY" => unavailable("the server is busy with a script"),
        "TRYAGAIN" => unavailable("the session is moving to another node of the cluster"),
        "MOVED" | "ASK" if cluster => unavailable("the session is moving to another node of the cluster"),
        "MOVED" | "ASK" | "CROSSSLOT" => Verdict::refused(
            ErrorCode::CONFIG,
            false,
            format!("the server is part of a cluster ({code}); set cluster = true"),
        ),
        "CLUSTERDOWN" => unavailable("the cluster does not serve all its slots"),
        "MASTERDOWN" => unavailable("the server has lost its primary"),
        "NOREPLICAS" => unavailable("the server has fewer replicas than it must have to be written to"),
        _ if details.contains("max number of clients") => {
            Verdict::refused(ErrorCode::THROTTLED, true, "the server has too many connections")
        }
        _ if details.contains("DB index is out of range") => {
            Verdict::refused(ErrorCode::CONFIG, false, "the server has no database of this number; see url")
        }
        _ if details.contains("invalid password") || details.contains("without any password") => {
            denied("the server does not accept the password")
        }
        _ => {
            let finding = format!("the server refused the request ({code})");
            Verdict { not_applied: aborted, ..Verdict::unclear(ErrorCode::OTHER, false, finding) }
        }
    }
}

/// The verdict on what the client library found by itself.
fn verdict_on_client(error: &RedisError) -> Verdict {
    match error.kind() {
        ErrorKind::Io if error.is_connection_refusal() => Verdict::refused(
            ErrorCode::UNAVAILABLE,
            true,
            "the connection was refused; is the server running?",
        ),
        ErrorKind::Io if error.is_timeout() => {
            Verdict::unclear(ErrorCode::TIMEOUT, true, "no answer came in time")
        }
        ErrorKind::Io => Verdict::unclear(ErrorCode::UNAVAILABLE, true, "the connection broke off"),
        ErrorKind::ClusterConnectionNotFound => {
            Verdict::refused(ErrorCode::UNAVAILABLE, true, "no node of the cluster can be reached")
        }
        ErrorKind::AuthenticationFailed => {
            Verdict::refused(ErrorCode::PERMISSION_DENIED, false, "the server does not accept the password")
        }
        ErrorKind::InvalidClientConfig => {
            Verdict::refused(ErrorCode::CONFIG, false, "the client library refuses the options")
        }
        ErrorKind::Client => Verdict::unclear(ErrorCode::UNAVAILABLE, true, "the TLS handshake failed"),
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
            Verdict::unclear(ErrorCode::UNAVAILABLE, true, "the answer is not one that Redis gives")
        }
        _ => Verdict::unclear(ErrorCode::OTHER, false, "the request failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(code: &str, details: &str, cluster: bool) -> (&'static str, bool, bool) {
        let verdict = verdict_on_answer(code, details, cluster, false);
        (verdict.code.name(), verdict.retryable, verdict.not_applied)
    }

    #[test]
    fn answers_have_distinct_codes() {
        for code in ["NOAUTH", "WRONGPASS", "NOPERM"] {
            assert_eq!(verdict(code, "", false), ("permission_denied", false, true), "{code}");
        }
        assert_eq!(verdict("OOM", "", false), ("no_space", false, true));
        assert_eq!(verdict("MISCONF", "No space left on device", false), ("no_space", false, true));
        for code in ["MISCONF", "READONLY", "LOADING", "BUSY", "TRYAGAIN", "CLUSTERDOWN", "MASTERDOWN"] {
            assert_eq!(verdict(code, "", true), ("unavailable", true, true), "{code}");
        }
        for code in ["MOVED", "ASK"] {
            assert_eq!(verdict(code, "", true), ("unavailable", true, true), "{code}");
            assert_eq!(verdict(code, "", false), ("config", false, true), "{code}");
        }
        assert_eq!(verdict("ERR", "max number of clients reached", false), ("throttled", true, true));
        assert_eq!(verdict("ERR", "DB index is out of range", false), ("config", false, true));
        assert_eq!(verdict("WRONGTYPE", "", false), ("other", false, false));
    }

    #[test]
    fn what_never_connected_has_not_been_applied() {
        let place = Place { server: "h:1".to_owned(), prefix: "p".to_owned(), cluster: false, tls: false };
        let call = Call { verb: "write", key: Some("k"), place: &place };
        let broken = || RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
        let error = call.failed(Failure::Connect(broken()));
        assert!(error.is_not_applied() && error.is_retryable());
        assert_eq!(
            error.message(),
            "cannot write \"k\" in \"p\" of Redis at h:1: cannot connect: the connection broke off"
        );
        assert!(!call.failed(Failure::Request(broken())).is_not_applied());
    }
}
