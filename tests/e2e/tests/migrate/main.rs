//! `persist migrate`: the command by itself, and sessions that travel from backend to backend while it is killed on
//! every leg.

#![expect(clippy::expect_used, reason = "the helpers of a test fail by panicking")]

mod chain;
mod command;
mod history;
mod journey;
