//! Keeps Persist objects in Amazon S3 or a compatible service.
