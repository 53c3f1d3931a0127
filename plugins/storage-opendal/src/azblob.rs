//! Azure Blob Storage: its options.

use std::path::PathBuf;

use opendal::Operator;
use opendal::services::Azblob;
use persist_plugin_api::{Error, ErrorCode, Result};
use persist_plugin_network::{RetryOptions, Secret, wrong};
use serde::Deserialize;

use crate::adapter::Connect;
use crate::config::{Common, check_name, default_connect_timeout, default_request_timeout};
use crate::core::Core;
use crate::error::Place;
use crate::upload::Uploads;

/// Where credentials come from, for messages.
const CREDENTIALS: &str = "the options account_key, account_key_file, sas_token and sas_token_file, the environment \
                           (AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN), a service principal or a workload identity in \
                           the environment (AZURE_CLIENT_ID and what belongs to it), and the managed identity of the \
                           machine";

/// The options of the adapter `azblob`. The page docs/backends/azblob.md describes them.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AzblobConfig {
    /// The container. It must exist.
    container: String,
    /// The storage account; that of the environment by default.
    account: Option<String>,
    /// Objects are stored below this prefix and a slash.
    #[serde(default)]
    prefix: String,
    /// The https URL of the account's blob service; that of Azure's public cloud by default.
    endpoint: Option<String>,
    /// Allow an http endpoint on another machine.
    #[serde(default)]
    allow_plaintext: bool,
    /// A key of the account.
    account_key: Option<Secret>,
    /// A file whose first line is a key of the account.
    account_key_file: Option<PathBuf>,
    /// A shared access signature for the container.
    sas_token: Option<Secret>,
    /// A file whose first line is a shared access signature.
    sas_token_file: Option<PathBuf>,
    /// Send requests without credentials, to a container that anybody may read.
    #[serde(default)]
    allow_anonymous: bool,
    /// How long a connection may take to come about, in milliseconds.
    #[serde(default = "default_connect_timeout")]
    connect_timeout_ms: u64,
    /// How long an answer, and each further piece of it, may take, in milliseconds; a second more for each megabyte sent.
    #[serde(default = "default_request_timeout")]
    request_timeout_ms: u64,
    /// How often, and after what waits, a call is tried again.
    #[serde(default)]
    retry: RetryOptions,
}

/// A way of proving who asks.
enum Credentials {
    Key(Secret),
    Sas(Secret),
    /// What the library finds in the environment and around the machine.
    Found,
    Nobody,
}

impl Connect for AzblobConfig {
    fn connect(self) -> Result<Core> {
        check_name("container", &self.container)?;
        let credentials = self.credentials()?;
        let account = self.account.or_else(|| variable("AZURE_STORAGE_ACCOUNT"));
        account.as_deref().map_or(Ok(()), |account| check_name("account", account))?;
        let endpoint = match (self.endpoint, &account) {
            (Some(endpoint), _) => endpoint,
            (None, Some(account)) => format!("https://{account}.blob.core.windows.net"),
            (None, None) => {
                return Err(wrong("account is missing; set it, or AZURE_STORAGE_ACCOUNT, or endpoint"));
            }
        };
        let common = Common {
            prefix: self.prefix,
            endpoint,
            allow_plaintext: self.allow_plaintext,
            connect_timeout_ms: self.connect_timeout_ms,
            request_timeout_ms: self.request_timeout_ms,
            retry: self.retry,
        };
        let connection = common.connect()?;

        let mut service = Azblob::default().container(&self.container).endpoint(&connection.endpoint);
        if let Some(account) = &account {
            service = service.account_name(account);
        }
        let mut secrets = Vec::new();
        match credentials {
            Credentials::Key(key) => {
                if account.is_none() {
                    return Err(wrong("account_key needs the option account, or AZURE_STORAGE_ACCOUNT"));
                }
                service = service.account_key(key.expose());
                secrets.push(key);
            }
            Credentials::Sas(token) => {
                let token = Secret::new(token.expose().trim_start_matches('?'));
                service = service.sas_token(token.expose());
                secrets.push(token);
            }
            Credentials::Found => {}
            Credentials::Nobody => service = service.skip_signature(),
        }
        // The library's error may repeat the key.
        let operator = Operator::new(service).map_err(|_| {
            let found =
                "account_key is not a key of an account, which is base64; nothing else can be wrong here";
            Error::new(ErrorCode::CONFIG, found)
        })?;
        let account = account.unwrap_or_else(|| "ACCOUNT".to_owned());
        let place = Place {
            kind: "container",
            creation: format!(
                "az storage container create --name {} --account-name {account}",
                self.container
            ),
            container: self.container,
            service: "Azure Blob Storage",
            endpoint: connection.endpoint,
            credentials: CREDENTIALS.to_owned(),
            secrets,
        };
        Ok(Core::new(operator, connection.client, place, connection.root, connection.retry, Uploads::Opendal))
    }
}

impl AzblobConfig {
    fn credentials(&self) -> Result<Credentials> {
        let given = [
            ("account_key", self.account_key.is_some()),
            ("account_key_file", self.account_key_file.is_some()),
            ("sas_token", self.sas_token.is_some()),
            ("sas_token_file", self.sas_token_file.is_some()),
            ("allow_anonymous", self.allow_anonymous),
        ];
        let given: Vec<_> = given.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        if let [first, second, ..] = given[..] {
            return Err(wrong(format!("{first} and {second} are both set; set one of them")));
        }
        if self.allow_anonymous {
            return Ok(Credentials::Nobody);
        }
        if let Some(key) = &self.account_key {
            return Ok(Credentials::Key(key.clone()));
        }
        if let Some(path) = &self.account_key_file {
            return Secret::from_file("account_key_file", path).map(Credentials::Key);
        }
        if let Some(token) = &self.sas_token {
            return Ok(Credentials::Sas(token.clone()));
        }
        if let Some(path) = &self.sas_token_file {
            return Secret::from_file("sas_token_file", path).map(Credentials::Sas);
        }
        if let Some(key) = Secret::from_environment("AZURE_STORAGE_KEY") {
            return Ok(Credentials::Key(key));
        }
        Ok(Secret::from_environment("AZURE_STORAGE_SAS_TOKEN").map_or(Credentials::Found, Credentials::Sas))
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
