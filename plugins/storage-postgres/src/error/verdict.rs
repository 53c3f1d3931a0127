//! What an error of the client library means.

use std::error::Error as StdError;
use std::io;

use persist_plugin_api::ErrorCode;
use persist_plugin_network::Verdict;
use tokio_postgres::error::Severity;

/// Of an error that a statement ended with.
pub(super) fn of_statement(error: &tokio_postgres::Error) -> Verdict {
    if let Some(refusal) = error.as_db_error() {
        let verdict = of_state(refusal.code().code(), refusal.message());
        return after(refusal.parsed_severity(), verdict);
    }
    // The connection may have broken before the statement was sent or after it was carried out.
    let finding = if error.is_closed() || cause::<io::Error>(error).is_some() {
        "the connection broke before the answer came"
    } else {
        "the answer is not one that PostgreSQL gives"
    };
    Verdict::unclear(ErrorCode::UNAVAILABLE, true, finding)
}

/// Of an error that kept a connection from coming about.
pub(super) fn of_connection(error: &tokio_postgres::Error) -> Verdict {
    if let Some(refusal) = error.as_db_error() {
        return of_state(refusal.code().code(), refusal.message());
    }
    if let Some(refusal) = cause::<rustls::Error>(error) {
        let next = match refusal {
            rustls::Error::InvalidCertificate(_) => {
                "the server's certificate is not trusted; name the file with the signer's certificate in \
                 sslrootcert, and the host as the certificate does"
            }
            _ => "no TLS connection came about",
        };
        return Verdict::refused(ErrorCode::CONFIG, false, next);
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => {
            let finding = "the connection was refused; is the server running?";
            Verdict::refused(ErrorCode::UNAVAILABLE, true, finding)
        }
        Some(_) => Verdict::refused(ErrorCode::UNAVAILABLE, true, "the server cannot be reached"),
        None if text_of_cause(error) == NO_PASSWORD => {
            let finding = "the server asks for a password and none is known; set password_file or PGPASSWORD";
            Verdict::refused(ErrorCode::PERMISSION_DENIED, false, finding)
        }
        None if text_of_cause(error) == NO_TLS => {
            let finding = "the server does not offer TLS, which sslmode asks for; set it up there, or set \
                           sslmode = \"disable\" if the network is trusted";
            Verdict::refused(ErrorCode::CONFIG, false, finding)
        }
        // A server that is being stopped hangs up in the middle of the greetings.
        None if error.is_closed() => {
            Verdict::refused(ErrorCode::UNAVAILABLE, true, "the server ended the connection")
        }
        None => Verdict::refused(ErrorCode::PERMISSION_DENIED, false, "the login failed"),
    }
}

/// Of an SQLSTATE. `message` is the server's own text.
fn of_state(state: &str, message: &str) -> Verdict {
    let told = |text: &str| format!("{text} (SQLSTATE {state}: {message})");
    let refused = |code, retryable, text: &str| Verdict::refused(code, retryable, told(text));
    let unclear = |code, retryable, text: &str| Verdict::unclear(code, retryable, told(text));
    match (state, state.get(..2).unwrap_or_default()) {
        ("28P01", _) => refused(ErrorCode::PERMISSION_DENIED, false, "the server refused the password"),
        (_, "28") => refused(
            ErrorCode::PERMISSION_DENIED,
            false,
            "the server does not let this role in; see its pg_hba.conf",
        ),
        ("3D000", _) => refused(
            ErrorCode::CONTAINER_MISSING,
            false,
            "the database does not exist; create it first, with CREATE DATABASE",
        ),
        ("3F000", _) => refused(
            ErrorCode::CONTAINER_MISSING,
            false,
            "the schema does not exist; create it first, with CREATE SCHEMA",
        ),
        ("42501", _) => refused(
            ErrorCode::PERMISSION_DENIED,
            false,
            "the role lacks a right; grant it what the documentation of the adapter lists",
        ),
        ("25006", _) => refused(
            ErrorCode::PERMISSION_DENIED,
            false,
            "the server or the role only reads; connect to the primary server",
        ),
        ("42P01", _) => refused(ErrorCode::UNAVAILABLE, true, "the table has just been removed"),
        ("26000" | "42P05", _) => refused(
            ErrorCode::CONFIG,
            false,
            "a prepared statement is not in this session, as behind a pooler that changes sessions; set \
             prepared_statements = false",
        ),
        ("53100", _) => refused(ErrorCode::NO_SPACE, false, "the server's disk is full"),
        ("53300", _) => refused(ErrorCode::THROTTLED, true, "the server has too many connections"),
        (_, "53") => refused(ErrorCode::UNAVAILABLE, true, "the server lacks resources"),
        (_, "54") => refused(ErrorCode::LIMIT_EXCEEDED, false, "it is too large for the server"),
        // The server's text may be in another language; then it is told without the next step.
        ("57014", _) if message.contains("statement timeout") => unclear(
            ErrorCode::TIMEOUT,
            true,
            "the server's statement_timeout ended it; raise it for this role (ALTER ROLE … SET statement_timeout)",
        ),
        ("57014", _) => unclear(ErrorCode::TIMEOUT, true, "the server cancelled the statement"),
        ("55P03", _) => refused(ErrorCode::TIMEOUT, true, "a lock did not become free in time"),
        // 40003 leaves open whether the statement was carried out.
        ("40003", _) => unclear(ErrorCode::UNAVAILABLE, true, "the outcome is not known"),
        (_, "40") => refused(ErrorCode::UNAVAILABLE, true, "other transactions were in the way"),
        ("57P03", _) => refused(ErrorCode::UNAVAILABLE, true, "the server is starting or stopping"),
        (_, "57") => unclear(ErrorCode::UNAVAILABLE, true, "the server ended the session"),
        (_, "08") => unclear(ErrorCode::UNAVAILABLE, true, "the connection failed"),
        // Both may come after the transaction was committed.
        (_, "58" | "XX") => unclear(ErrorCode::OTHER, false, "the server failed"),
        (_, "22") => refused(ErrorCode::INVALID_ARGUMENT, false, "the server does not take the value"),
        _ => refused(ErrorCode::OTHER, false, "the server refused the statement"),
    }
}

