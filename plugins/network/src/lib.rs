//! What the storage plugins for servers share: when a call is made again, how long it may take, how its failure is told,
//! where secrets come from, and how options are checked.
//!
//! A plugin has these options in its own, under the same names as its siblings:
//!
//! ```toml
//! storage = { adapter = "…", retry = { max_attempts = 5 }, password_file = "/run/secrets/persist" }
//! ```

mod check;
mod limit;
mod retry;
mod secret;
mod verdict;

pub use check::{check_milliseconds, check_number, wrong};
pub use limit::within;
pub use retry::{Retry, RetryOptions};
pub use secret::Secret;
pub use verdict::{Verdict, write_attempt};
