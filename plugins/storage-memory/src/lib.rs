//! Keeps Persist objects in the memory of the process.
