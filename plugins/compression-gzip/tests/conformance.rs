//! The gzip adapter against the checks that every adapter passes, and against other readers of its streams.

use std::io::Write as _;
use std::process::{Command, Stdio};

use persist_compression_gzip::{Gzip, GzipConfig};
use persist_plugin_api::CompressionAdapter as _;

#[expect(clippy::unwrap_used, reason = "a part of the tests")]
fn gzip(level: i64) -> Gzip {
    Gzip::open(GzipConfig::new().level(level)).unwrap()
}

#[test]
fn every_check_passes_at_the_default_level() {
    persist_plugin_testkit::run_compression(&Gzip::open(GzipConfig::new()).unwrap());
}

#[test]
fn every_check_passes_at_the_fastest_level() {
    persist_plugin_testkit::run_compression(&gzip(1));
}

#[test]
fn gunzip_reads_the_streams() {
    let input = b"{\"step\":1,\"content\":\"words and words and words\"}\n".repeat(5000);
    for level in [0, 1, 6, 9] {
        let stream = gzip(level).compress(&input).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&stream).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let read = Command::new("gzip")
            .args(["--decompress", "--stdout"])
            .stdin(Stdio::from(file))
            .stderr(Stdio::inherit())
            .output()
            .expect("this test needs the program gzip");
        assert!(read.status.success());
        assert!(read.stdout == input, "level {level}");
    }
}

#[test]
fn streams_of_gzip_are_read() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&b"a file of another program".repeat(1000)).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let written = Command::new("gzip")
        .args(["--best", "--stdout"])
        .stdin(Stdio::from(file))
        .output()
        .expect("this test needs the program gzip");
    let output = gzip(6).decompress(&written.stdout, 1 << 20).unwrap();
    assert_eq!(output, b"a file of another program".repeat(1000));
}

/// What a program without Persist needs: the stream and the bytes before it.
const PYTHON: &str = "
import sys, zlib
directory = sys.argv[1] + '/'
prefix, stream, input = (open(directory + name, 'rb').read() for name in ('prefix', 'stream', 'input'))
decoder = zlib.decompressobj(wbits=-15, zdict=prefix[-32768:])
assert decoder.decompress(stream) + decoder.flush() == input
assert decoder.eof and not decoder.unused_data
encoder = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=prefix[-32768:])
open(directory + 'python', 'wb').write(encoder.compress(input) + encoder.flush())
";

#[test]
fn python_reads_and_writes_streams_with_a_prefix() {
    let line = |step: u32| format!("{{\"step\":{step},\"content\":\"words and {:x}\"}}\n", step * 7919);
    let prefix: Vec<u8> = (0..2000).flat_map(|step| line(step).into_bytes()).collect();
    let input: Vec<u8> = (1900..2100).flat_map(|step| line(step).into_bytes()).collect();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for level in [0, 1, 6, 9] {
        let stream = gzip(level).compress_with_prefix(&prefix, &input).unwrap();
        for (name, bytes) in [("prefix", &prefix), ("stream", &stream), ("input", &input)] {
            std::fs::write(path(name), bytes).unwrap();
        }
        let python = Command::new("python3")
            .args(["-c", PYTHON])
            .arg(directory.path())
            .status()
            .expect("this test needs the program python3");
        assert!(python.success(), "level {level}");
        let written = std::fs::read(path("python")).unwrap();
        let output = gzip(level).decompress_with_prefix(&prefix, &written, input.len() as u64).unwrap();
        assert!(output == input, "level {level}");
    }
}
