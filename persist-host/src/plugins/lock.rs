//! `plugins.lock`: which files of a directory may be loaded, and what their bytes are.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use persist_plugin_api::Descriptor;
use serde::{Deserialize, Serialize};

use super::error::{LockProblem, RejectReason};
use super::trust::{Trust, open};
use crate::ContentHash;

/// The name of a directory's lock file.
pub(super) const LOCK_FILE: &str = "plugins.lock";

/// The form of the file that this release writes and reads.
const VERSION: u32 = 1;

/// The longest lock file that is read, in bytes: thousands of plugins.
const MAX_BYTES: u64 = 1 << 20;

/// What people who open the file should know.
const HEADING: &str = "\
# Written by `persist plugins lock`. Persist loads the files that are listed here, with the bytes that they had then, and
# no others of this directory.
";

/// The lock file of a directory.
#[derive(Debug, Default)]
pub(super) struct Lock {
    entries: BTreeMap<String, LockedFile>,
}

/// What a lock file says of one plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockedFile {
    /// The file's name.
    pub(super) file: String,
    /// The plugin's name.
    pub(super) name: String,
    /// Its version.
    pub(super) version: String,
    /// Its adapters, each `KIND NAME`, in the order of the descriptor.
    pub(super) adapters: Vec<String>,
    /// Its length in bytes.
    pub(super) size: u64,
    /// Its SHA-256.
    pub(super) sha256: String,
}

/// The file's content as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(default)]
    plugin: Vec<LockedFile>,
}

/// The part that every version of the file has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl LockedFile {
    /// What is to be said of a plugin.
    pub(super) fn new(file: String, descriptor: &Descriptor, size: u64, digest: ContentHash) -> Self {
        Self {
            file,
            name: descriptor.name.clone(),
            version: descriptor.version.clone(),
            adapters: adapters(descriptor),
            size,
            sha256: digest.to_string(),
        }
    }

    /// Compares all but the bytes. What a file says of itself is compared too: a changed plugin whose bytes nobody has read
    /// yet cannot claim the names of others.
    pub(super) fn check(&self, descriptor: &Descriptor, size: u64) -> Result<(), LockProblem> {
        differs("name", &descriptor.name, &self.name)?;
        differs("version", &descriptor.version, &self.version)?;
        differs("list of adapters", &adapters(descriptor).join(", "), &self.adapters.join(", "))?;
        differs("size in bytes", &size.to_string(), &self.size.to_string())
    }

    /// Compares the bytes.
    pub(super) fn check_digest(&self, digest: ContentHash) -> Result<(), LockProblem> {
        differs("SHA-256", &digest.to_string(), &self.sha256)
    }
}

impl Lock {
    /// A lock of these files.
    pub(super) fn new(files: impl IntoIterator<Item = LockedFile>) -> Self {
        Self { entries: files.into_iter().map(|file| (file.file.clone(), file)).collect() }
    }

