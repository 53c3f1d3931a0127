//! Writing and removing objects.

use std::error::Error as StdError;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use persist_plugin_api::{Bytes, Error, ErrorCode, Result};

use crate::adapter::S3Storage;
use crate::attempts::Attempts;
use crate::error::{Call, status};

/// The most bytes that the service takes in one request: 5 GiB.
const MAX_WHOLE_BYTES: u64 = 5 << 30;

/// How an attempt at a conditional write ended, if it did not fail.
#[derive(Debug)]
pub(crate) enum Outcome {
    Written,
    /// The condition did not hold.
    Taken,
    /// Other writers of the same key were in the way, and nothing was decided.
    Contended(Error),
}

impl Outcome {
    /// What the answer to a conditional write says. 409 is not 412: somebody else's write is under way, and who wins is
    /// still open.
    pub(crate) fn of<T, E>(answer: Result<T, SdkError<E, HttpResponse>>, call: &Call<'_>) -> Result<Self>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match answer {
            Ok(_) => Ok(Self::Written),
            Err(error) if status(&error) == Some(412) => Ok(Self::Taken),
            Err(error) if status(&error) == Some(409) => Ok(Self::Contended(call.failed(error))),
            Err(error) => Err(call.failed(error)),
        }
    }
}

impl S3Storage {
    /// Writes an object, whatever is there.
    pub(crate) async fn replace(&self, object: &str, data: Bytes) -> Result<()> {
        let attempts = Attempts::default();
        let outcome = if self.takes_parts(&data) {
            self.put_in_parts(object, data, false, &attempts).await?
        } else {
            self.put_whole(object, data, false, &attempts).await?
        };
        match outcome {
            Outcome::Written => Ok(()),
            // Without a condition neither is in the protocol.
            Outcome::Taken => Err(self.call("write", Some(object), &attempts).error(
                ErrorCode::OTHER,
                false,
                "the service applied a condition that was not set (HTTP status 412)",
            )),
            Outcome::Contended(error) => Err(error),
        }
    }

    /// Writes an object if there is none.
    pub(crate) async fn create(&self, object: &str, data: Bytes) -> Result<()> {
        let in_parts =
            self.takes_parts(&data) && self.settings.multipart_create && self.creates_in_parts().await?;
        let attempts = Attempts::default();
        let call = self.call("create", Some(object), &attempts);
        if !in_parts {
            if !self.creates_whole().await? {
                let finding = "the service ignores If-None-Match, so two writers could each believe that they \
                               created it; use a service that honours the header, or let a single process write \
                               and say so in the store's config (single_writer = true)";
                return Err(call.error(ErrorCode::UNSUPPORTED, false, finding));
            }
            if data.len() as u64 > MAX_WHOLE_BYTES {
                let finding = "it has more than 5 GiB, which only uploads in parts can take; see the option multipart_create";
                return Err(call.error(ErrorCode::UNSUPPORTED, false, finding));
            }
        }
        let outcome = if in_parts {
            self.contend(&attempts, || self.put_in_parts(object, data.clone(), true, &attempts)).await?
        } else {
            self.contend(&attempts, || self.put_whole(object, data.clone(), true, &attempts)).await?
        };
        match outcome {
            Outcome::Written => Ok(()),
            Outcome::Contended(error) => Err(error),
            Outcome::Taken if attempts.may_have_applied() => Err(call.error(
                ErrorCode::ALREADY_EXISTS,
                false,
                "it exists now, and an earlier attempt, whose answer was lost, may have created it",
            )),
            Outcome::Taken => Err(call.error(ErrorCode::ALREADY_EXISTS, false, "it exists already")),
        }
    }

    /// Removes an object.
    pub(crate) async fn remove(&self, object: &str) -> Result<()> {
        let attempts = Attempts::default();
        let request = self.client.delete_object().bucket(&self.settings.bucket).key(object);
        let answer = request.customize().interceptor(attempts.clone()).send().await;
        let answer = answer.map_err(|error| self.call("delete", Some(object), &attempts).failed(error))?;
        // A delete marker stands for versions that stay.
        self.note_version(answer.version_id().is_some() || answer.delete_marker() == Some(true));
        Ok(())
    }

    /// Sends an object in one piece.
    pub(crate) async fn put_whole(
        &self,
        object: &str,
        data: Bytes,
        if_absent: bool,
        attempts: &Attempts,
    ) -> Result<Outcome> {
        let answer = self
            .client
            .put_object()
            .bucket(&self.settings.bucket)
            .key(object)
            .set_if_none_match(if_absent.then(|| "*".to_owned()))
            .set_checksum_algorithm(self.settings.checksum.clone())
            .set_server_side_encryption(self.settings.encryption.clone())
            .set_ssekms_key_id(self.settings.kms_key_id.clone())
            .body(data.into())
            .customize()
            .interceptor(attempts.clone())
            .send()
            .await;
        self.note_version(answer.as_ref().is_ok_and(|answer| answer.version_id().is_some()));
        Outcome::of(answer, &self.call("write", Some(object), attempts))
    }

    /// Repeats a conditional write for as long as nothing is decided and attempts are left.
    pub(crate) async fn contend<F>(
        &self,
        attempts: &Attempts,
        mut write: impl FnMut() -> F,
    ) -> Result<Outcome>
    where
        F: Future<Output = Result<Outcome>>,
    {
        let mut backoff = self.backoff();
        let mut rounds = 0;
        loop {
            rounds += 1;
            match write().await? {
                // The round counts even where the attempts of other requests are not recorded.
                Outcome::Contended(_) if backoff.pause(attempts.made().max(rounds)).await => {}
                outcome => return Ok(outcome),
            }
        }
    }

    fn takes_parts(&self, data: &Bytes) -> bool {
        data.len() as u64 > self.settings.multipart_threshold
    }
}
