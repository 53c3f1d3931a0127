//! From what became of a request to the host's errors: what happened, to which object, and what to do about it.

use std::error::Error as StdError;
use std::fmt;

use persist_plugin_api::{Error, ErrorCode};
use persist_plugin_network::{Secret, write_attempt};

use crate::wire::Facts;

/// The container and where it is, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// What the service calls a container.
    pub(crate) kind: &'static str,
    pub(crate) container: String,
    pub(crate) service: &'static str,
    pub(crate) endpoint: String,
    /// The command that makes the container.
    pub(crate) creation: String,
    /// Where credentials are looked for.
    pub(crate) credentials: String,
    /// What no message may hold.
    pub(crate) secrets: Vec<Secret>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} of {} at {}", self.kind, self.container, self.service, self.endpoint)
    }
}

/// One thing that the adapter attempts.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// A verb, such as `write`.
    pub(crate) verb: &'static str,
    /// The name in the container, unless the attempt is about the container.
    pub(crate) name: Option<&'a str>,
    pub(crate) place: &'a Place,
}

impl Call<'_> {
    /// The host's error for requests that failed.
    pub(crate) fn failed(&self, error: &opendal::Error, facts: &Facts) -> Error {
        let verdict = Verdict::of(facts, error.is_temporary(), self.place);
        let host_error = self.error(verdict.code, verdict.retryable, &verdict.finding, facts);
        // What a service answers holds signatures, and the finding has its essence. Other failures are told by their causes.
        match facts.status {
            Some(_) if !facts.timed_out => host_error,
            _ => host_error.with_source(Cause::of(error, &self.place.secrets)),
        }
    }

    /// An error that this adapter found itself.
    pub(crate) fn error(&self, code: ErrorCode, retryable: bool, finding: &str, facts: &Facts) -> Error {
        Error::new(code, format!("{self}: {finding}"))
            .retryable(retryable)
            .not_applied(!facts.may_have_applied)
    }
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_attempt(f, self.verb, self.name, self.place)
    }
}

struct Verdict {
    code: ErrorCode,
    retryable: bool,
    finding: String,
}

impl Verdict {
    fn new(code: ErrorCode, retryable: bool, finding: impl Into<String>) -> Self {
        Self { code, retryable, finding: finding.into() }
    }

    fn of(facts: &Facts, temporary: bool, place: &Place) -> Self {
        if facts.timed_out {
            return Self::new(ErrorCode::TIMEOUT, true, "no answer came in time");
        }
        if facts.unreachable {
            let finding = "no connection came about; is the service running, and is the endpoint right?";
            return Self::new(ErrorCode::UNAVAILABLE, true, finding);
        }
        match facts.status {
            Some(status) if status >= 300 => Self::of_answer(status, facts, place),
            // The answer began well and broke off.
            Some(_) => Self::new(
                ErrorCode::UNAVAILABLE,
                true,
                "the answer is not one that the service gives, or broke off; does a proxy answer in its place?",
            ),
            None if facts.may_have_applied => Self::new(ErrorCode::UNAVAILABLE, true, "the connection broke"),
            None => Self::new(
                ErrorCode::PERMISSION_DENIED,
                temporary,
                format!("no credentials could be had; they come from {}", place.credentials),
            ),
        }
    }

