//! References as people write them: `AGENT/SESSION@INDEX`.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{AgentId, InvalidId, SessionId, SnapshotIndex};

/// One session of one agent, written `AGENT/SESSION`.
///
/// A `/`, `@` or `%` inside an id is written percent-encoded (`%2F`, `%40`, `%25`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionRef {
    /// The agent.
    pub agent: AgentId,
    /// The session of that agent.
    pub session: SessionId,
}

/// One snapshot of a session, written `AGENT/SESSION@INDEX`, or its newest one, written `AGENT/SESSION@latest` or just
/// `AGENT/SESSION`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotRef {
    /// The session.
    pub session: SessionRef,
    /// The snapshot's index; `None` stands for the newest snapshot.
    pub index: Option<SnapshotIndex>,
}

/// What an operation on many snapshots covers, written `AGENT[/SESSION[@INDEX]]`.
///
/// A part that is `None` stands for all; the default covers the whole store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RefPattern {
    /// Only this agent. Parsing a text always sets it.
    pub agent: Option<AgentId>,
    /// Only this session of the agent.
    pub session: Option<SessionId>,
    /// Only this snapshot of the session.
    pub index: Option<SnapshotIndex>,
}

/// How a reference says that it means the newest snapshot.
const LATEST: &str = "@latest";

impl SessionRef {
    /// Joins two checked ids.
    #[must_use]
    pub fn new(agent: AgentId, session: SessionId) -> Self {
        Self { agent, session }
    }
}

impl fmt::Display for SessionRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", Escaped(self.agent.as_str()), Escaped(self.session.as_str()))
    }
}

impl fmt::Display for SnapshotRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(formatter)?;
        match self.index {
            Some(index) => write!(formatter, "@{index}"),
            None => Ok(()),
        }
    }
}

impl FromStr for SessionRef {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.contains('@') {
            return Err(unexpected('@', text));
        }
        Ok(text.parse::<SnapshotRef>()?.session)
    }
}

/// As its text.
impl Serialize for SnapshotRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for SnapshotRef {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // An `@` inside an id is written `%40`, so this one is the reference's own.
        let (rest, latest) = match text.strip_suffix(LATEST) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        match rest.parse()? {
            RefPattern { index: Some(_), .. } if latest => Err(unexpected('@', text)),
            RefPattern { agent: Some(agent), session: Some(session), index } => {
                Ok(Self { session: SessionRef { agent, session }, index })
            }
            _ => Err(InvalidId::MissingSlash { text: text.to_owned() }),
        }
    }
}

impl FromStr for RefPattern {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (agent, rest) = match text.split_once('/') {
            Some((agent, rest)) => (agent, Some(rest)),
            None => (text, None),
        };
        if agent.contains('@') {
            return Err(unexpected('@', text));
        }
        let agent = AgentId::parse(&unescape("agent id", agent)?)?;
        let Some(rest) = rest else {
            return Ok(Self { agent: Some(agent), session: None, index: None });
        };
        if rest.contains('/') {
            return Err(unexpected('/', text));
        }
        let (session, index) = match rest.split_once('@') {
            Some((session, index)) => (session, Some(index)),
            None => (rest, None),
        };
        let session = SessionId::parse(&unescape("session id", session)?)?;
        let index = index.map(parse_index).transpose()?;
        Ok(Self { agent: Some(agent), session: Some(session), index })
    }
}

fn parse_index(text: &str) -> Result<SnapshotIndex, InvalidId> {
    if text.is_empty() {
        return Err(InvalidId::Empty { what: "snapshot index" });
    }
    text.parse()
}

fn unexpected(found: char, text: &str) -> InvalidId {
    let encoded = if found == '@' { "%40" } else { "%2F" };
    InvalidId::UnexpectedSeparator { found, encoded, text: text.to_owned() }
}

/// Shows an id with the three characters that have a meaning in a reference percent-encoded.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['/', '@', '%']) {
            formatter.write_str(&rest[..at])?;
            write!(formatter, "%{:02X}", rest.as_bytes()[at])?;
            rest = &rest[at + 1..];
        }
        formatter.write_str(rest)
    }
}

