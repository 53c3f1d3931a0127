//! Recorded sessions: a base object and a list of events, from which every successive state follows.

/// The states of a session file. After step `n` the state is the base object with a last member `messages` that holds
/// the events up to `n`, all in the bytes of the file.
///
/// The file has one event a line: line 3 is `"base":{…},`, line 4 is `"events":[`, and `]}` ends it.
pub(super) fn states(file: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    let base = lines.get(2).and_then(|line| line.strip_prefix(br#""base":"#)?.strip_suffix(b","));
    let end = lines.iter().rposition(|line| *line == b"]}");
    let (Some(base), Some(&br#""events":["#), Some(end)) = (base, lines.get(3), end) else {
        panic!("not a recorded session: {:?}…", String::from_utf8_lossy(&file[..file.len().min(80)]))
    };

    let mut open = base.strip_suffix(b"}").unwrap_or_else(|| panic!("the base is no object")).to_vec();
    open.extend_from_slice(if base == b"{}" { br#""messages":["# } else { br#","messages":["# });
    let mut states = Vec::new();
    for (step, line) in lines[4..end].iter().enumerate() {
        if step > 0 {
            open.push(b',');
        }
        open.extend_from_slice(line.strip_suffix(b",").unwrap_or(line));
        states.push([&open[..], b"]}"].concat());
    }
    states
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
