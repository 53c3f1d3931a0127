//! Recorded sessions: a base object and a list of events, from which every successive state follows.

/// A recorded session.
///
/// The file has one event a line: line 3 is `"base":{…},`, line 4 is `"events":[`, and `]}` ends it.
#[derive(Clone, Copy, Debug)]
pub struct Recording<'a> {
    base: &'a [u8],
    events: &'a [u8],
}

impl<'a> Recording<'a> {
    /// Reads a file; `None` when it is no recorded session.
    #[must_use]
    pub fn parse(file: &'a [u8]) -> Option<Self> {
        let mut lines = file.splitn(5, |byte| *byte == b'\n').skip(2);
        let base = lines.next()?.strip_prefix(br#""base":"#)?.strip_suffix(b"},")?;
        lines.next().filter(|line| line == br#""events":["#)?;
        let events = lines.next()?.trim_ascii_end().strip_suffix(b"]}")?;
        Some(Self { base, events: events.strip_suffix(b"\n").unwrap_or(events) })
    }

    /// The states, one after the other. After step `n` the state is the base object with a last member `messages` that
    /// holds the events up to `n`, all in the bytes of the file.
    pub fn states(self) -> impl Iterator<Item = Vec<u8>> + use<'a> {
        let mut open = self.base.to_vec();
        open.extend_from_slice(if self.base == b"{" { br#""messages":["# } else { br#","messages":["# });
        let events = self.events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        events.enumerate().map(move |(step, line)| {
            if step > 0 {
                open.push(b',');
            }
            open.extend_from_slice(line.strip_suffix(b",").unwrap_or(line));
            [&open[..], b"]}"].concat()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(file: &[u8]) -> Vec<Vec<u8>> {
        Recording::parse(file).expect("a recording").states().collect()
    }

    #[test]
    fn each_state_adds_one_event_in_its_own_bytes() {
        let file = b"{\"source\":\"s\",\n\"final\":{},\n\"base\":{\"a\": 1e0},\n\"events\":[\n{\"x\":\"\\u0041\"},\n2\n]}\n";
        assert_eq!(
            states(file),
            [
                br#"{"a": 1e0,"messages":[{"x":"\u0041"}]}"#.to_vec(),
                br#"{"a": 1e0,"messages":[{"x":"\u0041"},2]}"#.to_vec()
            ]
        );
    }

    #[test]
    fn an_empty_base_needs_no_comma() {
        let file = b"{\"source\":\"s\",\n\"final\":{},\n\"base\":{},\n\"events\":[\n1\n]}\n";
        assert_eq!(states(file), [br#"{"messages":[1]}"#.to_vec()]);
    }

    #[test]
    fn a_session_without_events_has_no_states() {
        assert!(states(b"{\"source\":\"s\",\n\"final\":{},\n\"base\":{},\n\"events\":[\n]}").is_empty());
    }

    #[test]
    fn other_files_are_no_recordings() {
        for file in [&b""[..], b"{}", b"a\nb\n\"base\":{},\n\"events\":[", b"a\nb\n\"base\":{},\nc\n]}"] {
            assert!(Recording::parse(file).is_none(), "{}", String::from_utf8_lossy(file));
        }
    }
}
