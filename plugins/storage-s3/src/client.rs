//! Builds the SDK's client out of the settings and what the environment says.

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider,
};
use aws_types::service_config::ServiceConfigKey;
use persist_plugin_api::{Error, ErrorCode, Result};

use crate::config::Settings;
use crate::error::Place;
use crate::retries::Retries;

/// What to sign for where a service has no regions; the one that every compatible service accepts.
const ANY_REGION: &str = "us-east-1";

/// Reads what the environment says. Nothing is sent to the service, and credentials are not looked for yet.
pub(crate) async fn environment(
    settings: &Settings,
    credentials: Option<SharedCredentialsProvider>,
) -> Result<SdkConfig> {
    let region = region(settings).await?;
    let retries = RetryConfig::standard()
        .with_max_attempts(settings.max_attempts)
        .with_initial_backoff(settings.initial_backoff)
        .with_max_backoff(settings.max_backoff);
    let mut timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .operation_attempt_timeout(settings.attempt_timeout);
    timeouts.set_operation_timeout(settings.operation_timeout);

    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .retry_config(retries)
        .timeout_config(timeouts.build());
    if let Some(credentials) = credentials {
        loader = loader.credentials_provider(credentials);
    }
    Ok(loader.load().await)
}

/// The endpoint that the environment names, for this service or for all.
pub(crate) fn configured_endpoint(shared: &SdkConfig) -> Option<String> {
    let key =
        ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let own = key.ok().and_then(|key| shared.service_config()?.load_config(key));
    own.or_else(|| shared.endpoint_url().map(str::to_owned))
}

/// Builds a client.
pub(crate) fn build(settings: &Settings, shared: &SdkConfig) -> (Client, Place) {
    let (request, response) = match settings.checksum {
        Some(_) => (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported),
        None => (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired),
    };
    let mut builder = Builder::from(shared)
        .force_path_style(settings.path_style)
        .request_checksum_calculation(request)
        .response_checksum_validation(response)
        .retry_partition(retry_partition())
        .retry_classifier(TooManyRequests)
        .interceptor(Retries);
    builder.set_endpoint_url(settings.endpoint.clone());
    let place = Place {
        bucket: settings.bucket.clone(),
        endpoint: settings.endpoint.clone(),
        region: shared.region().map(Region::to_string).unwrap_or_default(),
    };
    (Client::from_conf(builder.build()), place)
}

/// Repeats what was answered with the status 429. Amazon S3 asks for fewer requests in other ways, so the SDK does not
/// know this one.
#[derive(Debug)]
struct TooManyRequests;

impl ClassifyRetry for TooManyRequests {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(response) if response.status().as_u16() == 429 => RetryAction::throttling_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "TooManyRequests"
    }
}

/// The SDK would otherwise stop retrying, whatever `max_attempts` says, once a quota is used up that all clients of
/// the process share.
fn retry_partition() -> RetryPartition {
    RetryPartition::custom("persist").token_bucket(TokenBucket::unlimited()).build()
}

async fn region(settings: &Settings) -> Result<Region> {
    let option = settings.region.clone().map(Region::new);
    // A service of one's own needs no region, so it is not worth asking an instance's metadata service for one.
    let found = if settings.endpoint.is_some() {
        RegionProviderChain::first_try(option)
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(ProfileFileRegionProvider::new())
            .or_else(Region::from_static(ANY_REGION))
            .region()
            .await
    } else {
        RegionProviderChain::first_try(option).or_else(DefaultRegionChain::builder().build()).region().await
    };
    found.ok_or_else(|| {
        let message =
            "no region is known; set the option region, AWS_REGION, or region in the AWS config file";
        Error::new(ErrorCode::CONFIG, message)
    })
}
