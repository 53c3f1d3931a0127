//! The persist command.
fn main() {}
