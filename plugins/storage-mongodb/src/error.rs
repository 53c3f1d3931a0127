//! From the driver's errors to the host's: what happened, to which object, and what to do about it.

use std::fmt;

use mongodb::error::{ErrorKind, WriteFailure};
use persist_plugin_api::{Error, ErrorCode};
use persist_plugin_network::{Verdict, write_attempt};

/// The code of an insertion under an `_id` that is taken.
const DUPLICATE_KEY: i32 = 11000;

/// The collection and where it is, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) database: String,
    pub(crate) collection: String,
    pub(crate) servers: String,
    /// Whether the servers are spoken to with TLS.
    pub(crate) tls: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "collection {:?} of MongoDB at {}",
            format!("{}.{}", self.database, self.collection),
            self.servers
        )
    }
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
    pub(crate) fn failed(&self, error: mongodb::error::Error) -> Error {
        verdict(&error, self.place.tls).into_error(self).with_source(error)
    }

    /// The error of a write that another one came before; the write itself did nothing.
    pub(crate) fn overtaken(&self) -> Error {
        let finding = "other writers were always in the way";
        self.error(ErrorCode::UNAVAILABLE, finding).retryable(true).not_applied(true)
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

fn verdict(error: &mongodb::error::Error, tls: bool) -> Verdict {
    match &*error.kind {
        ErrorKind::Command(error) => verdict_on_code(error.code),
        ErrorKind::Write(WriteFailure::WriteError(error)) => verdict_on_code(error.code),
        // It happened, on fewer servers than it should. What a majority has can be read; whether it ever will is
        // open.
        ErrorKind::Write(WriteFailure::WriteConcernError(error)) => Verdict::unclear(
            ErrorCode::TIMEOUT,
            true,
            format!("a majority of the servers did not acknowledge it (code {})", error.code),
        ),
        ErrorKind::Authentication { .. } => Verdict::refused(
            ErrorCode::PERMISSION_DENIED,
            false,
            "the server does not know this user with this password; see also authSource in uri",
        ),
        // A server without TLS hangs up or stays silent; the driver tells what became of each server in its text.
        ErrorKind::ServerSelection { message, .. }
            if tls && !message.contains("refused") && !message.contains("certificate") =>
        {
            Verdict::refused(
                ErrorCode::UNAVAILABLE,
                true,
                "no server could be reached that takes the request; does it speak TLS, which uri asks for, is it \
                 running, and is there a primary?",
            )
        }
        ErrorKind::ServerSelection { .. } => Verdict::refused(
            ErrorCode::UNAVAILABLE,
            true,
            "no server could be reached that takes the request; is it running, and is there a primary?",
        ),
        ErrorKind::DnsResolve { .. } => {
            Verdict::refused(ErrorCode::UNAVAILABLE, true, "the servers' names cannot be found in the DNS")
        }
        // The driver says the same of a request that was sent and whose answer it no longer waits for.
        ErrorKind::ConnectionPoolCleared { .. } => {
            Verdict::unclear(ErrorCode::UNAVAILABLE, true, "other requests lost their connections")
        }
        ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            Verdict::unclear(ErrorCode::TIMEOUT, true, "no answer came in time")
        }
        ErrorKind::Io(_) => Verdict::unclear(ErrorCode::UNAVAILABLE, true, "the connection broke off"),
        ErrorKind::InvalidTlsConfig { .. } | ErrorKind::InvalidArgument { .. } => {
            Verdict::refused(ErrorCode::CONFIG, false, "the driver refuses the options of uri")
        }
        ErrorKind::IncompatibleServer { .. } => {
            Verdict::refused(ErrorCode::UNSUPPORTED, false, "the server is too old or too new for the driver")
        }
        ErrorKind::InvalidResponse { .. } => {
            Verdict::unclear(ErrorCode::UNAVAILABLE, true, "the answer is not one that MongoDB gives")
        }
        _ => Verdict::unclear(ErrorCode::OTHER, false, "the request failed"),
    }
}