fn unescape(what: &'static str, text: &str) -> Result<String, InvalidId> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        match (digit(), digit()) {
            // Two hexadecimal digits make at most 255.
            (Some(high), Some(low)) => decoded.push((high * 16 + low) as u8),
            _ => return Err(InvalidId::MalformedPercent { what, text: text.to_owned() }),
        }
    }
    String::from_utf8(decoded).map_err(|_| InvalidId::NotUtf8 { what, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn snapshot(text: &str) -> Result<SnapshotRef, InvalidId> {
        text.parse()
    }

    #[test]
    fn reads_and_writes_the_same_syntax() {
        for text in ["a/b", "a/b@0", "a b/ü@17", "a%2Fb/c%40d%25@3", "../..@1", "a+b/#c"] {
            assert_eq!(snapshot(text).unwrap().to_string(), text);
        }
        let parsed = snapshot("%61%2fb/%F0%9F%A6%80").unwrap();
        assert_eq!(parsed.session.agent.as_str(), "a/b");
        assert_eq!(parsed.session.session.as_str(), "🦀");
        assert_eq!(parsed.index, None);
    }

    #[test]
    fn refusals_are_specific() {
        use InvalidId as E;
        assert!(matches!(snapshot("agent"), Err(E::MissingSlash { .. })));
        assert!(matches!(snapshot("/b"), Err(E::Empty { what: "agent id" })));
        assert!(matches!(snapshot("a/"), Err(E::Empty { what: "session id" })));
        assert!(matches!(snapshot("a/@1"), Err(E::Empty { what: "session id" })));
        assert!(matches!(snapshot("a/b@"), Err(E::Empty { what: "snapshot index" })));
        assert!(matches!(snapshot("a/b@x"), Err(E::BadIndex { .. })));
        assert!(matches!(snapshot("a/b@1@2"), Err(E::BadIndex { .. })));
        assert!(matches!(snapshot("a/b/c"), Err(E::UnexpectedSeparator { found: '/', .. })));
        assert!(matches!(snapshot("a@1/b"), Err(E::UnexpectedSeparator { found: '@', .. })));
        for text in ["a/%", "a/%4", "a/%zz", "a/%+1", "a/%é1"] {
            assert!(matches!(snapshot(text), Err(E::MalformedPercent { .. })), "{text}");
        }
        assert!(matches!(snapshot("a/%FF"), Err(E::NotUtf8 { .. })));
        assert!(matches!(snapshot("a/%0A"), Err(E::ControlCharacter { .. })));
        let long = format!("a/{}", "x".repeat(201));
        assert!(matches!(snapshot(&long), Err(E::TooLong { found: 201, .. })));
        assert!(matches!("a/b@1".parse::<SessionRef>(), Err(E::UnexpectedSeparator { found: '@', .. })));
    }

    #[test]
    fn the_newest_may_be_asked_for_by_name() {
        assert_eq!(snapshot("a/b@latest").unwrap(), snapshot("a/b").unwrap());
        for text in ["a/b@1@latest", "a@latest", "a/@latest", "a/b@Latest"] {
            assert!(snapshot(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_may_stop_early() {
        let pattern: RefPattern = "a%2F".parse().unwrap();
        assert_eq!((pattern.agent.unwrap().as_str(), pattern.session, pattern.index), ("a/", None, None));
        let pattern: RefPattern = "a/b@2".parse().unwrap();
        assert_eq!(pattern.session.unwrap().as_str(), "b");
        assert_eq!(pattern.index.unwrap().get(), 2);
        assert!(matches!("a@2".parse::<RefPattern>(), Err(InvalidId::UnexpectedSeparator { .. })));
        assert!("".parse::<RefPattern>().is_err());
    }

    proptest! {
        #[test]
        fn every_reference_survives_its_text(
            agent in "\\PC{1,40}", session in "[/@%a]{1,20}", index in proptest::option::of(0..10_000_000_000_u64),
        ) {
            let reference = SnapshotRef {
                session: SessionRef::new(AgentId::parse(&agent).unwrap(), SessionId::parse(&session).unwrap()),
                index: index.map(|index| SnapshotIndex::new(index).unwrap()),
            };
            prop_assert_eq!(snapshot(&reference.to_string()).unwrap(), reference);
        }
    }
}
