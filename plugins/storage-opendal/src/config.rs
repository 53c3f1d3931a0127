//! What the options of all adapters have in common.

use std::net::IpAddr;
use std::time::Duration;

use http::Uri;
use persist_plugin_api::Result;
use persist_plugin_network::{Retry, RetryOptions, check_milliseconds, wrong};

use crate::keys::Root;
use crate::wire::Client;

/// The user agent that services see.
const AGENT: &str = concat!("persist/", env!("CARGO_PKG_VERSION"));

/// Options that every adapter has under the same names.
pub(crate) struct Common {
    pub(crate) prefix: String,
    pub(crate) endpoint: String,
    pub(crate) allow_plaintext: bool,
    pub(crate) connect_timeout_ms: u64,
    pub(crate) request_timeout_ms: u64,
    pub(crate) retry: RetryOptions,
}

/// What comes of them.
pub(crate) struct Connection {
    pub(crate) root: Root,
    /// Without a slash at its end.
    pub(crate) endpoint: String,
    pub(crate) retry: Retry,
    pub(crate) client: Client,
}

impl Common {
    /// Checks the options and prepares a client.
    pub(crate) fn connect(self) -> Result<Connection> {
        let root = Root::new(&self.prefix)?;
        let authority = check_endpoint(&self.endpoint, self.allow_plaintext)?;
        let connect = check_milliseconds("connect_timeout_ms", self.connect_timeout_ms)?;
        let limit = check_milliseconds("request_timeout_ms", self.request_timeout_ms)?;
        let retry = self.retry.check()?;
        let http = http_client(connect)?;
        let endpoint = self.endpoint.trim_end_matches('/').to_owned();
        Ok(Connection { root, endpoint, retry, client: Client::new(http, authority, limit) })
    }
}

pub(crate) fn default_connect_timeout() -> u64 {
    5_000
}

pub(crate) fn default_request_timeout() -> u64 {
    60_000
}

/// Checks a name that goes into addresses.
pub(crate) fn check_name(option: &str, name: &str) -> Result<()> {
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_.$".contains(c);
    if name.is_empty() || !name.chars().all(sound) || name.contains("..") {
        let allowed = "letters, digits, hyphens, underscores and dots";
        return Err(wrong(format!(
            "{option} = {name:?} is not a name that the service has; it takes {allowed}"
        )));
    }
    Ok(())
}

/// Checks the URL of a service and returns its host and port.
fn check_endpoint(endpoint: &str, allow_plaintext: bool) -> Result<String> {
    // Parts of a URL that may hold a password are not repeated in messages.
    let uri: Uri = endpoint.parse().map_err(|error| wrong("endpoint is not a URL").with_source(error))?;
    let Some(authority) = uri.authority() else {
        return Err(wrong("endpoint must begin with https:// or http:// and a host"));
    };
    if authority.as_str().contains('@') {
        return Err(wrong("endpoint must not hold a user name or a password; credentials have options"));
    }
    if uri.query().is_some() || endpoint.contains('#') {
        return Err(wrong("endpoint must not hold a query or a fragment; a SAS token has an option"));
    }
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if allow_plaintext || is_loopback(authority.host()) => {}
        Some("http") => {
            return Err(wrong(format!(
                "endpoint = {endpoint:?} is not encrypted; use https, or say allow_plaintext = true"
            )));
        }
        _ => return Err(wrong("endpoint must begin with https:// or http://")),
    }
    Ok(authority.as_str().to_owned())
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn http_client(connect: Duration) -> Result<reqwest::Client> {
    // The services do not redirect. What does is a proxy that asks for a login, and its page is no answer to a write.
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    builder.user_agent(AGENT).connect_timeout(connect).build().map_err(|error| {
        wrong("the HTTP client cannot be made; are the system's certificates sound?").with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_needs_no_encryption() {
        for endpoint in ["https://host", "http://127.0.0.1:1/x", "http://[::1]:80", "http://localhost"] {
            check_endpoint(endpoint, false).unwrap();
        }
        for endpoint in ["http://host", "http://10.0.0.1:80", "http://localhost.example"] {
            let error = check_endpoint(endpoint, false).unwrap_err();
            assert!(error.message().contains("allow_plaintext"), "{error}");
            check_endpoint(endpoint, true).unwrap();
        }
    }

    #[test]
    fn an_endpoint_with_a_secret_is_refused_and_not_repeated() {
        for endpoint in ["https://user:hunter2@host", "https://host/?sig=hunter2", "https://host/#hunter2"] {
            let error = check_endpoint(endpoint, true).unwrap_err();
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