/// The verdict on the server's own code.
fn verdict_on_code(code: i32) -> Verdict {
    let refused =
        |as_code, again, text: &str| Verdict::refused(as_code, again, format!("{text} (code {code})"));
    let unclear =
        |as_code, again, text: &str| Verdict::unclear(as_code, again, format!("{text} (code {code})"));
    match code {
        DUPLICATE_KEY => refused(ErrorCode::ALREADY_EXISTS, false, "the object exists already"),
        18 | 8000 => refused(
            ErrorCode::PERMISSION_DENIED,
            false,
            "the server does not know this user with this password; see also authSource in uri",
        ),
        13 => refused(
            ErrorCode::PERMISSION_DENIED,
            false,
            "the user may not do this; docs/backends/mongodb.md lists what it needs",
        ),
        26 => refused(ErrorCode::CONTAINER_MISSING, false, "the collection does not exist"),
        10107 | 10058 | 13435 | 13436 => {
            refused(ErrorCode::UNAVAILABLE, true, "the server is no primary; another is being chosen")
        }
        91 | 189 | 11600 | 11602 => {
            unclear(ErrorCode::UNAVAILABLE, true, "the server is shutting down or stepping down")
        }
        6 | 7 | 89 | 9001 => unclear(ErrorCode::UNAVAILABLE, true, "the server lost a connection of its own"),
        50 | 64 | 262 => unclear(ErrorCode::TIMEOUT, true, "the server did not finish in time"),
        // Of reads alone: after an election or a start, and when the server forgot what it was listing.
        134 => refused(ErrorCode::UNAVAILABLE, true, "the server does not know yet what a majority has"),
        43 => refused(ErrorCode::UNAVAILABLE, true, "the server has forgotten the rest of its answer"),
        112 => refused(ErrorCode::UNAVAILABLE, true, "another write was in the way"),
        462 => refused(ErrorCode::THROTTLED, true, "the server asks for fewer requests"),
        12501 | 14031 => refused(ErrorCode::NO_SPACE, false, "the server has no disk space left"),
        10334 => refused(ErrorCode::LIMIT_EXCEEDED, false, "the document is too large for the server"),
        _ => unclear(ErrorCode::OTHER, false, "the server refused the request"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(code: i32) -> (&'static str, bool, bool) {
        let verdict = verdict_on_code(code);
        assert!(verdict.finding.contains(&code.to_string()));
        (verdict.code.name(), verdict.retryable, verdict.not_applied)
    }

    #[test]
    fn answers_have_distinct_codes() {
        assert_eq!(verdict(11000), ("already_exists", false, true));
        assert_eq!(verdict(18), ("permission_denied", false, true));
        assert_eq!(verdict(13), ("permission_denied", false, true));
        assert_eq!(verdict(10107), ("unavailable", true, true));
        for code in [91, 189, 11600, 11602] {
            assert_eq!(verdict(code), ("unavailable", true, false), "{code}");
        }
        assert_eq!(verdict(112), ("unavailable", true, true));
        assert_eq!(verdict(14031), ("no_space", false, true));
        assert_eq!(verdict(50), ("timeout", true, false));
        assert_eq!(verdict(2), ("other", false, false));
    }

    #[test]
    fn what_was_lost_on_its_way_is_left_open() {
        let place = Place {
            database: "d".to_owned(),
            collection: "c".to_owned(),
            servers: "h:1".to_owned(),
            tls: false,
        };
        let call = Call { verb: "create", key: Some("k"), place: &place };
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let error = call.failed(reset.into());
        assert_eq!(error.code(), ErrorCode::UNAVAILABLE);
        assert!(error.is_retryable() && !error.is_not_applied());
        assert_eq!(
            error.message(),
            "cannot create \"k\" in collection \"d.c\" of MongoDB at h:1: the connection broke off"
        );
    }
}
