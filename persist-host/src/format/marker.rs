//! The store marker: a small JSON file that says what a store is, readable by people.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{ContentHash, Feature, FormatError, RELEASE, Timestamp};

/// The layout version that this release writes, and the highest that it reads.
const LAYOUT_VERSION: u64 = 1;

/// How the line with the digest starts. Strings in JSON hold no raw newline, so nothing else looks like it.
const DIGEST_LINE: &str = "\n  \"sha256\": \"";

/// What the file holds after the digest.
const END: &str = "\"\n}\n";

/// What a store says about itself. It is written once, by the first save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The id of the store.
    pub store_id: uuid::Uuid,
    /// When the store was created.
    pub created: Timestamp,
    /// The program that created it, as `persist 0.1.0`.
    pub created_by: String,
    /// Features that every reader of the store must have.
    pub required_features: Vec<Feature>,
}

/// The members of the file, in their order, without the digest.
#[derive(Serialize, Deserialize)]
struct Members {
    persist_store: u64,
    store_id: String,
    created: String,
    created_by: String,
    required_features: Vec<Feature>,
}

/// The members that every layout has, read first so that a newer one is refused before it is understood.
#[derive(Deserialize)]
struct AnyLayout {
    persist_store: u64,
    min_release: Option<String>,
}

impl Marker {
    /// The marker of a new store, with a random id.
    #[must_use]
    pub fn create() -> Self {
        Self {
            store_id: uuid::Uuid::new_v4(),
            created: Timestamp::now(),
            created_by: format!("persist {RELEASE}"),
            required_features: Vec::new(),
        }
    }

    /// The text of the file.
    ///
    /// # Errors
    ///
    /// [`FormatError::Unencodable`] when a value has no JSON form.
    pub fn encode(&self) -> Result<String, FormatError> {
        let members = Members {
            persist_store: LAYOUT_VERSION,
            store_id: self.store_id.to_string(),
            created: self.created.to_string(),
            created_by: self.created_by.clone(),
            required_features: self.required_features.clone(),
        };
        let json = serde_json::to_string_pretty(&members)
            .map_err(|error| FormatError::unencodable_with("the store marker has no JSON form", error))?;
        Ok(seal(&json))
    }

    /// Checks every byte of the file and reads it.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`] when a byte was changed; [`FormatError::UnknownLayout`] or
    /// [`FormatError::UnknownFeature`] when the store needs a newer release.
    pub fn parse(file: &[u8]) -> Result<Self, FormatError> {
        check_digest(file)?;
        let layout: AnyLayout = read(file)?;
        if layout.persist_store != LAYOUT_VERSION {
            return Err(FormatError::UnknownLayout {
                found: layout.persist_store,
                supported: LAYOUT_VERSION,
                release: layout.min_release,
            });
        }
        let members: Members = read(file)?;
        if let Some(Feature { name, release }) = members.required_features.into_iter().next() {
            return Err(FormatError::UnknownFeature { name, release });
        }
        let store_id = uuid::Uuid::try_parse(&members.store_id).map_err(|error| {
            FormatError::corrupt_with("the store_id of the store marker is no UUID", error)
        })?;
        let created = members.created.parse()?;
        Ok(Self { store_id, created, created_by: members.created_by, required_features: Vec::new() })
    }
}

/// Adds the digest as the last member of a pretty-printed object.
fn seal(json: &str) -> String {
    let body = json.strip_suffix("\n}").unwrap_or(json);
    let covered = format!("{body},\n");
    let digest = ContentHash::of(covered.as_bytes());
    format!("{covered}{}{digest}{END}", &DIGEST_LINE[1..])
}

fn check_digest(file: &[u8]) -> Result<(), FormatError> {
    let text = std::str::from_utf8(file)
        .map_err(|error| FormatError::corrupt_with("the store marker is not UTF-8", error))?;
    let Some((before, digest)) = text.rsplit_once(DIGEST_LINE) else {
        return Err(FormatError::corrupt("the store marker has no line with its \"sha256\""));
    };
    let covered = &text[..=before.len()];
    let Some(digest) = digest.strip_suffix(END) else {
        return Err(FormatError::corrupt("the store marker does not end after its \"sha256\""));
    };
    let found = ContentHash(Sha256::digest(covered).into());
    if digest != found.to_string() {
        return Err(FormatError::corrupt(format!(
            "the store marker has the SHA-256 {found}, but holds \"{digest}\""
        )));
    }
    Ok(())
}

fn read<'de, T: Deserialize<'de>>(file: &'de [u8]) -> Result<T, FormatError> {
    serde_json::from_slice(file).map_err(|error| {
        FormatError::corrupt_with("the store marker does not have the expected members", error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Marker {
        Marker {
            store_id: uuid::Uuid::from_bytes([7; 16]),
            created: Timestamp::from_micros(1_795_411_607_123_456).unwrap(),
            created_by: "persist 0.1.0".to_owned(),
            required_features: Vec::new(),
        }
    }

    #[test]
    fn the_file_is_stable_and_reads_back() {
        let text = sample().encode().unwrap();
        assert!(text.starts_with(
            "{\n  \"persist_store\": 1,\n  \"store_id\": \"07070707-0707-0707-0707-070707070707\",\n  \
             \"created\": \"2026-11-23T05:26:47.123456Z\",\n  \"created_by\": \"persist 0.1.0\",\n  \
             \"required_features\": [],\n  \"sha256\": \""
        ));
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        assert_eq!(Marker::parse(text.as_bytes()).unwrap(), sample());
        assert!(Marker::parse(Marker::create().encode().unwrap().as_bytes()).is_ok());
    }

    #[test]
    fn any_changed_lost_or_added_byte_is_damage() {
        let text = sample().encode().unwrap().into_bytes();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut damaged = text.clone();
                damaged[at] ^= 1 << bit;
                assert!(Marker::parse(&damaged).unwrap_err().is_damage(), "byte {at}");
            }
            assert!(Marker::parse(&text[..at]).unwrap_err().is_damage(), "cut at {at}");
        }
        assert!(Marker::parse(&[text.as_slice(), b"\n"].concat()).unwrap_err().is_damage());
    }

    #[test]
    fn newer_stores_are_refused_by_naming_the_release() {
        let newer = seal("{\n  \"persist_store\": 2,\n  \"min_release\": \"3.0.0\"\n}");
        let error = Marker::parse(newer.as_bytes()).unwrap_err();
        assert!(error.to_string().ends_with("install Persist 3.0.0 or newer"), "{error}");
        let mut marker = sample();
        marker.required_features.push(Feature { name: "locks".into(), release: "0.4.0".into() });
        let error = Marker::parse(marker.encode().unwrap().as_bytes()).unwrap_err();
        assert!(matches!(error, FormatError::UnknownFeature { name, .. } if name == "locks"));
    }

    #[test]
    fn a_label_cannot_pass_for_the_digest_line() {
        let mut marker = sample();
        marker.created_by = "x\n  \"sha256\": \"0".to_owned();
        assert_eq!(Marker::parse(marker.encode().unwrap().as_bytes()).unwrap(), marker);
    }
}
