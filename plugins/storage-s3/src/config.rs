//! The options as the user writes them, and the settings that come of them.

use std::time::Duration;

use aws_sdk_s3::types::{ChecksumAlgorithm, ServerSideEncryption};
use http::Uri;
use persist_plugin_api::{Error, ErrorCode, Result};
use serde::Deserialize;

use crate::keys::{MAX_PREFIX_BYTES, Root};

const MEGABYTE: u64 = 1 << 20;
/// The service's bounds on a part, in megabytes; the upper one is also that of an upload in one piece.
const PART_MEGABYTES: std::ops::RangeInclusive<u64> = 5..=5120;

/// The adapter's options. The crate's page describes them.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    /// The bucket, or an access point's ARN. It must exist.
    bucket: String,
    /// Objects are stored below this prefix and a slash.
    #[serde(default)]
    prefix: String,
    /// The bucket's region.
    region: Option<String>,
    /// The http or https URL of a service other than Amazon S3.
    endpoint: Option<String>,
    /// Name the bucket in the path instead of in the host name; on by default with an endpoint.
    path_style: Option<bool>,
    /// How often a request is tried, the first time included.
    #[serde(default = "default_max_attempts")]
    max_attempts: u32,
    /// The longest wait before the second attempt, in milliseconds; it doubles with each further one.
    #[serde(default = "default_initial_backoff")]
    initial_backoff_ms: u64,
    /// The longest wait before any attempt, in milliseconds.
    #[serde(default = "default_max_backoff")]
    max_backoff_ms: u64,
    /// How long a connection may take to come about, in milliseconds.
    #[serde(default = "default_connect_timeout")]
    connect_timeout_ms: u64,
    /// How long one attempt may take until the answer begins, in milliseconds.
    #[serde(default = "default_attempt_timeout")]
    attempt_timeout_ms: u64,
    /// How long a request may take with all its attempts, in milliseconds; without a bound by default.
    operation_timeout_ms: Option<u64>,
    /// Larger objects are uploaded in parts; in units of 1,048,576 bytes.
    #[serde(default = "default_multipart_threshold")]
    multipart_threshold_mb: u64,
    /// The size of a part, in units of 1,048,576 bytes.
    #[serde(default = "default_multipart_part")]
    multipart_part_mb: u64,
    /// Create large objects in parts, too; on by default on Amazon S3, off with an endpoint.
    multipart_create: Option<bool>,
    /// How many parts of an object are sent at once.
    #[serde(default = "default_concurrency")]
    concurrency: usize,
    /// The checksum that uploads carry; crc32c by default on Amazon S3, none with an endpoint.
    checksum: Option<Checksum>,
    /// How the service encrypts objects; as the bucket says by default.
    server_side_encryption: Option<Encryption>,
    /// The key for aws:kms.
    kms_key_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
enum Checksum {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
    None,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
enum Encryption {
    #[serde(rename = "AES256")]
    Aes256,
    #[serde(rename = "aws:kms")]
    AwsKms,
}

fn default_max_attempts() -> u32 {
    5
}

fn default_initial_backoff() -> u64 {
    100
}

fn default_max_backoff() -> u64 {
    5_000
}

fn default_connect_timeout() -> u64 {
    5_000
}

fn default_attempt_timeout() -> u64 {
    60_000
}

fn default_multipart_threshold() -> u64 {
    16
}

fn default_multipart_part() -> u64 {
    8
}

fn default_concurrency() -> usize {
    4
}

impl S3Config {
    /// Uses an endpoint that the environment names, unless there is an option.
    pub(crate) fn or_endpoint(mut self, endpoint: Option<String>) -> Self {
        self.endpoint = self.endpoint.or(endpoint);
        self
    }
}

/// Options that were found sound, in the units that the code works with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) bucket: String,
    pub(crate) root: Root,
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) path_style: bool,
    pub(crate) max_attempts: u32,
    pub(crate) initial_backoff: Duration,
    pub(crate) max_backoff: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) operation_timeout: Option<Duration>,
    /// Objects of more bytes than this are uploaded in parts.
    pub(crate) multipart_threshold: u64,
    pub(crate) part_size: u64,
    /// Whether that holds for objects that must not exist yet.
    pub(crate) multipart_create: bool,
    pub(crate) concurrency: usize,
    pub(crate) checksum: Option<ChecksumAlgorithm>,
    pub(crate) encryption: Option<ServerSideEncryption>,
    pub(crate) kms_key_id: Option<String>,
}

