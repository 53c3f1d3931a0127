//! The objects of a store on local disk, decoded by other code than the engine's, to search what they hold.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use flate2::{Decompress, FlushDecompress, Status, bufread::MultiGzDecoder};
use persist_host::format::{RecordObject, SnapshotObject};

use crate::directory::files;

/// How far deflate looks back, in bytes.
const WINDOW: usize = 32 << 10;

/// The content of every snapshot object below a root, decompressed: the state of a full one, the steps and literals of a
/// delta.
///
/// # Panics
///
/// When an object cannot be decoded.
#[must_use]
pub fn decoded(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut objects = BTreeMap::new();
    for path in files(root) {
        let bytes = fs::read(&path).expect("a file of the store");
        if let Ok(RecordObject::Snapshot(object)) = RecordObject::parse(bytes.into()) {
            objects.insert(path, *object);
        }
    }
    objects.keys().map(|path| (path.clone(), content(&objects, path))).collect()
}

fn content(objects: &BTreeMap<PathBuf, SnapshotObject>, path: &Path) -> Vec<u8> {
    let object = object(objects, path);
    let prefix = prefix(objects, path, object);
    let storage = &object.header().storage;
    let mut content = Vec::new();
    for (frame, stored) in object.frames() {
        let raw = match &storage.transforms[..] {
            [] => stored.to_vec(),
            [codec] if codec.name == "gzip" => inflate(&prefix, &stored, frame.raw_len),
            other => panic!("{}: {other:?}", path.display()),
        };
        assert_eq!(raw.len() as u64, frame.raw_len, "{}", path.display());
        content.extend(raw);
    }
    content
}

/// What the codec was given beside the frames of an object: the end of its ancestors' literals.
fn prefix(objects: &BTreeMap<PathBuf, SnapshotObject>, path: &Path, object: &SnapshotObject) -> Vec<u8> {
    let Some(delta) = &object.header().storage.delta else { return Vec::new() };
    if delta.prefix_len == 0 {
        return Vec::new();
    }
    let mut joined = Vec::new();
    for ancestor in delta.ancestors.iter().rev() {
        let path = path.with_file_name(format!("{:010}", ancestor.get()));
        let steps =
            self::object(objects, &path).header().storage.delta.as_ref().map_or(0, |delta| delta.steps_len);
        joined.extend_from_slice(&content(objects, &path)[steps as usize..]);
    }
    joined.split_off(joined.len() - delta.prefix_len as usize)
}

fn object<'o>(objects: &'o BTreeMap<PathBuf, SnapshotObject>, path: &Path) -> &'o SnapshotObject {
    objects.get(path).unwrap_or_else(|| panic!("{} is no snapshot", path.display()))
}

fn inflate(prefix: &[u8], stored: &[u8], length: u64) -> Vec<u8> {
    let mut raw = Vec::new();
    if prefix.is_empty() {
        MultiGzDecoder::new(stored).read_to_end(&mut raw).expect("a gzip stream");
        return raw;
    }
    let mut decoder = Decompress::new(false);
    decoder.set_dictionary(&prefix[prefix.len().saturating_sub(WINDOW)..]).expect("raw deflate takes one");
    // A byte more than needed, so that the end of the stream is reached.
    raw.reserve_exact(length as usize + 1);
    let status = decoder.decompress_vec(stored, &mut raw, FlushDecompress::Finish).expect("a deflate stream");
    assert_eq!(status, Status::StreamEnd, "the stream ends");
    raw
}
