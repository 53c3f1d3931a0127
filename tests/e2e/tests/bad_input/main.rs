//! What bad input gets: an exit code, a text that names the fault, and a store that stays as it was.

mod conflict;
mod damage;
mod hostile;
mod ids;
mod json;
mod references;
mod releases;
mod volatile;