impl TryFrom<S3Config> for Settings {
    type Error = Error;

    fn try_from(config: S3Config) -> Result<Self> {
        check_name("bucket", &config.bucket)?;
        let root = Root::new(&config.prefix).map_err(|error| {
            let message = format!("prefix = {:?} cannot begin a key of at most 1024 bytes", config.prefix);
            wrong(format!("{message}; it may have {MAX_PREFIX_BYTES} bytes")).with_source(error)
        })?;
        for (option, name) in [("region", &config.region), ("kms_key_id", &config.kms_key_id)] {
            name.as_deref().map_or(Ok(()), |name| check_name(option, name))?;
        }
        config.endpoint.as_deref().map_or(Ok(()), check_endpoint)?;
        check_number("max_attempts", u64::from(config.max_attempts), 1..=100)?;
        check_number("initial_backoff_ms", config.initial_backoff_ms, 0..=config.max_backoff_ms)?;
        check_number("max_backoff_ms", config.max_backoff_ms, 0..=DAY_MS)?;
        check_number("connect_timeout_ms", config.connect_timeout_ms, 1..=DAY_MS)?;
        check_number("attempt_timeout_ms", config.attempt_timeout_ms, 1..=DAY_MS)?;
        check_number("operation_timeout_ms", config.operation_timeout_ms.unwrap_or(1), 1..=DAY_MS)?;
        check_number("multipart_threshold_mb", config.multipart_threshold_mb, PART_MEGABYTES)?;
        check_number("multipart_part_mb", config.multipart_part_mb, PART_MEGABYTES)?;
        check_number("concurrency", config.concurrency as u64, 1..=64)?;
        if config.kms_key_id.is_some() && config.server_side_encryption != Some(Encryption::AwsKms) {
            return Err(wrong("kms_key_id needs server_side_encryption = \"aws:kms\""));
        }
        let default_checksum = if config.endpoint.is_some() { Checksum::None } else { Checksum::Crc32c };
        Ok(Self {
            bucket: config.bucket,
            root,
            region: config.region,
            path_style: config.path_style.unwrap_or(config.endpoint.is_some()),
            multipart_create: config.multipart_create.unwrap_or(config.endpoint.is_none()),
            endpoint: config.endpoint,
            max_attempts: config.max_attempts,
            initial_backoff: Duration::from_millis(config.initial_backoff_ms),
            max_backoff: Duration::from_millis(config.max_backoff_ms),
            connect_timeout: Duration::from_millis(config.connect_timeout_ms),
            attempt_timeout: Duration::from_millis(config.attempt_timeout_ms),
            operation_timeout: config.operation_timeout_ms.map(Duration::from_millis),
            multipart_threshold: config.multipart_threshold_mb * MEGABYTE,
            part_size: config.multipart_part_mb * MEGABYTE,
            concurrency: config.concurrency,
            checksum: config.checksum.unwrap_or(default_checksum).algorithm(),
            encryption: config.server_side_encryption.map(Encryption::algorithm),
            kms_key_id: config.kms_key_id,
        })
    }
}

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

impl Checksum {
    fn algorithm(self) -> Option<ChecksumAlgorithm> {
        match self {
            Self::Crc32 => Some(ChecksumAlgorithm::Crc32),
            Self::Crc32c => Some(ChecksumAlgorithm::Crc32C),
            Self::Crc64nvme => Some(ChecksumAlgorithm::Crc64Nvme),
            Self::Sha1 => Some(ChecksumAlgorithm::Sha1),
            Self::Sha256 => Some(ChecksumAlgorithm::Sha256),
            Self::None => None,
        }
    }
}

impl Encryption {
    fn algorithm(self) -> ServerSideEncryption {
        match self {
            Self::Aes256 => ServerSideEncryption::Aes256,
            Self::AwsKms => ServerSideEncryption::AwsKms,
        }
    }
}

