//! The verbs of the command: what they do, print and exit with.

mod delete;
mod lifecycle;
mod output;
mod prune;
mod restore;
mod save;
mod select;
