//! The session protocol as a property: random schedules of several processes over storage that fails in every way its
//! contract allows, judged by an oracle that knows each snapshot's first bytes; and the schedules that chance misses.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod case;
mod directed;
mod oracle;
mod property;
mod quiet;
mod script;
mod shelf;
mod sim;
mod tape;
