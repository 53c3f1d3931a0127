//! Directories of plugins, and the libraries to put there.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, outside of any test function"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use persist_host::{AdapterKind, CodecSource as _, Plugins, RejectReason, SearchPath};
use persist_plugin_api::Bytes;
use serde_json::json;
use tempfile::TempDir;

/// What a plugin in C says of itself.
pub(crate) const DESCRIPTOR: &str = r#"{"name":"c","version":"1.0.0","protocol":1,"api":"1.0.0","rustc":"none",
"panic_unwind":true,"adapters":[{"kind":"storage","name":"c","description":"In C.","schema":{}}]}"#;

/// The symbol that makes a library of C pass the last check without loading.
pub(crate) const ENTRY: &str = "int persist_plugin_v1 = 0;";

/// An example of this package that was built together with the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build -p persist-host --examples`", path.display());
    path
}

/// The real plugin: storage "shelf", compression "reverse".
pub(crate) fn test_plugin() -> PathBuf {
    example("libtest_plugin.so")
}

/// A directory that only the user can write, on the file system of the build.
pub(crate) fn directory() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Puts the real plugin into a directory, as the same inode where possible: a process loads it only once then.
pub(crate) fn install(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    fs::hard_link(test_plugin(), &path).or_else(|_| fs::copy(test_plugin(), &path).map(drop)).unwrap();
    path
}

/// Writes a file that only the user can write.
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    chmod(path, 0o644);
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Compiles a shared library of C.
pub(crate) fn compile(path: &Path, source: &str, arguments: &[&str]) {
    let scratch = directory();
    let file = scratch.path().join("plugin.c");
    fs::write(&file, source).unwrap();
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(path)
        .arg(&file)
        .args(arguments)
        .status()
        .expect("a C compiler, which linking Rust needs as well");
    assert!(status.success());
    chmod(path, 0o755);
}

/// C source that puts a descriptor into a library.
pub(crate) fn described(descriptor: &str, rest: &str) -> String {
    let literal = format!("{descriptor:?}");
    let length = descriptor.len();
    // The length leaves the string's final zero out.
    format!(
        "__attribute__((section(\".persist.plugin\"), used)) static const char descriptor[{length}] = {literal};\n{rest}"
    )
}

pub(crate) fn search(directory: &Path) -> SearchPath {
    SearchPath::new().with_flags([directory.to_owned()])
}

/// Asserts that one entry is refused, that nothing else is, and that a good plugin of the same directory works.
#[track_caller]
pub(crate) fn assert_refused(directory: &Path, path: &Path, expected: impl Fn(&RejectReason) -> bool) {
    let plugins = Plugins::discover(&search(directory));
    let rejected = plugins.rejected();
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert_eq!(rejected[0].path, path);
    assert!(expected(&rejected[0].reason), "{:?}", rejected[0].reason);
    let line = rejected[0].to_string();
    assert!(!line.contains('\n') && line.starts_with(path.to_str().unwrap()), "{line}");
    assert_works(&plugins);
}

/// Asserts that the real plugin's adapters can be opened and do their work.
#[track_caller]
pub(crate) fn assert_works(plugins: &Plugins) {
    assert_eq!(plugins.names(AdapterKind::Compression), ["reverse"]);
    let storage = block_on(plugins.open_storage("shelf", &json!({}))).unwrap();
    block_on(storage.save("a/b", Bytes::from_static(b"abc"))).unwrap();
    assert_eq!(block_on(storage.load("a/b")).unwrap(), "abc");
    let codec = plugins.codec("reverse").unwrap();
    assert_eq!(codec.compress(Bytes::from_static(b"abc")).unwrap(), "cba");
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
