//! Keeps Persist objects in Amazon S3 or a compatible service.
//!
//! ```toml
//! [stores.archive]
//! storage = { adapter = "s3", bucket = "agents", region = "eu-west-3" }
//!
//! [stores.lab]
//! storage = { adapter = "s3", bucket = "agents", prefix = "lab", endpoint = "http://127.0.0.1:8333" }
//! ```
//!
//! # Options
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `bucket` | required | The bucket, or an access point's ARN. It must exist. |
//! | `prefix` | `""` | Objects are stored below `prefix/`; at most 120 bytes. |
//! | `region` | from the environment | The bucket's region; with an `endpoint`, `us-east-1` if nothing else says. |
//! | `endpoint` | Amazon S3 | The `http` or `https` URL of another service. |
//! | `path_style` | `true` with an `endpoint` | Name the bucket in the path instead of in the host name. |
//! | `max_attempts` | 5 | How often a request is tried, the first time included; 1 to 100. |
//! | `initial_backoff_ms` | 100 | The longest wait before the second attempt; it doubles with each further one. |
//! | `max_backoff_ms` | 5000 | The longest wait before any attempt. |
//! | `connect_timeout_ms` | 5000 | How long a connection may take to come about. |
//! | `attempt_timeout_ms` | 60000 | How long one attempt may take until the answer begins. |
//! | `operation_timeout_ms` | none | How long a request may take with all its attempts. |
//! | `multipart_threshold_mb` | 16 | Larger objects are uploaded in parts; 5 to 5120. |
//! | `multipart_part_mb` | 8 | The size of a part; 5 to 5120. It grows where an object would need over 10,000 parts. |
//! | `multipart_create` | `false` with an `endpoint` | Whether that holds for objects that must not exist yet; see below. |
//! | `concurrency` | 4 | How many parts of an object are sent at once; 1 to 64. |
//! | `checksum` | see below | `crc32`, `crc32c`, `crc64nvme`, `sha1`, `sha256` or `none`. |
//! | `server_side_encryption` | the bucket's own | `AES256` or `aws:kms`. |
//! | `kms_key_id` | the account's own | The key for `aws:kms`. |
//!
//! A megabyte is 1,048,576 bytes here. Each wait is a random part of the longest one, so that many clients do not come
//! back together.
//!
//! **Checksums** travel with each upload, are checked and stored by the service, and are checked again when an object
//! is read. The default is `crc32c` on Amazon S3 and `none` with an `endpoint`, since some services refuse the headers.
//! Uploads are protected even then: the request's signature covers the SHA-256 of the data.
//!
//! # Credentials
//!
//! There is no option for them. They come from where the AWS SDK looks, in this order: the environment, the
//! shared config and credentials files (with SSO, `credential_process` and roles), a web identity token, and the
//! metadata services of containers and of instances. They are looked for when the first request is made.
//!
//! # Creating objects
//!
//! Sessions are safe from concurrent writers because an object is created by one writer only, with the header
//! `If-None-Match: *`. Some services accept that header and ignore it. Before the first write, the adapter therefore
//! tries it on the object `persist-probe`, which it leaves in place and hides from listings. On a service that ignores
//! the header [`save_if_absent`](persist_plugin_api::StorageAdapter::save_if_absent) is refused.
//!
//! Of two uploads in parts that end at the same time, some services let both succeed, although they honour the header
//! otherwise; SeaweedFS is one. With an `endpoint`, even large objects are therefore created in one request, of at
//! most 5 GiB, which must end within `attempt_timeout_ms`. Set `multipart_create = true` only for a service that
//! promises to complete uploads conditionally. Amazon S3 does. The adapter also tries that before it relies on it.
//!
//! Uploads that were given up are aborted. If the process dies first, their parts stay in the bucket: a lifecycle rule
//! that aborts incomplete multipart uploads removes them.
//!
//! # Permissions
//!
//! `s3:GetObject` and `s3:ListBucket` suffice to read; writing needs `s3:PutObject`, `s3:AbortMultipartUpload` and
//! `s3:DeleteObject` as well.

mod adapter;
mod attempts;
mod backoff;
mod client;
mod config;
mod error;
mod keys;
mod list;
mod multipart;
mod probe;
mod read;
mod retries;
mod write;

pub use adapter::S3Storage;
pub use config::S3Config;

#[cfg(feature = "export")]
persist_plugin_api::export_plugin! {
    storage "s3" => S3Storage {
        description: "Keeps objects in Amazon S3 or a compatible service.",
        schema: include_str!("schema.json"),
    }
}
