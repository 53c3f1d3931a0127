//! End-to-end tests of the persist command and its plugins; this library holds what they share.

pub mod servers;
