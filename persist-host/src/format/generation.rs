//! Generations: sets of snapshots that were rewritten together, and the changes that manifests hold by index.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use minicbor::Decoder;

use super::cbor::{self, Fields, WriteResult, Writer};
use super::identity::bad_field;
use super::{FormatError, IndexSet, InvalidHex, WriteId};
use crate::SnapshotIndex;

/// The labels that were changed since the snapshots were saved: by snapshot and name, `None` for a removed one.
pub type LabelChanges = BTreeMap<SnapshotIndex, BTreeMap<String, Option<String>>>;

/// Names one rewriting of a segment; written as in its keys, `0000000007-` and 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation {
    /// The number of the manifest that was to name it.
    pub seq: u64,
    /// Tells attempts for the same number apart.
    pub attempt: WriteId,
}

/// Where rewritten snapshots lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Generations {
    entries: Vec<(Generation, IndexSet)>,
}

impl Generation {
    pub(super) fn write(&self, writer: &mut Writer) -> WriteResult {
        writer.array(2)?.u64(self.seq)?.bytes(&self.attempt.0)?;
        Ok(())
    }

    pub(super) fn read(decoder: &mut Decoder<'_>) -> Result<Self, FormatError> {
        let mut fields = Fields::open(decoder, "generation")?;
        let seq = fields.required("seq", Decoder::u64)?;
        let attempt = WriteId(fields.required("attempt", cbor::fixed_bytes)?);
        fields.close()?;
        Ok(Self { seq, attempt })
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:010}-{}", self.seq, self.attempt)
    }
}

impl FromStr for Generation {
    type Err = InvalidHex;

    fn from_str(text: &str) -> Result<Self, InvalidHex> {
        let (seq, attempt) = text.split_once('-').unwrap_or(("", text));
        let attempt = attempt.parse()?;
        let seq = seq.parse().map_err(|_| InvalidHex::new(text, "a generation", 32))?;
        let generation = Self { seq, attempt };
        // Only the one way of writing it is a name that Persist gives.
        if generation.to_string() == text {
            Ok(generation)
        } else {
            Err(InvalidHex::new(text, "a generation", 32))
        }
    }
}

impl Generations {
    /// The generation that holds a snapshot, if it was rewritten.
    #[must_use]
    pub fn of(&self, index: SnapshotIndex) -> Option<Generation> {
        self.entries.iter().find(|(_, indices)| indices.contains(index)).map(|(generation, _)| *generation)
    }

    /// Whether any snapshot lies in a generation.
    #[must_use]
    pub fn holds(&self, generation: Generation) -> bool {
        self.entries.iter().any(|(entry, _)| *entry == generation)
    }

    /// Whether nothing was rewritten.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All rewritten snapshots, with their generations.
    pub fn iter(&self) -> impl Iterator<Item = (Generation, &IndexSet)> {
        self.entries.iter().map(|(generation, indices)| (*generation, indices))
    }

    /// Records that the snapshots `first..=last` were rewritten: those in `indices` lie in `generation` now, the
    /// others nowhere.
    pub fn replace(
        &mut self,
        first: SnapshotIndex,
        last: SnapshotIndex,
        generation: Generation,
        indices: IndexSet,
    ) {
        self.remove_range(first, last);
        self.entries.push((generation, indices));
        self.entries.retain(|(_, held)| !held.is_empty());
    }

    /// Forgets the snapshots `first..=last`.
    pub fn remove_range(&mut self, first: SnapshotIndex, last: SnapshotIndex) {
        for (_, held) in &mut self.entries {
            held.remove_range(first.get(), last.get());
        }
        self.entries.retain(|(_, held)| !held.is_empty());
    }

    /// Forgets the snapshots below `boundary`.
    pub fn remove_below(&mut self, boundary: u64) {
        for (_, held) in &mut self.entries {
            held.remove_below(boundary);
        }
        self.entries.retain(|(_, held)| !held.is_empty());
    }

    pub(super) fn write(&self, writer: &mut Writer) -> WriteResult {
        writer.array(self.entries.len() as u64)?;
        for (generation, indices) in &self.entries {
            writer.array(2)?;
            generation.write(writer)?;
            indices.write(writer)?;
        }
        Ok(())
    }

    pub(super) fn read(decoder: &mut Decoder<'_>) -> Result<Self, FormatError> {
        let entries = cbor::read_list(decoder, "generations", |decoder| {
            let mut fields = Fields::open(decoder, "generation entry")?;
            let generation = fields.record("generation", Generation::read)?;
            let indices = IndexSet::read(&mut fields, "indices")?;
            fields.close()?;
            Ok((generation, indices))
        })?;
        Ok(Self { entries })
    }
}

/// Writes changed labels, in ascending order of index and name.
pub(super) fn write_label_changes(writer: &mut Writer, changes: &LabelChanges) -> WriteResult {
    writer.array(changes.len() as u64)?;
    for (index, labels) in changes {
        writer.array(2)?.u64(index.get())?.array(labels.len() as u64)?;
        for (name, value) in labels {
            writer.array(2)?.str(name)?;
            match value {
                Some(value) => writer.str(value)?,
                None => writer.null()?,
            };
        }
    }
    Ok(())
}

/// Reads what [`write_label_changes`] wrote.
pub(super) fn read_label_changes(decoder: &mut Decoder<'_>) -> Result<LabelChanges, FormatError> {
    let changes = cbor::read_list(decoder, "labels", |decoder| {
        let mut fields = Fields::open(decoder, "labels of a snapshot")?;
        let index = fields.required("snapshot_index", Decoder::u64)?;
        let index = SnapshotIndex::new(index).map_err(bad_field("snapshot_index"))?;
        let labels = fields.list("labels", |decoder| {
            let mut fields = Fields::open(decoder, "label")?;
            let name = fields.required("name", Decoder::str)?.to_owned();
            let value = fields.optional("value", Decoder::str)?.map(str::to_owned);
            fields.close()?;
            Ok((name, value))
        })?;
        fields.close()?;
        Ok((index, labels.into_iter().collect()))
    })?;
    Ok(changes.into_iter().collect())
}
