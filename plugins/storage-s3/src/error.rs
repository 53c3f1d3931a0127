//! From the SDK's errors to the host's: what happened, to which object, and what to do about it.

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use persist_plugin_api::{Error, ErrorCode};

use crate::attempts::{Attempts, chain, never_connected};

/// The bucket and where it is, for messages.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) bucket: String,
    /// The endpoint's URL; without one it is Amazon S3.
    pub(crate) endpoint: Option<String>,
    pub(crate) region: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "bucket {:?} at {endpoint}", self.bucket),
            None => write!(f, "bucket {:?} of Amazon S3 in {}", self.bucket, self.region),
        }
    }
}

/// One thing that the adapter attempts.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    /// A verb, such as `write`.
    pub(crate) verb: &'static str,
    /// The key in the bucket, unless the attempt is about the bucket.
    pub(crate) key: Option<&'a str>,
    pub(crate) place: &'a Place,
    pub(crate) attempts: &'a Attempts,
}

impl Call<'_> {
    /// The host's error for a request that failed.
    pub(crate) fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let verdict = Verdict::of(&error);
        self.error(verdict.code, verdict.retryable, &verdict.finding).with_source(error)
    }

    /// An error that this adapter found itself.
    pub(crate) fn error(&self, code: ErrorCode, retryable: bool, finding: &str) -> Error {
        Error::new(code, format!("{self}: {finding}"))
            .retryable(retryable)
            .not_applied(!self.attempts.may_have_applied())
    }
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.verb)?;
        if let Some(key) = self.key {
            write!(f, " {key:?} in")?;
        }
        write!(f, " {}", self.place)?;
        match self.attempts.made() {
            0 => Ok(()),
            1 => f.write_str(" (1 attempt)"),
            made => write!(f, " ({made} attempts)"),
        }
    }
}

