//! Google Cloud Storage: its options.

mod credentials;
mod requests;

use std::path::{Path, PathBuf};

use opendal::Operator;
use opendal::services::Gcs;
use persist_plugin_api::Result;
use persist_plugin_network::{RetryOptions, wrong};
use reqsign_core::{ProvideCredentialChain, Signer};
use reqsign_google::{Credential, DefaultCredentialProvider, FileCredentialProvider, RequestSigner};
use serde::Deserialize;

use crate::adapter::Connect;
use crate::config::{Common, check_name, default_connect_timeout, default_request_timeout};
use crate::core::Core;
use crate::error::Place;
use crate::upload::Uploads;

pub(crate) use requests::GcsRequests;

/// What tokens are asked for: to read and write objects.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

/// Where credentials come from when no option names a file, for messages.
const CREDENTIALS: &str = "the option credentials_file, GOOGLE_APPLICATION_CREDENTIALS (a service account's key, or the \
                           configuration of a workload identity), what gcloud keeps for the user, and the metadata \
                           server of the machine";

/// The options of the adapter `gcs`. The page docs/backends/gcs.md describes them.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GcsConfig {
    /// The bucket. It must exist.
    bucket: String,
    /// Objects are stored below this prefix and a slash.
    #[serde(default)]
    prefix: String,
    /// The https URL of the service; that of an emulator in the environment, else Google's.
    endpoint: Option<String>,
    /// Allow an http endpoint on another machine.
    #[serde(default)]
    allow_plaintext: bool,
    /// A file with the key of a service account, or with the configuration of a workload identity.
    credentials_file: Option<PathBuf>,
    /// Send requests without credentials, to a bucket that anybody may read or to an emulator.
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

/// Google's own.
const ENDPOINT: &str = "https://storage.googleapis.com";

/// Names an emulator, which takes requests without credentials, as in Google's own libraries.
const EMULATOR_VARIABLE: &str = "STORAGE_EMULATOR_HOST";

impl Connect for GcsConfig {
    fn connect(mut self) -> Result<Core> {
        self.find_emulator();
        check_name("bucket", &self.bucket)?;
        if self.allow_anonymous && self.credentials_file.is_some() {
            return Err(wrong("credentials_file and allow_anonymous are both set; set one of them"));
        }
        let common = Common {
            prefix: self.prefix,
            endpoint: self.endpoint.unwrap_or_else(|| ENDPOINT.to_owned()),
            allow_plaintext: self.allow_plaintext,
            connect_timeout_ms: self.connect_timeout_ms,
            request_timeout_ms: self.request_timeout_ms,
            retry: self.retry,
        };
        let connection = common.connect()?;
        let mut service = Gcs::default().bucket(&self.bucket).endpoint(&connection.endpoint).scope(SCOPE);
        let file = self.credentials_file.map(|path| path.to_string_lossy().into_owned());
        if let Some(file) = &file {
            credentials::check_file(Path::new(file))?;
            // Nothing else may stand in for it, should it become useless later.
            service = service.credential_path(file).disable_config_load().disable_vm_metadata();
        }
        if self.allow_anonymous {
            service = service.skip_signature();
        }
        let signer = (!self.allow_anonymous).then(|| signer(file.as_deref()));
        let operator = Operator::new(service)
            .map_err(|error| wrong("the options do not describe a bucket").with_source(error))?;
        let requests = GcsRequests::new(&connection.endpoint, &self.bucket, signer);
        let place = Place {
            kind: "bucket",
            creation: format!("gcloud storage buckets create gs://{}", self.bucket),
            container: self.bucket,
            service: "Google Cloud Storage",
            endpoint: connection.endpoint,
            credentials: file.map_or_else(
                || CREDENTIALS.to_owned(),
                |file| format!("the file {file} alone, since credentials_file names it"),
            ),
            secrets: Vec::new(),
        };
        let uploads = Uploads::Gcs(requests);
        Ok(Core::new(operator, connection.client, place, connection.root, connection.retry, uploads))
    }
}

impl GcsConfig {
    fn find_emulator(&mut self) {
        if self.endpoint.is_some() || self.credentials_file.is_some() {
            return;
        }
        if let Some(host) = std::env::var(EMULATOR_VARIABLE).ok().filter(|host| !host.is_empty()) {
            self.endpoint = Some(if host.contains("://") { host } else { format!("http://{host}") });
            self.allow_anonymous = true;
        }
    }
}

/// Signs with the same credentials as OpenDAL does.
fn signer(file: Option<&str>) -> Signer<Credential> {
    let chain = ProvideCredentialChain::new();
    let chain = match file {
        Some(file) => chain.push(FileCredentialProvider::new(file).with_scope(SCOPE)),
        None => chain.push(DefaultCredentialProvider::builder().build()),
    };
    Signer::new(requests::context(), chain, RequestSigner::new("storage").with_scope(SCOPE))
}

#[cfg(test)]
mod tests;
