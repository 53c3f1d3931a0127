//! Archives: written, read back, and damaged in every way.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use futures_util::TryStreamExt as _;
use persist_host::archive::{ArchiveReader, ArchiveWriter};
use persist_host::{CopyOptions, Error, ErrorKind, RefPattern, Result, SaveRequest, Store};

use crate::support::{Faulty, list, restore, save, session, state, verify};

async fn copy_all(from: &Store, to: &Store) -> Result<u64> {
    let sessions: Vec<_> = from.sessions(&RefPattern::default()).try_collect().await?;
    let mut copied = 0;
    for session in sessions {
        copied += from.copy_session(to, &session, CopyOptions::default(), &|_| {}).await?.copied;
    }
    Ok(copied)
}

async fn export(adapter: &Faulty) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    let writer = ArchiveWriter::new(file.try_clone().unwrap());
    copy_all(&adapter.store(), &writer.store("the archive", &adapter.options())).await.unwrap();
    let contents = writer.finish().await.unwrap();
    assert!(contents.objects > 1 && contents.bytes > 100);
    file.rewind().unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

async fn open(bytes: &[u8]) -> Result<ArchiveReader> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    ArchiveReader::open(Path::new("the file"), file).await
}

async fn refused(bytes: &[u8]) -> Error {
    let error = open(bytes).await.map(drop).unwrap_err();
    assert!(error.to_string().starts_with("the file "), "{error}");
    error
}

/// A tar file of these entries, with an end that says nothing of them.
fn tar(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, data) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(data.len() as u64);
        // The crate refuses to write names that lead out of the directory.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *data).unwrap();
    }
    builder.into_inner().unwrap()
}

#[tokio::test]
async fn sessions_survive_an_archive() {
    let adapter = Faulty::default();
    for step in 0..6 {
        save(&adapter.store(), "a/s", step).await.unwrap();
    }
    let long = format!("{}/{}", "Ä".repeat(90), "%2F".repeat(199));
    save(&adapter.store(), &long, 7).await.unwrap();
    let bytes = export(&adapter).await;
    assert_eq!(bytes.len() % 512, 0);
    let reader = open(&bytes).await.unwrap();
    let archive = reader.store("the archive", &adapter.options());
    assert_eq!(restore(&archive, "a/s@3").await.unwrap(), state(3));
    assert!(verify(&archive, "").await.iter().all(|row| row.error.is_none()));
    let target = Faulty::default();
    assert_eq!(copy_all(&archive, &target.store()).await.unwrap(), 7);
    assert_eq!(list(&target.store(), "").await, list(&adapter.store(), "").await);
    assert_eq!(restore(&target.store(), &long).await.unwrap(), state(7));
    // An archive takes nothing more, and what it came from may go on.
    let error = archive.save(SaveRequest::new(session("a/s"), "{}")).await.unwrap_err();
    assert_eq!(error.code(), "storage_not_durable");
    save(&adapter.store(), "a/s", 8).await.unwrap();
    let again = open(&export(&adapter).await).await.unwrap();
    let again = again.store("the archive", &adapter.options());
    assert_eq!(copy_all(&again, &target.store()).await.unwrap(), 1);
}

#[tokio::test]
async fn every_changed_byte_is_found_or_changes_nothing() {
    let adapter = Faulty::default();
    let store = adapter.store();
    store.save(SaveRequest::new(session("a/s"), "{\"a\":1}")).await.unwrap();
    store.save(SaveRequest::new(session("a/s"), "{\"a\":2}")).await.unwrap();
    let bytes = export(&adapter).await;
    let contents = open(&bytes).await.unwrap().contents().clone();
    let (mut found, mut harmless) = (0, 0);
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x11;
        match open(&changed).await {
            Ok(reader) => {
                // Padding, or spaces in the last entry: all objects are the same.
                assert_eq!(*reader.contents(), contents, "byte {at}");
                harmless += 1;
            }
            Err(error) => {
                assert!(
                    matches!(error.kind(), ErrorKind::Integrity | ErrorKind::Incompatible),
                    "byte {at}: {error}"
                );
                found += 1;
            }
        }
    }
    assert!(found > 3000 && harmless < bytes.len() / 2, "{found} found, {harmless} harmless");
}

