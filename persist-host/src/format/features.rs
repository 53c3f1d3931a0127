//! Features: named parts of the format that not every release knows.

use minicbor::Decoder;
use serde::{Deserialize, Serialize};

use super::FormatError;
use super::cbor::{self, Fields, Writer};

/// A part of the format that not every release knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// The release of Persist that introduced it.
    pub release: String,
}

/// A feature that this release knows.
pub(super) struct Known {
    name: &'static str,
    release: &'static str,
}

/// Snapshots that are stored as the difference to others.
pub(super) const DELTA: Known = Known { name: "delta", release: "0.2.0" };

/// Records that hold an index without holding a snapshot: seals and stubs.
pub(super) const MARKS: Known = Known { name: "marks", release: "0.2.0" };

/// Manifests that name rewritten or erased snapshots.
pub(super) const GENERATIONS: Known = Known { name: "generations", release: "0.2.0" };

/// Manifests that change labels.
pub(super) const LABELS: Known = Known { name: "labels", release: "0.2.0" };

const KNOWN: [&Known; 4] = [&DELTA, &MARKS, &GENERATIONS, &LABELS];

impl Known {
    /// The feature as objects name it.
    pub(super) fn to_feature(&self) -> Feature {
        Feature { name: self.name.to_owned(), release: self.release.to_owned() }
    }
}

/// Writes a list of features.
pub(super) fn write(writer: &mut Writer, features: &[Feature]) -> cbor::WriteResult {
    writer.array(features.len() as u64)?;
    for feature in features {
        writer.array(2)?.str(&feature.name)?.str(&feature.release)?;
    }
    Ok(())
}

/// Reads the list of required features, and refuses the first one that this release does not know.
pub(super) fn read_required(fields: &mut Fields<'_, '_>) -> Result<Vec<Feature>, FormatError> {
    let required = fields.list("required features", read)?;
    match required.iter().find(|feature| !KNOWN.iter().any(|known| known.name == feature.name)) {
        Some(Feature { name, release }) => {
            Err(FormatError::UnknownFeature { name: name.clone(), release: release.clone() })
        }
        None => Ok(required),
    }
}

/// Reads the list of optional features.
pub(super) fn read_optional(fields: &mut Fields<'_, '_>) -> Result<Vec<Feature>, FormatError> {
    fields.list("optional features", read)
}

/// The release of the first required feature in a header of any version.
///
/// All versions start their header with the required features, so that an older reader can say what to
/// install.
pub(super) fn first_release(header: &[u8]) -> Option<String> {
    let mut decoder = Decoder::new(header);
    let mut fields = Fields::open(&mut decoder, "header").ok()?;
    let required = fields.list("required features", read).ok()?;
    required.into_iter().next().map(|feature| feature.release)
}

fn read(decoder: &mut Decoder<'_>) -> Result<Feature, FormatError> {
    let mut fields = Fields::open(decoder, "feature")?;
    let name = fields.required("name", Decoder::str)?.to_owned();
    let release = fields.required("release", Decoder::str)?.to_owned();
    fields.close()?;
    Ok(Feature { name, release })
}
