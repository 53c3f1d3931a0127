//! Uploads in parts. The object appears as a whole when the upload is completed, or not at all.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use persist_plugin_api::{Bytes, ErrorCode, Result};

use crate::adapter::S3Storage;
use crate::attempts::Attempts;
use crate::write::Outcome;

/// The most parts that the service takes.
const MAX_PARTS: u64 = 10_000;

/// How long to try to remove the parts of an upload that was given up.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);

impl S3Storage {
    /// Sends an object in parts. `attempts` watches the completion, the only request that makes the object visible.
    pub(crate) async fn put_in_parts(
        &self,
        object: &str,
        data: Bytes,
        if_absent: bool,
        attempts: &Attempts,
    ) -> Result<Outcome> {
        let mut upload = self.begin_upload(object).await?;
        let outcome = match self.send_parts(&upload, data).await {
            Ok(parts) => self.complete_upload(&upload, parts, if_absent, attempts).await,
            Err(error) => Err(error),
        };
        if matches!(outcome, Ok(Outcome::Written)) {
            upload.settled = true;
        } else {
            upload.abort().await;
        }
        outcome
    }

    async fn begin_upload(&self, object: &str) -> Result<Upload> {
        let attempts = Attempts::default();
        let call = self.call("begin the upload of", Some(object), &attempts);
        let output = self
            .client
            .create_multipart_upload()
            .bucket(&self.settings.bucket)
            .key(object)
            .set_checksum_algorithm(self.settings.checksum.clone())
            .set_server_side_encryption(self.settings.encryption.clone())
            .set_ssekms_key_id(self.settings.kms_key_id.clone())
            .customize()
            .interceptor(attempts.clone())
            .send()
            .await
            .map_err(|error| call.failed(error).not_applied(true))?;
        let id = output.upload_id.ok_or_else(|| {
            call.error(ErrorCode::OTHER, false, "the answer has no upload id").not_applied(true)
        })?;
        Ok(Upload {
            client: self.client.clone(),
            bucket: self.settings.bucket.clone(),
            object: object.to_owned(),
            id,
            settled: false,
        })
    }

    async fn send_parts(&self, upload: &Upload, data: Bytes) -> Result<Vec<CompletedPart>> {
        let parts = cut(&data, self.settings.part_size);
        let sent = futures_util::stream::iter(parts.into_iter().zip(1..))
            .map(|(part, number)| self.send_part(upload, number, part))
            // In order, since the completion must name the parts in order.
            .buffered(self.settings.concurrency);
        sent.try_collect().await
    }

    async fn send_part(&self, upload: &Upload, number: i32, data: Bytes) -> Result<CompletedPart> {
        let attempts = Attempts::default();
        let call = self.call("send a part of", Some(&upload.object), &attempts);
        let output = self
            .client
            .upload_part()
            .bucket(&upload.bucket)
            .key(&upload.object)
            .upload_id(&upload.id)
            .part_number(number)
            .set_checksum_algorithm(self.settings.checksum.clone())
            .body(data.into())
            .customize()
            .interceptor(attempts.clone())
            .send()
            .await
            .map_err(|error| call.failed(error).not_applied(true))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(output.e_tag)
            .set_checksum_crc32(output.checksum_crc32)
            .set_checksum_crc32_c(output.checksum_crc32_c)
            .set_checksum_crc64_nvme(output.checksum_crc64_nvme)
            .set_checksum_sha1(output.checksum_sha1)
            .set_checksum_sha256(output.checksum_sha256)
            .build())
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: Vec<CompletedPart>,
        if_absent: bool,
        attempts: &Attempts,
    ) -> Result<Outcome> {
        let answer = self
            .client
            .complete_multipart_upload()
            .bucket(&upload.bucket)
            .key(&upload.object)
            .upload_id(&upload.id)
            .set_if_none_match(if_absent.then(|| "*".to_owned()))
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build())
            .customize()
            .interceptor(attempts.clone())
            .send()
            .await;
        self.note_version(answer.as_ref().is_ok_and(|answer| answer.version_id().is_some()));
        // After a 409 the service wants the whole upload again.
        Outcome::of(answer, &self.call("complete", Some(&upload.object), attempts))
    }
}

/// An upload that is aborted unless it was completed, also when its future is dropped.
struct Upload {
    client: Client,
    bucket: String,
    object: String,
    id: String,
    settled: bool,
}

impl Upload {
    async fn abort(&mut self) {
        abort(&self.client, &self.bucket, &self.object, &self.id).await;
        self.settled = true;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.settled {
            return;
        }
        let client = self.client.clone();
        let [bucket, object, id] = [&mut self.bucket, &mut self.object, &mut self.id].map(std::mem::take);
        runtime.spawn(async move { abort(&client, &bucket, &object, &id).await });
    }
}

/// Removes the parts of an upload. It changes nothing for the caller whether that succeeds: parts are invisible.
async fn abort(client: &Client, bucket: &str, object: &str, id: &str) {
    let request = client.abort_multipart_upload().bucket(bucket).key(object).upload_id(id);
    match tokio::time::timeout(ABORT_TIMEOUT, request.send()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            let error: &dyn std::error::Error = &error;
            tracing::debug!(bucket, object, error, "an upload could not be aborted; its parts stay");
        }
        Err(_) => tracing::debug!(bucket, object, "an upload could not be aborted in time; its parts stay"),
    }
}

/// Cuts an object into parts of one size, the last excepted. Nothing is copied.
fn cut(data: &Bytes, part_size: u64) -> Vec<Bytes> {
    let length = data.len() as u64;
    let size = part_size.max(length.div_ceil(MAX_PARTS));
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    (0..data.len()).step_by(size).map(|at| data.slice(at..data.len().min(at.saturating_add(size)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_up_the_object_and_are_few_enough() {
        let data: Bytes = (0..25_000_u32).map(|byte| byte as u8).collect();
        for (size, count) in [(10_000, 3), (12_500, 2), (30_000, 1), (1, 8_334)] {
            let parts = cut(&data, size);
            assert_eq!(parts.len(), count);
            assert_eq!(parts.concat(), data);
            assert!(parts.windows(2).all(|pair| pair[0].len() >= pair[1].len()));
        }
    }
}