/// The HTTP status of the answer, if there was one.
pub(crate) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
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

    fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        if let SdkError::ServiceError(service) = error {
            let response = service.raw();
            let region = response.headers().get("x-amz-bucket-region");
            return Self::of_answer(response.status().as_u16(), service.err().meta().code(), region);
        }
        if let Some(credentials) = chain(error).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
            return Self::of_credentials(credentials);
        }
        match error {
            SdkError::TimeoutError(_) => Self::timeout(),
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::timeout(),
            SdkError::DispatchFailure(_) if never_connected(error) => {
                Self::new(ErrorCode::UNAVAILABLE, true, "the connection was refused; is the service running?")
            }
            SdkError::DispatchFailure(_) => {
                Self::new(ErrorCode::UNAVAILABLE, true, "the service cannot be reached")
            }
            SdkError::ResponseError(_) => {
                Self::new(ErrorCode::UNAVAILABLE, true, "the answer is not one that S3 gives")
            }
            _ => Self::new(ErrorCode::OTHER, false, "the request could not be made"),
        }
    }

    /// The verdict on an answer, by the service's own code if it gave one, else by the HTTP status.
    fn of_answer(status: u16, name: Option<&str>, region: Option<&str>) -> Self {
        let name = name.unwrap_or_default();
        let answer = if name.is_empty() {
            format!("HTTP status {status}")
        } else {
            format!("{name}, HTTP status {status}")
        };
        let verdict = |code, retryable, text: &str| Self::new(code, retryable, format!("{text} ({answer})"));
        match (name, status) {
            ("NoSuchBucket", _) => {
                verdict(ErrorCode::CONTAINER_MISSING, false, "the bucket does not exist; create it first")
            }
            ("NoSuchUpload", _) => verdict(ErrorCode::OTHER, true, "the upload is no longer known"),
            ("InvalidAccessKeyId", _) => {
                verdict(ErrorCode::PERMISSION_DENIED, false, "the service does not know the access key")
            }
            ("SignatureDoesNotMatch", _) => verdict(
                ErrorCode::PERMISSION_DENIED,
                false,
                "the signature is wrong; check the secret key that belongs to the access key",
            ),
            ("ExpiredToken" | "InvalidToken" | "TokenRefreshRequired", _) => verdict(
                ErrorCode::PERMISSION_DENIED,
                false,
                "the session token is not valid any more; renew the credentials",
            ),
            ("RequestTimeTooSkewed", _) => {
                verdict(ErrorCode::PERMISSION_DENIED, false, "this machine's clock is wrong; set it")
            }
            ("AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect", _)
            | (_, 301 | 302 | 307 | 308) => {
                let place =
                    region.map_or_else(|| "another region".to_owned(), |region| format!("{region:?}"));
                verdict(ErrorCode::CONFIG, false, &format!("the bucket is in {place}; set the option region"))
            }
            ("InvalidBucketName", _) => {
                verdict(ErrorCode::CONFIG, false, "the service does not allow this name for a bucket")
            }
            (
                "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch",
                _,
            ) => verdict(ErrorCode::CORRUPT, true, "the data was damaged on its way"),
            ("RequestTimeout", _) | (_, 408) => {
                verdict(ErrorCode::TIMEOUT, true, "the request took too long")
            }
            ("QuotaExceeded" | "QuotaExceededException" | "InsufficientStorage", _) | (_, 507) => {
                verdict(ErrorCode::NO_SPACE, false, "the service has no room left")
            }
            ("EntityTooLarge", _) | (_, 413) => {
                verdict(ErrorCode::LIMIT_EXCEEDED, false, "the object is too large for the service")
            }
            (
                "SlowDown"
                | "Throttling"
                | "ThrottlingException"
                | "RequestLimitExceeded"
                | "TooManyRequests"
                | "BandwidthLimitExceeded",
                _,
            )
            | (_, 429) => verdict(ErrorCode::THROTTLED, true, "the service asks for fewer requests"),
            ("NotImplemented", _) | (_, 501) => {
                verdict(ErrorCode::UNSUPPORTED, false, "the service does not offer this")
            }
            (_, 401 | 403) => verdict(
                ErrorCode::PERMISSION_DENIED,
                false,
                "access was denied; check what the credentials and the bucket's policy allow",
            ),
            ("NoSuchKey" | "NotFound", _) | (_, 404) => {
                verdict(ErrorCode::NOT_FOUND, false, "there is no such object")
            }
            (_, 409) => verdict(ErrorCode::UNAVAILABLE, true, "other writers were always in the way"),
            (_, 500..) => verdict(ErrorCode::UNAVAILABLE, true, "the service failed"),
            _ => verdict(ErrorCode::OTHER, false, "the service refused the request"),
        }
    }

    fn of_credentials(error: &CredentialsError) -> Self {
        match error {
            CredentialsError::CredentialsNotLoaded(_) => Self::new(
                ErrorCode::PERMISSION_DENIED,
                false,
                "no credentials were found in the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), the \
                 shared config and credentials files, a web identity token, or the metadata service of a container \
                 or an instance",
            ),
            CredentialsError::InvalidConfiguration(_) => Self::new(
                ErrorCode::PERMISSION_DENIED,
                false,
                "the configuration of the credentials is wrong",
            ),
            _ => Self::new(ErrorCode::PERMISSION_DENIED, true, "the source of the credentials failed"),
        }
    }

    fn timeout() -> Self {
        Self::new(ErrorCode::TIMEOUT, true, "no answer came in time")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: u16, name: &str) -> (&'static str, bool) {
        let verdict = Verdict::of_answer(status, Some(name).filter(|name| !name.is_empty()), None);
        assert!(verdict.finding.contains(name) && verdict.finding.contains(&status.to_string()));
        (verdict.code.name(), verdict.retryable)
    }

    #[test]
    fn answers_have_distinct_codes() {
        assert_eq!(code(404, "NoSuchBucket"), ("container_missing", false));
        assert_eq!(code(404, "NoSuchKey"), ("not_found", false));
        assert_eq!(code(404, ""), ("not_found", false));
        assert_eq!(code(404, "NoSuchUpload"), ("other", true));
        for name in
            ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed", ""]
        {
            assert_eq!(code(403, name), ("permission_denied", false), "{name}");
        }
        assert_eq!(code(400, "ExpiredToken"), ("permission_denied", false));
        assert_eq!(code(503, "SlowDown"), ("throttled", true));
        assert_eq!(code(429, ""), ("throttled", true));
        assert_eq!(code(503, "ServiceUnavailable"), ("unavailable", true));
        assert_eq!(code(500, "InternalError"), ("unavailable", true));
        assert_eq!(code(400, "RequestTimeout"), ("timeout", true));
        assert_eq!(code(301, "PermanentRedirect"), ("config", false));
        assert_eq!(code(507, ""), ("no_space", false));
        assert_eq!(code(400, "MalformedXML"), ("other", false));
    }

    #[test]
    fn refusals_of_credentials_can_be_told_apart() {
        let of = |name| Verdict::of_answer(403, Some(name), None).finding;
        assert!(of("InvalidAccessKeyId").contains("access key"));
        assert!(of("SignatureDoesNotMatch").contains("secret key"));
        assert!(of("AccessDenied").contains("policy"));
    }

    #[test]
    fn a_bucket_elsewhere_names_its_region() {
        let verdict = Verdict::of_answer(301, None, Some("eu-west-3"));
        assert!(verdict.finding.contains("eu-west-3"), "{}", verdict.finding);
    }
}
