//! The plugin host against real shared libraries, good and hostile.

mod boundary;
mod checking;
mod hostile;
mod loading;
mod naming;
mod support;