    /// The verdict on an answer, by the service's own name for the error if it gave one, else by the HTTP status.
    fn of_answer(status: u16, facts: &Facts, place: &Place) -> Self {
        let name = facts.name.as_deref().unwrap_or_default();
        let mut answer = if name.is_empty() { String::new() } else { format!("{name}, ") };
        answer.push_str(&format!("HTTP status {status}"));
        if let Some(id) = &facts.request_id {
            answer.push_str(&format!(", request {id}"));
        }
        let verdict = |code, retryable, text: &str| Self::new(code, retryable, format!("{text} ({answer})"));
        match (name, status) {
            ("ContainerNotFound", _) => Self::container_missing(place, &answer),
            ("ContainerBeingDeleted" | "AccountBeingCreated", _) => {
                verdict(ErrorCode::UNAVAILABLE, true, "the container or the account is being made or deleted")
            }
            ("InvalidResourceName", _) => {
                let finding = "the service does not allow this name for a container; or does the endpoint of an emulator \
                               lack the account at its end, as in http://127.0.0.1:10000/devstoreaccount1?";
                verdict(ErrorCode::CONFIG, false, finding)
            }
            ("AuthenticationFailed", _) | (_, 401) => verdict(
                ErrorCode::PERMISSION_DENIED,
                false,
                "the credentials are wrong or have expired, or this machine's clock is wrong",
            ),
            (
                "BlobImmutableDueToPolicy"
                | "BlobImmutableDueToLegalHold"
                | "ContainerHasLegalHold"
                | "ContainerImmutabilityPolicyLocked"
                | "LeaseIdMissing",
                _,
            ) => verdict(ErrorCode::PERMISSION_DENIED, false, "a policy, a hold or a lease forbids it"),
            ("Md5Mismatch" | "Crc64Mismatch", _) => {
                verdict(ErrorCode::CORRUPT, true, "the data was damaged on its way")
            }
            ("OperationTimedOut", _) | (_, 408) => {
                verdict(ErrorCode::TIMEOUT, true, "the request took too long")
            }
            ("ServerBusy", _) | (_, 429) => {
                verdict(ErrorCode::THROTTLED, true, "the service asks for fewer requests")
            }
            ("AuthorizationFailure", 403) => verdict(
                ErrorCode::PERMISSION_DENIED,
                false,
                "access was denied; check that the key or token is this account's, that the account's firewall lets \
                 this machine in, and that the endpoint of an emulator ends with the account, as in \
                 http://127.0.0.1:10000/devstoreaccount1",
            ),
            (_, 403) => verdict(
                ErrorCode::PERMISSION_DENIED,
                false,
                "access was denied; check the credentials and the roles that they have",
            ),
            (_, 300..=399) => verdict(
                ErrorCode::CONFIG,
                false,
                "the answer leads elsewhere, which the service does not do; is the endpoint right, or does a proxy ask \
                 for a login?",
            ),
            // An emulator takes the container for an account, which it does not have.
            ("ResourceNotFound", 404) => verdict(
                ErrorCode::NOT_FOUND,
                false,
                "there is no such object; or does the endpoint of an emulator lack the account at its end?",
            ),
            (_, 404) => verdict(ErrorCode::NOT_FOUND, false, "there is no such object"),
            (_, 409) => verdict(ErrorCode::UNAVAILABLE, true, "something else is being done to the object"),
            (_, 413) => verdict(ErrorCode::LIMIT_EXCEEDED, false, "the object is too large for the service"),
            (_, 501) => verdict(ErrorCode::UNSUPPORTED, false, "the service does not offer this"),
            (_, 507) => verdict(ErrorCode::NO_SPACE, false, "the service has no room left"),
            (_, 500..) => verdict(ErrorCode::UNAVAILABLE, true, "the service failed"),
            _ => verdict(ErrorCode::OTHER, false, "the service refused the request"),
        }
    }

    fn container_missing(place: &Place, answer: &str) -> Self {
        let Place { kind, creation, .. } = place;
        let finding = format!("the {kind} does not exist; create it first, as with `{creation}` ({answer})");
        Self::new(ErrorCode::CONTAINER_MISSING, false, finding)
    }
}

/// The error for a container that is known to be missing.
pub(crate) fn container_missing(call: &Call<'_>, facts: &Facts) -> Error {
    let verdict = Verdict::container_missing(call.place, "HTTP status 404");
    call.error(verdict.code, verdict.retryable, &verdict.finding, facts)
}

/// The text of a library's error without its context, which holds whole requests, and without secrets.
#[derive(Debug)]
struct Cause {
    text: String,
    source: Option<Box<Cause>>,
}

impl Cause {
    fn of(error: &opendal::Error, secrets: &[Secret]) -> Self {
        let source = StdError::source(error).map(|source| Box::new(Self::of_any(source, secrets)));
        Self { text: clean(error.message(), secrets), source }
    }

    fn of_any(error: &(dyn StdError + 'static), secrets: &[Secret]) -> Self {
        match error.downcast_ref::<opendal::Error>() {
            Some(error) => Self::of(error, secrets),
            None => Self {
                text: clean(&error.to_string(), secrets),
                source: error.source().map(|source| Box::new(Self::of_any(source, secrets))),
            },
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Hides known secrets, and the signatures of signed addresses.
fn clean(text: &str, secrets: &[Secret]) -> String {
    let mut clean = text.to_owned();
    for secret in secrets.iter().map(Secret::expose).filter(|secret| !secret.is_empty()) {
        clean = clean.replace(secret, "***");
    }
    let mut shown = String::with_capacity(clean.len());
    let mut rest = clean.as_str();
    while let Some(at) = rest.find("sig=") {
        let (before, signature) = rest.split_at(at + "sig=".len());
        shown.push_str(before);
        shown.push_str("***");
        let end = signature.find(|c: char| c == '&' || c == '"' || c.is_whitespace());
        rest = &signature[end.unwrap_or(signature.len())..];
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests;
