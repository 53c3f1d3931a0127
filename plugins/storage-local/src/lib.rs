//! Keeps Persist objects in a directory of the local file system.
