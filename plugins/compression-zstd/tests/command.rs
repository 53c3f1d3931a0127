//! Streams against the program `zstd`, where it is installed: it is no prerequisite of Persist.

use std::path::Path;
use std::process::Command;

use persist_compression_zstd::{Zstd, ZstdConfig};
use persist_plugin_api::CompressionAdapter as _;

#[expect(clippy::unwrap_used, reason = "a part of the tests")]
fn zstd() -> Zstd {
    Zstd::open(ZstdConfig::new()).unwrap()
}

/// Runs a shell command line in a directory; false where there is no `zstd`.
#[expect(clippy::unwrap_used, reason = "a part of the tests")]
fn shell(directory: &Path, line: &str) -> bool {
    let found = Command::new("sh").args(["-c", "command -v zstd"]).output().unwrap().status.success();
    if !found {
        eprintln!("skipped: the program zstd is not installed");
        return false;
    }
    assert!(
        Command::new("sh").args(["-c", line]).current_dir(directory).status().unwrap().success(),
        "{line}"
    );
    true
}

fn lines(steps: std::ops::Range<u32>) -> Vec<u8> {
    steps
        .flat_map(|step| format!("{{\"step\":{step},\"content\":\"{:x}\"}}\n", step * 7919).into_bytes())
        .collect()
}

#[test]
fn the_command_reads_and_writes_streams() {
    let directory = tempfile::tempdir().unwrap();
    let input = lines(0..5000);
    std::fs::write(directory.path().join("stream"), zstd().compress(&input).unwrap()).unwrap();
    if shell(directory.path(), "zstd -q -d <stream >output && zstd -q -19 <output >theirs") {
        assert!(std::fs::read(directory.path().join("output")).unwrap() == input);
        let theirs = std::fs::read(directory.path().join("theirs")).unwrap();
        assert!(zstd().decompress(&theirs, input.len() as u64).unwrap() == input);
    }
}

#[test]
fn the_command_reads_streams_with_a_prefix_once_the_magic_number_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let (prefix, input) = (lines(0..2000), lines(1900..2100));
    std::fs::write(directory.path().join("stream"), zstd().compress_with_prefix(&prefix, &input).unwrap())
        .unwrap();
    std::fs::write(directory.path().join("prefix"), &prefix).unwrap();
    let line = r"(printf '\050\265\057\375'; cat stream) | zstd -q --decompress --patch-from=prefix >output";
    if shell(directory.path(), line) {
        assert!(std::fs::read(directory.path().join("output")).unwrap() == input);
    }
}
