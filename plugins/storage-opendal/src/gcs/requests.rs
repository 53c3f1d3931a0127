//! Requests to Google Cloud Storage that OpenDAL does not make in this way.
//!
//! OpenDAL sends a conditional write as a resumable upload: two requests, without a checksum. One multipart request, as the
//! service calls metadata and data in one body, is as conditional, takes one round trip, and carries a checksum that the
//! service compares with what it received.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crc_fast::CrcAlgorithm;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{Method, Request, Response};
use opendal::raw::Operation;
use opendal::{Buffer, Error, ErrorKind};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use persist_plugin_api::{Bytes, Result};
use reqsign_core::{Context, OsEnv, Signer};
use reqsign_file_read_tokio::TokioFileRead;
use reqsign_google::Credential;
use serde::Deserialize;
use serde_json::json;

use crate::core::Core;
use crate::wire::{Client, Seen};

/// What is needed to reach a bucket.
pub(crate) struct GcsRequests {
    endpoint: String,
    bucket: String,
    /// `None` sends requests without credentials.
    signer: Option<Signer<Credential>>,
}

/// What the service tells of a bucket.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Bucket {
    versioning: Versioning,
    soft_delete_policy: SoftDelete,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Versioning {
    enabled: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SoftDelete {
    /// A number as text.
    retention_duration_seconds: String,
}

impl GcsRequests {
    pub(crate) fn new(endpoint: &str, bucket: &str, signer: Option<Signer<Credential>>) -> Self {
        Self { endpoint: endpoint.to_owned(), bucket: bucket.to_owned(), signer }
    }

    /// Writes an object in one request.
    pub(crate) async fn insert(
        &self,
        client: &Client,
        seen: &Arc<Seen>,
        name: &str,
        data: Bytes,
        if_absent: bool,
    ) -> Result<(), Error> {
        let condition = if if_absent { "&ifGenerationMatch=0" } else { "" };
        let url = format!(
            "{}/upload/storage/v1/b/{}/o?uploadType=multipart&fields=generation&name={}{condition}",
            self.endpoint,
            self.bucket,
            utf8_percent_encode(name, NON_ALPHANUMERIC),
        );
        let boundary = boundary();
        let body = multipart(&boundary, name, data);
        let request = Request::post(url)
            .header(CONTENT_TYPE, format!("multipart/related; boundary={boundary}"))
            .header(CONTENT_LENGTH, body.len());
        let answer = self.send(client, seen, request, body).await?;
        match answer.status().as_u16() {
            200 | 201 => written(answer.body()),
            412 => Err(Error::new(ErrorKind::ConditionNotMatch, "the object exists")),
            status => Err(Error::new(ErrorKind::Unexpected, format!("HTTP status {status}"))),
        }
    }

    /// Whether the bucket keeps what is replaced or deleted. A bucket about which the credentials must not ask is taken for
    /// one that does, as new buckets are.
    pub(crate) async fn keeps_versions(&self, core: &Core) -> Result<bool> {
        core.retry.repeat("bucket", |_| self.keeps_versions_once(core)).await
    }

    async fn keeps_versions_once(&self, core: &Core) -> Result<bool> {
        let seen = Arc::new(Seen::default());
        let url =
            format!("{}/storage/v1/b/{}?fields=versioning,softDeletePolicy", self.endpoint, self.bucket);
        let call = core.call("ask about", None);
        let answer = self.send(core.client(), &seen, Request::get(url), Buffer::new()).await;
        let answer = answer.map_err(|error| call.failed(&error, &seen.facts()))?;
        let unclear = |text: &str| call.failed(&Error::new(ErrorKind::Unexpected, text), &seen.facts());
        match answer.status().as_u16() {
            200 => {
                let bucket: Bucket = serde_json::from_slice(&answer.into_body().to_bytes())
                    .map_err(|_| unclear("the answer does not describe a bucket"))?;
                let retained = bucket.soft_delete_policy.retention_duration_seconds;
                Ok(bucket.versioning.enabled || !matches!(&*retained, "" | "0"))
            }
            401 | 403 => Ok(true),
            404 => Err(crate::error::container_missing(&call, &seen.facts())),
            _ => Err(unclear("the service failed")),
        }
    }

    async fn send(
        &self,
        client: &Client,
        seen: &Arc<Seen>,
        request: http::request::Builder,
        body: Buffer,
    ) -> Result<Response<Buffer>, Error> {
        let wrong =
            |error: http::Error| Error::new(ErrorKind::Unexpected, "build the request").set_source(error);
        let operation =
            if request.method_ref() == Some(&Method::GET) { Operation::Stat } else { Operation::Write };
        let (mut parts, body) = request.extension(operation).body(body).map_err(wrong)?.into_parts();
        let transport = client.transporter(seen);
        if let Some(signer) = &self.signer {
            let signer = signer.clone().with_context(context().with_http_send(transport.clone()));
            signer.sign(&mut parts, None).await.map_err(|error| {
                Error::new(ErrorKind::Unexpected, "sign the request")
                    .with_temporary(error.is_retryable())
                    .set_source(error)
            })?;
            // With HTTP/2 the header must not be there; the client sets it where it belongs.
            parts.headers.remove(HOST);
        }
        transport.send(Request::from_parts(parts, body)).await
    }
}

/// Takes only the service's own answer for a success: something in between may answer with a page of its own.
fn written(answer: &Buffer) -> Result<(), Error> {
    let object: serde_json::Value = serde_json::from_slice(&answer.to_bytes()).unwrap_or_default();
    match object.get("generation") {
        Some(_) => Ok(()),
        None => Err(Error::new(ErrorKind::Unexpected, "the answer does not describe the object")),
    }
}

/// What credentials may be found with, but for a way to send requests.
pub(super) fn context() -> Context {
    Context::new().with_file_read(TokioFileRead).with_env(OsEnv)
}

/// What separates metadata from data: 128 bits that the data cannot hold, since nobody knew them when it was made.
fn boundary() -> String {
    let random = |salt: u8| RandomState::new().hash_one(salt);
    format!("persist-{:016x}{:016x}", random(0), random(1))
}

/// Metadata and data, as RFC 2387 puts them together. The data is not copied.
fn multipart(boundary: &str, name: &str, data: Bytes) -> Buffer {
    let checksum = crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, &data);
    // The service wants the four bytes with the highest first.
    let checksum = BASE64_STANDARD.encode((checksum as u32).to_be_bytes());
    let metadata = json!({"name": name, "contentType": "application/octet-stream", "crc32c": checksum});
    let head = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{metadata}\r\n\
         --{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    Buffer::from(vec![Bytes::from(head), data, Bytes::from(format!("\r\n--{boundary}--\r\n"))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_data_are_put_together() {
        let body = multipart("B", "a/\"b", Bytes::from_static(b"123456789")).to_vec();
        let expected = "--B\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n\
            {\"contentType\":\"application/octet-stream\",\"crc32c\":\"4waSgw==\",\"name\":\"a/\\\"b\"}\r\n\
            --B\r\nContent-Type: application/octet-stream\r\n\r\n123456789\r\n--B--\r\n";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn every_request_has_a_boundary_of_its_own() {
        let (first, second) = (boundary(), boundary());
        assert!(first != second && first.len() == 40, "{first} {second}");
    }
}