fn check_name(option: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(wrong(format!("{option} = {name:?} is empty or holds white space")));
    }
    Ok(())
}

fn check_number(option: &str, number: u64, allowed: std::ops::RangeInclusive<u64>) -> Result<()> {
    if allowed.contains(&number) {
        return Ok(());
    }
    let (least, most) = allowed.into_inner();
    Err(wrong(format!("{option} = {number} is out of range; {least} to {most} are allowed")))
}

fn check_endpoint(endpoint: &str) -> Result<()> {
    // Parts of a URL that may hold a password are not repeated in messages.
    let uri: Uri = endpoint.parse().map_err(|error| wrong("endpoint is not a URL").with_source(error))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("endpoint must begin with http:// or https://"));
    }
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err(wrong("endpoint must not hold a user name or a password; credentials have no option"));
    }
    if uri.query().is_some() || endpoint.contains('#') {
        return Err(wrong("endpoint must not hold a query or a fragment"));
    }
    Ok(())
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::CONFIG, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn settings(options: Value) -> Result<Settings> {
        serde_json::from_value::<S3Config>(options).expect("options of the right types").try_into()
    }

    #[test]
    fn a_bucket_alone_is_enough() {
        let settings = settings(json!({"bucket": "b"})).unwrap();
        assert_eq!(settings.max_attempts, 5);
        assert!(!settings.path_style && settings.multipart_create);
        assert_eq!(settings.checksum, Some(ChecksumAlgorithm::Crc32C));
        assert_eq!(settings.multipart_threshold, 16 << 20);
    }

    #[test]
    fn an_endpoint_changes_the_defaults_and_only_those() {
        let endpoint = "http://127.0.0.1:8333";
        let plain = settings(json!({"bucket": "b", "endpoint": endpoint})).unwrap();
        assert!(plain.path_style && !plain.multipart_create);
        assert_eq!(plain.checksum, None);
        let explicit = json!({"bucket": "b", "endpoint": endpoint, "path_style": false, "checksum": "sha256", "multipart_create": true});
        let explicit = settings(explicit).unwrap();
        assert!(!explicit.path_style && explicit.multipart_create);
        assert_eq!(explicit.checksum, Some(ChecksumAlgorithm::Sha256));
    }

    #[test]
    fn a_misspelt_option_is_an_error() {
        let error = serde_json::from_value::<S3Config>(json!({"bucket": "b", "regoin": "r"})).unwrap_err();
        assert!(error.to_string().contains("regoin"), "{error}");
        serde_json::from_value::<S3Config>(json!({"bucket": "b", "secret_key": "s"})).unwrap_err();
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        for (option, value) in [
            ("bucket", json!("")),
            ("bucket", json!("a b")),
            ("prefix", json!("a/../b")),
            ("prefix", json!("x".repeat(121))),
            ("region", json!("")),
            ("endpoint", json!("ftp://host")),
            ("endpoint", json!("localhost:80")),
            ("endpoint", json!("http://host/?q")),
            ("max_attempts", json!(0)),
            ("initial_backoff_ms", json!(5001)),
            ("connect_timeout_ms", json!(0)),
            ("attempt_timeout_ms", json!(0)),
            ("operation_timeout_ms", json!(0)),
            ("multipart_threshold_mb", json!(4)),
            ("multipart_part_mb", json!(5121)),
            ("concurrency", json!(0)),
            ("kms_key_id", json!("key")),
        ] {
            let mut options = json!({"bucket": "b"});
            options[option] = value.clone();
            let error = settings(options).expect_err(&format!("{option} = {value}"));
            assert_eq!(error.code(), ErrorCode::CONFIG);
            assert!(error.message().contains(option), "{error}");
        }
    }

    #[test]
    fn a_password_in_the_endpoint_is_refused_and_not_repeated() {
        let options = json!({"bucket": "b", "endpoint": "https://user:hunter2@host"});
        let error = settings(options).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn the_schema_is_that_of_the_options() {
        let written: Value = serde_json::from_str(include_str!("schema.json")).unwrap();
        let actual = schemars::schema_for!(S3Config).to_value();
        assert_eq!(written, actual, "schema.json should be:\n{actual:#}");
    }
}
