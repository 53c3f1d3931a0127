//! The bytes of an open file: their digest, and a copy of them that nobody can change.

use std::fs::File;
use std::io::{self, Seek as _};
use std::os::unix::fs::FileExt as _;

use sha2::{Digest as _, Sha256};

use super::platform::{memory_file, seal};
use crate::ContentHash;

/// How much is read at a time, in bytes.
const CHUNK: usize = 1 << 16;

/// The SHA-256 of a file. Every chunk of it is shown to `also` on the way. Leaves the file's position alone.
pub(super) fn digest(file: &File, mut also: impl FnMut(&[u8])) -> io::Result<ContentHash> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        let count = match file.read_at(&mut buffer, offset) {
            Ok(0) => return Ok(ContentHash(hash.finalize().into())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let chunk = buffer.get(..count).unwrap_or_default();
        hash.update(chunk);
        also(chunk);
        offset += count as u64;
    }
}

/// A copy of a file in memory that nobody can write any more, not even this process.
///
/// Moves the file's position, so no other thread may do the same at the same time.
pub(super) fn sealed_copy(file: &File) -> io::Result<File> {
    let mut copy = memory_file()?;
    let mut source = file;
    source.rewind()?;
    io::copy(&mut source, &mut copy)?;
    seal(&copy)?;
    copy.rewind()?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_sealed_copy_holds_the_bytes_and_takes_no_others() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes = vec![7; CHUNK + 1];
        file.write_all(&bytes).unwrap();
        let mut copy = sealed_copy(&file).unwrap();
        let mut seen = 0;
        assert_eq!(digest(&copy, |chunk| seen += chunk.len()).unwrap(), ContentHash::of(&bytes));
        assert_eq!(seen, bytes.len());
        assert!(copy.write_all(b"x").is_err());
        assert!(copy.set_len(3).is_err());
    }
}
