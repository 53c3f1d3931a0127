//! What was found, as rows for people and programs.

use serde::Serialize;

use super::claims::Claim;
use super::error::Rejection;
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
    /// The SHA-256 of the file, in hexadecimal; `None` if it could not be read, or is not what it should be.
    pub sha256: Option<String>,
    /// What speaks for the file.
    pub trust: PluginTrust,
    /// Whether the lock file of its directory lists it, as it is or otherwise.
    pub locked: bool,
    /// The id of the trusted key that signed it, or the lock file that lists it.
    pub signed_by: Option<String>,
    /// Its adapters.
    pub adapters: Vec<AdapterRow>,
    /// The file that offers all that this one does, from an earlier directory, or as a copy of it: this one is unused.
    pub shadowed_by: Option<String>,
}

/// What speaks for a plugin, beyond the owner of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PluginTrust {
    /// Nothing: no lock file lists it, and no key was asked for.
    Unlocked,
    /// The lock file of its directory.
    Locked,
    /// A signature by a trusted key.
    Signed,
    /// Nothing: its bytes are not those that were locked or signed. It is among the rejected too, and is not loaded.
    Mismatch,
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

impl RejectedRow {
    pub(super) fn new(rejection: &Rejection) -> Self {
        Self {
            path: rejection.path.display().to_string(),
            code: rejection.reason.code(),
            reason: rejection.reason.to_string(),
        }
    }
}

impl Plugins {
    /// What was found and what was refused. Reads every plugin from beginning to end, to tell what its bytes are.
    #[must_use]
    pub fn listing(&self) -> PluginListing {
        let mut rejected: Vec<RejectedRow> = self.rejected.iter().map(RejectedRow::new).collect();
        let mut plugins = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            match file.verified.evidence.prove(&file.verified.file) {
                Ok(proven) => {
                    let trust = match (proven.signed_by, file.verified.evidence.is_locked()) {
                        (Some(_), _) => PluginTrust::Signed,
                        (None, true) => PluginTrust::Locked,
                        (None, false) => PluginTrust::Unlocked,
                    };
                    let mut row = self.row(index, file, trust);
                    row.sha256 = Some(proven.digest.to_string());
                    row.signed_by = proven.signed_by.map(|key| key.to_string());
                    plugins.push(row);
                }
                Err(reason) => {
                    rejected.push(RejectedRow::new(&Rejection { path: file.path().to_owned(), reason }));
                    plugins.push(self.row(index, file, PluginTrust::Mismatch));
                }
            }
        }
        let searched = self.search.directories().iter().map(|directory| DirectoryRow {
            path: directory.path.display().to_string(),
            origin: directory.origin,
        });
        PluginListing { plugins, rejected, searched: searched.collect() }
    }

    fn row(&self, index: usize, file: &PluginFile, trust: PluginTrust) -> PluginRow {
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
                    active: active && trust != PluginTrust::Mismatch,
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
            sha256: None,
            trust,
            locked: file.verified.evidence.is_locked(),
            signed_by: None,
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
