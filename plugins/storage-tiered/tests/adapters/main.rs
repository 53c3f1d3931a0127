//! What both adapters do with the places that they are made over, by themselves and below a whole store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod differing;
mod faulty;
mod logged;
mod replica_reads;
mod replica_writes;
mod replicated;
mod store;
mod support;
mod tiered;