    /// Reads a directory's lock file and returns its bytes too; `None` when there is none. One that cannot be used is never
    /// taken for none.
    pub(super) fn read(directory: &Path, trust: &Trust) -> Result<Option<(Self, Vec<u8>)>, RejectReason> {
        let path = path_of_lock(directory);
        let unusable = |problem: String| LockProblem::Unusable { problem };
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(error.to_string()).into()),
            Ok(_) => {}
        }
        let opened = open(&path).and_then(|(file, metadata)| trust.check_file(&metadata).map(|()| file));
        let file = opened.map_err(|reason| unusable(reason.to_string()))?;
        let mut bytes = Vec::new();
        let length = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
        let length = length.map_err(|error| unusable(error.to_string()))?;
        if length as u64 > MAX_BYTES {
            return Err(unusable(format!("it is longer than {MAX_BYTES} bytes")).into());
        }
        let lock = Self::parse(&bytes).map_err(unusable)?;
        Ok(Some((lock, bytes)))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
        // TOML's errors show the line in several lines of their own.
        let told = |error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            format!("line {}: {}", before.matches('\n').count() + 1, error.message().replace('\n', " "))
        };
        let Versioned { version } = toml::from_str(text).map_err(told)?;
        if version != VERSION {
            return Err(format!("it has version {version}, and this release reads version {VERSION}"));
        }
        let document: Document = toml::from_str(text).map_err(told)?;
        let mut lock = Self::default();
        for entry in document.plugin {
            let digest: Result<ContentHash, _> = entry.sha256.parse();
            // In the form in which it is compared.
            if digest.map_or(true, |digest| digest.to_string() != entry.sha256) {
                return Err(format!(
                    "the sha256 of {:?} is not 64 lower-case hexadecimal digits",
                    entry.file
                ));
            }
            if let Some(twice) = lock.entries.insert(entry.file.clone(), entry) {
                return Err(format!("it lists {:?} twice", twice.file));
            }
        }
        Ok(lock)
    }

    /// The content of the file, the same for the same plugins.
    pub(super) fn render(&self) -> Result<String, toml::ser::Error> {
        let document = Document { version: VERSION, plugin: self.entries.values().cloned().collect() };
        Ok(format!("{HEADING}\n{}", toml::to_string(&document)?))
    }

    /// What it says of a file.
    pub(super) fn entry(&self, name: &OsStr) -> Option<&LockedFile> {
        self.entries.get(name.to_str()?)
    }

    /// All that it lists, in the order of the files' names.
    pub(super) fn entries(&self) -> impl Iterator<Item = &LockedFile> {
        self.entries.values()
    }
}

/// Where a directory's lock file lies.
pub(super) fn path_of_lock(directory: &Path) -> PathBuf {
    directory.join(LOCK_FILE)
}

fn adapters(descriptor: &Descriptor) -> Vec<String> {
    descriptor.adapters.iter().map(|it| format!("{} {}", it.kind, it.name)).collect()
}

fn differs(what: &'static str, found: &str, expected: &str) -> Result<(), LockProblem> {
    if found == expected {
        return Ok(());
    }
    Err(LockProblem::Differs { what, found: printable(found), expected: printable(expected) })
}

/// A lock file's texts go to people's terminals, and nothing keeps control characters out of them.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "version = 1\n\n[[plugin]]\nfile = \"a.so\"\nname = \"a\"\nversion = \"1.0.0\"\n\
        adapters = [\"storage a\"]\nsize = 3\n\
        sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\n";

    #[test]
    fn what_is_written_is_read_back() {
        let lock = Lock::parse(LOCK.as_bytes()).unwrap();
        let entry = lock.entry(OsStr::new("a.so")).unwrap();
        assert!(entry.check_digest(ContentHash::of(b"abc")).is_ok());
        assert!(matches!(entry.check_digest(ContentHash::of(b"abd")), Err(LockProblem::Differs { .. })));
        assert_eq!(lock.render().unwrap(), format!("{HEADING}\n{LOCK}"));
    }

    #[test]
    fn a_lock_that_is_not_understood_is_an_error_that_says_where() {
        let twice = format!("{LOCK}{}", &LOCK[12..]);
        for (text, expected) in [
            ("", "version"),
            ("version = 2\nnew = 1\n", "version 2"),
            ("version = 1\nextra = 1\n", "line 2"),
            ("version = 1\n[[plugin]]\nfile = \"a.so\"\n", "line 2"),
            ("version = 1\n{", "line 2"),
            (&LOCK.replace("ba78", "BA78"), "sha256"),
            (&LOCK.replace("ba78", ""), "sha256"),
            (&LOCK.replace("size = 3", "size = -3"), "line 8"),
            (&twice, "\"a.so\" twice"),
        ] {
            let problem = Lock::parse(text.as_bytes()).unwrap_err();
            assert!(problem.contains(expected) && !problem.contains('\n'), "{text}: {problem}");
        }
        assert!(Lock::parse(b"\xff").is_err());
        assert!(Lock::parse(b"version = 1\n").unwrap().entries().next().is_none());
    }
}
