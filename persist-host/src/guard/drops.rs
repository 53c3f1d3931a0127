//! Drops of what is a plugin's. They are its code too, and may block their thread for as long as they like.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long the drop of an adapter is waited for. What an adapter acknowledged is stored, so a drop has nothing left to
/// do that a user would wait for.
const LIMIT: Duration = Duration::from_secs(2);

/// Drops a value on a thread of its own, and does not wait for it. What is returned disconnects at the end of the drop.
pub(super) fn drop_apart<T: Send + 'static>(value: T) -> Receiver<()> {
    let (ending, ended) = mpsc::channel::<()>();
    let dropping = move || {
        drop(value);
        drop(ending);
    };
    // Where no thread can be had, the closure and with it the value are dropped here.
    let _ = thread::Builder::new().name("persist-drop".to_owned()).spawn(dropping);
    ended
}

/// An adapter that is dropped on a thread of its own. A drop that does not end is left to that thread, and the log names
/// the adapter.
pub(super) struct Parting<A: ?Sized + Send + Sync + 'static> {
    adapter: Option<Arc<A>>,
    name: String,
}

impl<A: ?Sized + Send + Sync> Parting<A> {
    /// `name` is what messages call the adapter.
    pub(super) fn new(adapter: Arc<A>, name: &str) -> Self {
        Self { adapter: Some(adapter), name: name.to_owned() }
    }
}

impl<A: ?Sized + Send + Sync> Deref for Parting<A> {
    type Target = A;

    #[expect(clippy::expect_used, reason = "only the drop takes the adapter")]
    fn deref(&self) -> &A {
        self.adapter.as_deref().expect("the adapter is there until it is dropped")
    }
}

impl<A: ?Sized + Send + Sync> Drop for Parting<A> {
    fn drop(&mut self) {
        if drop_apart(self.adapter.take()).recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            let (name, seconds) = (&self.name, LIMIT.as_secs());
            tracing::warn!(
                "{name} takes longer than {seconds} s to be dropped and is left to a thread of its own"
            );
        }
    }
}
