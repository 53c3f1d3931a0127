//! Which plugin serves each adapter's name.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::content::digest;
use super::error::{RejectReason, Rejection};
use super::registry::PluginFile;

/// Claims by kind and name.
pub(super) type Claims = BTreeMap<(String, String), Claim>;

/// Who serves a name.
#[derive(Debug)]
pub(super) enum Claim {
    /// The plugin with this index.
    Served(usize),
    /// Nobody: these different plugins of one directory all offer it.
    Contested(Vec<usize>),
}

/// Decides who serves each name, and records the names that are refused.
pub(super) fn claims(files: &[PluginFile], rejected: &mut Vec<Rejection>) -> Claims {
    let mut claims = Claims::new();
    for (index, file) in files.iter().enumerate() {
        for adapter in &file.descriptor().adapters {
            let mut entry = match claims.entry((adapter.kind.clone(), adapter.name.clone())) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Claim::Served(index));
                    continue;
                }
                Entry::Occupied(occupied) => occupied,
            };
            let first = match entry.get() {
                Claim::Served(first) => *first,
                Claim::Contested(all) => all[0],
            };
            if files[first].directory != file.directory || is_copy(&files[first], file) {
                continue;
            }
            let reason = RejectReason::DuplicateName {
                kind: adapter.kind.clone(),
                name: adapter.name.clone(),
                other: files[first].path().to_owned(),
            };
            rejected.push(Rejection { path: file.path().to_owned(), reason });
            match entry.get_mut() {
                Claim::Contested(all) => all.push(index),
                served @ Claim::Served(_) => *served = Claim::Contested(vec![first, index]),
            }
        }
    }
    claims
}

/// Whether two files hold the same bytes. A file that cannot be read is no copy of anything.
fn is_copy(one: &PluginFile, other: &PluginFile) -> bool {
    let digest = |plugin: &PluginFile| digest(&plugin.verified.file, |_| {});
    matches!((digest(one), digest(other)), (Ok(one), Ok(other)) if one == other)
}
