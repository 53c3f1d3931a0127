//! What was found, as rows for people and programs.

use serde::Serialize;

use super::claims::Claim;
use super::registry::{PluginFile, Plugins};
use super::search::Origin;

/// The plugins of a search path. Its JSON is a stable interface.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PluginListing {
    /// The accepted plugins, in the order of the search path.
    pub plugins: Vec<PluginRow>,
    /// What was not accepted.
    pub rejected: Vec<RejectedRow>,
    /// The directories that were searched, in order.
    pub searched: Vec<DirectoryRow>,
}

/// An accepted plugin.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PluginRow {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The file.
    pub path: String,
    /// Who named its directory.
    pub origin: Origin,
    /// Its plugin protocol.
    pub protocol: u32,
    /// The version of the plugin API that it was built with.
    pub api: String,
    /// The compiler that built it.
    pub rustc: String,
    /// Its adapters.
    pub adapters: Vec<AdapterRow>,
    /// The file that offers all that this one does, from an earlier directory, or as a copy of it: this one is unused.
    pub shadowed_by: Option<String>,
}

/// An adapter of an accepted plugin.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct AdapterRow {
    /// `storage`, `compression`, or a kind of a later release.
    pub kind: String,
    /// The name that config files use.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Whether this plugin serves the name.
    pub active: bool,
    /// The file that serves the name instead.
    pub shadowed_by: Option<String>,
    /// The files that offer the name in the same directory, so that none of them serves it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contested_by: Vec<String>,
}

/// A file or a directory that was not accepted.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct RejectedRow {
    /// The file or directory.
    pub path: String,
    /// The stable code of the reason.
    pub code: &'static str,
    /// The reason, for people.
    pub reason: String,
}

/// A directory of the search path.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct DirectoryRow {
    /// The directory.
    pub path: String,
    /// Who named it.
    pub origin: Origin,
}

impl Plugins {
    /// What was found and what was refused.
    #[must_use]
    pub fn listing(&self) -> PluginListing {
        let rejected = self.rejected.iter().map(|rejection| RejectedRow {
            path: rejection.path.display().to_string(),
            code: rejection.reason.code(),
            reason: rejection.reason.to_string(),
        });
        let searched = self.search.directories().iter().map(|directory| DirectoryRow {
            path: directory.path.display().to_string(),
            origin: directory.origin,
        });
        PluginListing {
            plugins: self.files.iter().enumerate().map(|(index, file)| self.row(index, file)).collect(),
            rejected: rejected.collect(),
            searched: searched.collect(),
        }
    }

    fn row(&self, index: usize, file: &PluginFile) -> PluginRow {
        let descriptor = file.descriptor();
        let adapters: Vec<AdapterRow> = descriptor
            .adapters
            .iter()
            .map(|adapter| {
                let (active, shadowed_by, contested_by) = self.standing(index, &adapter.kind, &adapter.name);
                AdapterRow {
                    kind: adapter.kind.clone(),
                    name: adapter.name.clone(),
                    description: adapter.description.clone(),
                    active,
                    shadowed_by,
                    contested_by,
                }
            })
            .collect();
        let unused = adapters.iter().all(|adapter| adapter.shadowed_by.is_some());
        PluginRow {
            name: descriptor.name.clone(),
            version: descriptor.version.clone(),
            path: file.path().display().to_string(),
            origin: file.origin(),
            protocol: descriptor.protocol,
            api: descriptor.api.clone(),
            rustc: descriptor.rustc.clone(),
            shadowed_by: adapters.first().filter(|_| unused).and_then(|first| first.shadowed_by.clone()),
            adapters,
        }
    }

    /// How a plugin stands to a name that it offers: whether it serves it, who does instead, who contests it.
    fn standing(&self, index: usize, kind: &str, name: &str) -> (bool, Option<String>, Vec<String>) {
        let path = |index: usize| self.files[index].path().display().to_string();
        match self.claims.get(&(kind.to_owned(), name.to_owned())) {
            Some(Claim::Served(serving)) if *serving == index => (true, None, Vec::new()),
            Some(Claim::Served(serving)) => (false, Some(path(*serving)), Vec::new()),
            Some(Claim::Contested(all)) if all.contains(&index) => {
                let others = all.iter().filter(|other| **other != index);
                (false, None, others.map(|other| path(*other)).collect())
            }
            Some(Claim::Contested(all)) => (false, Some(path(all[0])), Vec::new()),
            None => (false, None, Vec::new()),
        }
    }
}
