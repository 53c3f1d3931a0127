//! Plugins as users meet them: directories with all sorts of files in them, names that nobody offers.

mod check;
mod directory;
mod missing;
mod trust;