#[tokio::test]
async fn every_truncation_and_every_addition_is_found() {
    let adapter = Faulty::default();
    adapter.store().save(SaveRequest::new(session("a/s"), "{\"a\":1}")).await.unwrap();
    let bytes = export(&adapter).await;
    for length in 0..bytes.len() {
        let error = refused(&bytes[..length]).await;
        assert_eq!((error.kind(), error.code()), (ErrorKind::Integrity, "archive_damaged"), "{length}");
    }
    for extra in [&b"x"[..], &[0, 0, 7], &bytes] {
        let error = refused(&[&bytes, extra].concat()).await;
        assert!(error.to_string().contains("something follows its last entry"), "{error}");
    }
    // Tools fill tar files up with zeros.
    open(&[&bytes[..], &[0; 8192]].concat()).await.unwrap();
}

#[tokio::test]
async fn hostile_entries_are_refused_by_name() {
    use tar::EntryType as Type;
    let object = ("agents/a/s/d/0000000000", Type::Regular, &b"x"[..]);
    type Entries<'a> = &'a [(&'a str, Type, &'a [u8])];
    let cases: [(Entries<'_>, &str); 9] = [
        (&[("../x", Type::Regular, b"")], "its entry \"../x\" is no object of a store"),
        (&[("agents/../../x", Type::Regular, b"")], "its entry \"agents/../../x\" is no object of a store"),
        (&[("/agents/x", Type::Regular, b"")], "its entry \"/agents/x\" is no object of a store"),
        (&[("agents/a", Type::Symlink, b"")], "its entry \"agents/a\" is no regular file but of type '2'"),
        (&[("agents/a", Type::Link, b"")], "its entry \"agents/a\" is no regular file but of type '1'"),
        (&[("agents/a", Type::GNUSparse, b"")], "its entry \"agents/a\" is no regular file but of type 'S'"),
        (&[object, object], "its entry \"agents/a/s/d/0000000000\" is there twice"),
        (&[object], "it ends early: its last entry"),
        (
            &[("persist-export.json", Type::Regular, b"{}")],
            "its last entry does not say which version it has",
        ),
    ];
    for (entries, message) in cases {
        let error = refused(&tar(entries)).await;
        assert!(error.to_string().contains(message), "{error}");
    }
    let newer = ("persist-export.json", Type::Regular, &b"{\"persist_export\":2}"[..]);
    assert_eq!(refused(&tar(&[newer])).await.kind(), ErrorKind::Incompatible);
    let end = br#"{"persist_export":1,"objects":2,"bytes":1,"sha256":""}"#;
    let error = refused(&tar(&[object, ("persist-export.json", Type::Regular, end)])).await;
    assert!(error.to_string().contains("it holds 1 objects of 1 bytes, expected 2 of 1 bytes"), "{error}");
    // A length beyond the file's is not believed.
    let mut huge = tar(&[object]);
    let mut header = tar::Header::from_byte_slice(&huge[..512]).clone();
    header.set_size(1 << 60);
    header.set_cksum();
    huge[..512].copy_from_slice(header.as_bytes());
    let error = refused(&huge).await;
    assert!(error.to_string().contains("an entry of 1152921504606846976 bytes begins"), "{error}");
    assert_eq!(refused(b"").await.code(), "archive_damaged");
    assert_eq!(refused(&[7; 2000]).await.code(), "archive_damaged");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_an_error() {
    let adapter = Faulty::default();
    save(&adapter.store(), "a/s", 0).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("read-only");
    std::fs::write(&path, "").unwrap();
    let writer = ArchiveWriter::new(File::open(&path).unwrap());
    let error =
        copy_all(&adapter.store(), &writer.store("the archive", &adapter.options())).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot create the store");
    assert!(writer.finish().await.is_err());
}
