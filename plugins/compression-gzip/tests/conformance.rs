//! The gzip adapter against the checks that every adapter passes, and against other readers of gzip.

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
    persist_conformance::run_compression(&Gzip::open(GzipConfig::new()).unwrap());
}

#[test]
fn every_check_passes_at_the_fastest_level() {
    persist_conformance::run_compression(&gzip(1));
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
