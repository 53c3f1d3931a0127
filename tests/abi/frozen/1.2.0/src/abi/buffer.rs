//! Owned bytes that cross the boundary without a copy.
#![expect(unsafe_code, reason = "raw ownership of a buffer that the other library allocated")]

use abi_stable::StableAbi;
use bytes::Bytes;

/// A pointer, a length, an owner, and the *creator's* function that releases it: either side frees only what its own
/// allocator gave out.
#[repr(C)]
#[derive(StableAbi)]
pub struct Buffer {
    pointer: *const u8,
    length: usize,
    owner: *mut (),
    release: unsafe extern "C" fn(*mut ()),
}

// SAFETY: the only constructor moves a `Bytes` in, which is `Send + Sync`, and the view is read-only.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

/// # Safety
/// `owner` came from `Box::into_raw` of a `Box<Bytes>` in this library and is released once.
unsafe extern "C" fn release_bytes(owner: *mut ()) {
    // The owner behind a `Bytes` may be any type, and its drop may panic, which must not unwind into the other side.
    let released = std::panic::catch_unwind(|| {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(owner.cast::<Bytes>()) });
    });
    if let Err(payload) = released {
        std::mem::forget(payload);
    }
}

impl Buffer {
    /// The bytes, without the owner.
    pub(crate) fn as_slice(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the creator promises `length` readable bytes at `pointer` until `release` is called.
        unsafe { std::slice::from_raw_parts(self.pointer, self.length) }
    }

    /// The same bytes as a [`Bytes`], without a copy; dropping it runs the creator's release function.
    pub(crate) fn into_bytes(self) -> Bytes {
        let own = release_bytes as unsafe extern "C" fn(*mut ());
        if std::ptr::fn_addr_eq(self.release, own) {
            // Made by this very library: take the box back instead of wrapping owner into owner.
            let owner = self.owner;
            std::mem::forget(self);
            // SAFETY: `release` shows that `owner` is our `Box<Bytes>`, and the forgotten handle will not free it.
            return *unsafe { Box::from_raw(owner.cast::<Bytes>()) };
        }
        if self.length == 0 { Bytes::new() } else { Bytes::from_owner(self) }
    }
}

impl From<Bytes> for Buffer {
    fn from(bytes: Bytes) -> Self {
        let (pointer, length) = (bytes.as_ptr(), bytes.len());
        Self { pointer, length, owner: Box::into_raw(Box::new(bytes)).cast(), release: release_bytes }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: `owner` belongs to this handle alone and `release` is its creator's function.
        unsafe { (self.release)(self.owner) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Counted(Vec<u8>, Arc<AtomicUsize>);
    impl AsRef<[u8]> for Counted {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn bytes_cross_without_a_copy_and_are_released_once() {
        let drops = Arc::new(AtomicUsize::new(0));
        let bytes = Bytes::from_owner(Counted(vec![7; 100], Arc::clone(&drops)));
        let address = bytes.as_ptr();
        let back = Buffer::from(bytes).into_bytes();
        assert_eq!(back.as_ptr(), address);
        drop(back.slice(10..20));
        drop(back);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_buffer_of_another_library_is_released_through_its_own_function() {
        static RELEASED: AtomicUsize = AtomicUsize::new(0);
        unsafe extern "C" fn foreign_release(_: *mut ()) {
            RELEASED.fetch_add(1, Ordering::SeqCst);
        }
        static DATA: [u8; 4] = *b"data";
        let buffer = Buffer {
            pointer: DATA.as_ptr(),
            length: 4,
            owner: std::ptr::null_mut(),
            release: foreign_release,
        };
        let bytes = buffer.into_bytes();
        assert_eq!(bytes.as_ptr(), DATA.as_ptr());
        assert_eq!(bytes, "data");
        drop(bytes);
        assert_eq!(RELEASED.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_panicking_owner_does_not_unwind_across() {
        struct Bomb;
        impl AsRef<[u8]> for Bomb {
            fn as_ref(&self) -> &[u8] {
                b"x"
            }
        }
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("owner dropped");
            }
        }
        drop(Buffer::from(Bytes::from_owner(Bomb)));
    }
}
