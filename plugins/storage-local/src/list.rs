//! Listings in byte order of the keys, a page at a time.

use std::os::fd::OwnedFd;

use persist_plugin_api::{ListPage, ListRequest, Result};
use rustix::fs::{self, AtFlags, Dir, FileType};
use rustix::io::Errno;

use crate::directory;
use crate::error::Failed;
use crate::path::check;
use crate::read::meta;
use crate::store::Store;

impl Store {
    /// Lists one page.
    pub(crate) fn list(&self, request: &ListRequest) -> Result<ListPage> {
        let (base, name_prefix) = match request.prefix.rfind('/') {
            Some(slash) => request.prefix.split_at(slash + 1),
            None => ("", &*request.prefix),
        };
        let base_directory = base.trim_end_matches('/');
        // No key is below what cannot be the directory of one.
        if !base.is_empty() && (base.len() > base_directory.len() + 1 || check(base_directory).is_err()) {
            return Ok(ListPage::default());
        }
        let Some(directory) = self.find_directory(base_directory)? else { return Ok(ListPage::default()) };
        let mut walk = Walk {
            store: self,
            after: latest(request.start_after.as_deref(), request.continuation.as_deref()),
            limit: request.limit.max(1) as usize,
            last: String::new(),
            page: ListPage::default(),
        };
        if request.by_directory {
            walk.fold(&directory, base, name_prefix, request)?;
        } else {
            walk.descend(&directory, base, name_prefix)?;
        }
        Ok(walk.page)
    }
}

/// A page on its way.
struct Walk<'a> {
    store: &'a Store,
    /// Keys up to and including this one are left out.
    after: Option<&'a str>,
    limit: usize,
    /// The last entry of the page so far.
    last: String,
    page: ListPage,
}

/// Whether there is room for more, or the page has its end.
#[derive(PartialEq, Eq)]
enum Progress {
    More,
    Full,
}