/// Of a statement that was sent: only an error proper undoes it. What ends a session (FATAL, PANIC) may come after the
/// commit, or from a pooler that does not know what the server did.
fn after(severity: Option<Severity>, verdict: Verdict) -> Verdict {
    Verdict { not_applied: verdict.not_applied && severity == Some(Severity::Error), ..verdict }
}

/// The client library has no other mark of these than the text of the cause.
const NO_PASSWORD: &str = "password missing";
const NO_TLS: &str = "server does not support TLS";

fn text_of_cause(error: &tokio_postgres::Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// Finds a cause of this type. An I/O error hides its own cause in another place than the chain.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let hidden = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = hidden.and_then(|error| error.downcast_ref()) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(state: &str) -> (&'static str, bool, bool) {
        let verdict = of_state(state, "text of the server");
        assert!(verdict.finding.contains(state) && verdict.finding.contains("text of the server"));
        (verdict.code.name(), verdict.retryable, verdict.not_applied)
    }

    #[test]
    fn states_have_distinct_codes() {
        assert_eq!(state("28P01"), ("permission_denied", false, true));
        assert_eq!(state("28000"), ("permission_denied", false, true));
        assert_eq!(state("42501"), ("permission_denied", false, true));
        assert_eq!(state("3D000"), ("container_missing", false, true));
        assert_eq!(state("3F000"), ("container_missing", false, true));
        assert_eq!(state("53300"), ("throttled", true, true));
        assert_eq!(state("53100"), ("no_space", false, true));
        assert_eq!(state("40001"), ("unavailable", true, true));
        assert_eq!(state("40P01"), ("unavailable", true, true));
        assert_eq!(state("57P03"), ("unavailable", true, true));
        assert_eq!(state("54000"), ("limit_exceeded", false, true));
        assert_eq!(state("42601"), ("other", false, true));
    }

    #[test]
    fn what_may_come_after_a_commit_leaves_the_outcome_open() {
        assert_eq!(state("57014"), ("timeout", true, false));
        let limit = of_state("57014", "canceling statement due to statement timeout");
        assert!(limit.finding.contains("ALTER ROLE") && !limit.not_applied && limit.retryable, "{limit:?}");
        assert_eq!(state("57P01"), ("unavailable", true, false));
        assert_eq!(state("57P02"), ("unavailable", true, false));
        assert_eq!(state("40003"), ("unavailable", true, false));
        assert_eq!(state("08006"), ("unavailable", true, false));
        assert_eq!(state("58030"), ("other", false, false));
        assert_eq!(state("XX000"), ("other", false, false));
    }

    #[test]
    fn what_ends_the_session_proves_nothing() {
        for state in ["42601", "P0001", "55P03"] {
            let certain = |severity| after(severity, of_state(state, "text")).not_applied;
            assert!(certain(Some(Severity::Error)), "{state}");
            for severity in [Some(Severity::Fatal), Some(Severity::Panic), None] {
                assert!(!certain(severity), "{state} {severity:?}");
            }
        }
    }
}
