//! The verbs of the command: what they do, print and exit with.

mod audit;
mod collect;
mod delete;
mod history;
mod lifecycle;
mod output;
mod prune;
mod repair;
mod restore;
mod save;
mod select;
