//! What bad input gets: an exit code, a text that names the fault, and a store that stays as it was.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has to stop, and to say where")]

mod conflict;
mod damage;
mod hostile;
mod ids;
mod json;
mod references;
mod releases;
mod volatile;
