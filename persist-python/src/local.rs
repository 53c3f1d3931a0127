//! Values that belong to the process that made them.

/// A value that a child process leaves alone. What stands behind it may wait for threads that only the parent has, even
/// when it is dropped.
pub(crate) struct Local<T> {
    process: u32,
    value: Option<T>,
}

impl<T> Local<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { process: std::process::id(), value: Some(value) }
    }

    /// The value, if this process made it.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.process == std::process::id())
    }

    /// Whether this process was forked from the one that made the value.
    pub(crate) fn is_inherited(&self) -> bool {
        self.process != std::process::id()
    }
}

impl<T> Drop for Local<T> {
    fn drop(&mut self) {
        if self.is_inherited() {
            std::mem::forget(self.value.take());
        }
    }
}