impl Walk<'_> {
    /// Adds every object below a directory.
    fn descend(&mut self, directory: &OwnedFd, base: &str, name_prefix: &str) -> Result<Progress, Failed> {
        for entry in self.entries(directory, base, name_prefix)? {
            let progress = match entry[base.len()..].strip_suffix('/') {
                None => self.add_object(directory, base, entry)?,
                Some(name) => match self.open(directory, name, &entry)? {
                    Some(below) => self.descend(&below, &entry, "")?,
                    None => Progress::More,
                },
            };
            if progress == Progress::Full {
                return Ok(progress);
            }
        }
        Ok(Progress::More)
    }

    /// Adds the objects of one directory, and each directory in it that has objects.
    fn fold(
        &mut self,
        directory: &OwnedFd,
        base: &str,
        name_prefix: &str,
        request: &ListRequest,
    ) -> Result<(), Failed> {
        for entry in self.entries(directory, base, name_prefix)? {
            if request.continuation.as_ref().is_some_and(|done| entry <= *done) {
                continue;
            }
            let progress = match entry[base.len()..].strip_suffix('/') {
                None => self.add_object(directory, base, entry)?,
                Some(name)
                    if self.has_objects(directory, name, &entry, request.start_after.as_deref())? =>
                {
                    self.add(entry, |page, entry| page.prefixes.push(entry))
                }
                Some(_) => Progress::More,
            };
            if progress == Progress::Full {
                break;
            }
        }
        Ok(())
    }

    /// Whether there is an object below a directory, after a key.
    fn has_objects(
        &self,
        parent: &OwnedFd,
        name: &str,
        key: &str,
        after: Option<&str>,
    ) -> Result<bool, Failed> {
        let Some(directory) = self.open(parent, name, key)? else { return Ok(false) };
        let mut first =
            Walk { store: self.store, after, limit: 1, last: String::new(), page: ListPage::default() };
        first.descend(&directory, key, "")?;
        Ok(!first.page.objects.is_empty())
    }

    fn add_object(&mut self, directory: &OwnedFd, base: &str, key: String) -> Result<Progress, Failed> {
        match fs::statat(directory, &key[base.len()..], AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(self.add(key, |page, key| page.objects.push(meta(&key, &stat)))),
            // Deleted since its directory was read.
            Err(Errno::NOENT) => Ok(Progress::More),
            Err(errno) => Err(Failed::new("look up", self.store.path(&key), errno)),
        }
    }

    fn add(&mut self, entry: String, push: impl FnOnce(&mut ListPage, String)) -> Progress {
        if self.page.objects.len() + self.page.prefixes.len() == self.limit {
            self.page.next = Some(std::mem::take(&mut self.last));
            return Progress::Full;
        }
        self.last.clone_from(&entry);
        push(&mut self.page, entry);
        Progress::More
    }

    /// Opens a directory of the listing; `None` if it is gone since.
    fn open(&self, parent: &OwnedFd, name: &str, key: &str) -> Result<Option<OwnedFd>, Failed> {
        match directory::open_in(parent, name) {
            Ok(directory) => Ok(Some(directory)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(Failed::new("open the directory", self.store.path(key), errno)),
        }
    }

    /// What a directory holds that may belong on the page, in order: the keys of objects, and the paths of directories
    /// with a slash behind them, so that their order is that of the keys below.
    fn entries(&self, directory: &OwnedFd, base: &str, name_prefix: &str) -> Result<Vec<String>, Failed> {
        let failed = |errno| Failed::new("read the directory", self.store.path(base), errno);
        let mut entries = Vec::new();
        let mut entry = base.to_owned();
        for found in Dir::read_from(directory).map_err(failed)? {
            let found = found.map_err(failed)?;
            let Ok(name) = found.file_name().to_str() else { continue };
            entry.truncate(base.len());
            entry.push_str(name);
            if !name.starts_with(name_prefix) || check(&entry).is_err() {
                continue;
            }
            let file_type = match found.file_type() {
                FileType::Unknown => match directory::file_type(directory, name) {
                    Ok(file_type) => file_type,
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(failed(errno)),
                },
                file_type => file_type,
            };
            let wanted = match file_type {
                FileType::RegularFile => self.after.is_none_or(|after| *entry > *after),
                FileType::Directory => {
                    entry.push('/');
                    self.after.is_none_or(|after| *entry > *after || after.starts_with(&entry))
                }
                // It may stand for a directory of objects, which a listing must not leave out in silence.
                FileType::Symlink => return Err(Failed::new("list", self.store.path(&entry), Errno::LOOP)),
                _ => false,
            };
            if wanted {
                entries.push(entry.clone());
            }
        }
        entries.sort_unstable();
        // While a file is replaced, some file systems show its name twice.
        entries.dedup();
        Ok(entries)
    }
}

fn latest<'a>(one: Option<&'a str>, other: Option<&'a str>) -> Option<&'a str> {
    one.max(other)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use persist_plugin_api::ErrorCode;

    use super::*;
    use crate::config::LocalConfig;
    use crate::write::Existing;

    #[test]
    fn what_cannot_be_an_object_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(LocalConfig::new(root.path()).fsync(false)).unwrap();
        store.write("a/object", b"x", Existing::Keep).unwrap();
        std::fs::write(root.path().join("a/.persist-tmp-left-behind"), b"part").unwrap();
        std::fs::write(root.path().join("a/line\nbreak"), b"x").unwrap();
        std::fs::create_dir_all(root.path().join("empty/directory")).unwrap();
        let all = store.list(&ListRequest::below("")).unwrap();
        assert_eq!(all.objects.iter().map(|meta| &*meta.key).collect::<Vec<_>>(), ["a/object"]);
        assert_eq!(store.list(&ListRequest::directory("")).unwrap().prefixes, ["a/"]);
        for prefix in ["../", "a/../a/", "/", "a//", "./", ".persist-tmp-x/"] {
            assert_eq!(store.list(&ListRequest::below(prefix)).unwrap(), ListPage::default(), "{prefix}");
        }
    }

    #[test]
    fn a_symbolic_link_is_reported_rather_than_left_out() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(LocalConfig::new(root.path()).fsync(false)).unwrap();
        symlink("/", root.path().join("link")).unwrap();
        let error = store.list(&ListRequest::below("")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::OTHER);
        assert!(error.message().contains("link: it is a symbolic link"), "{error}");
        // Elsewhere it disturbs nobody.
        assert_eq!(store.list(&ListRequest::below("other")).unwrap(), ListPage::default());
    }
}
