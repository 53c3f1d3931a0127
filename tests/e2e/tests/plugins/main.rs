//! Plugins as users meet them: directories with all sorts of files in them, names that nobody offers.

#![expect(clippy::expect_used, reason = "a test that cannot be set up has to stop, and to say where")]

mod check;
mod directory;
mod hostile;
mod lock;
mod missing;
mod mixed;
mod trust;
