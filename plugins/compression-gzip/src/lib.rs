//! Compresses Persist objects with gzip.
