//! The plugin host against real shared libraries, good and hostile.

mod boundary;
mod checking;
mod command;
mod hostile;
mod loading;
mod locking;
mod naming;
mod overhead;
mod signing;
mod stress;
mod support;
mod timing;
