//! A made-up session: a conversation that grows by messages, as agents' states do.

use std::io::Write as _;

use crate::cli::args::Synthetic;

const OPENING: &[u8] = br#"{"agent":"assistant","model":"large","temperature":0.2,"messages":["#;

/// Agents mark the end of what their model may cache. The mark moves along, so the middle of the state changes too.
const MARK: &[u8] = br#","cache_control":{"type":"ephemeral"}"#;

/// The length of an average message of the first state.
const MESSAGE: usize = 2_000;

const WORDS: [&str; 40] = [
    "after", "agent", "answer", "before", "branch", "build", "caller", "change", "column", "commit", "count",
    "document", "empty", "failed", "field", "filter", "found", "import", "index", "input", "is", "line",
    "list", "module", "name", "of", "output", "passed", "query", "request", "result", "row", "search",
    "table", "test", "the", "to", "update", "value", "with",
];

/// The states of one session, one after the other. They are the same for the same measures.
pub(super) struct SyntheticStates {
    measures: Synthetic,
    random: fastrand::Rng,
    /// The messages so far, without marks.
    messages: Vec<u8>,
    count: usize,
    /// Where the marks belong: in the last messages of the last two steps.
    marks: [Option<usize>; 2],
    step: usize,
}

impl SyntheticStates {
    pub(super) fn new(measures: Synthetic) -> Self {
        let random = fastrand::Rng::with_seed(0);
        Self { measures, random, messages: Vec::new(), count: 0, marks: [None, None], step: 0 }
    }

    /// Adds messages of so many bytes together, or of a few more.
    fn grow(&mut self, bytes: usize) {
        let until = self.messages.len() + bytes;
        let mut mark = None;
        while self.messages.len() < until {
            mark = Some(self.message((until - self.messages.len()).min(MESSAGE)));
        }
        if mark.is_some() {
            self.marks = [self.marks[1], mark];
        }
    }

    /// Adds a message of so many bytes, or of the least that one needs, and gives back where its mark belongs.
    fn message(&mut self, bytes: usize) -> usize {
        let end = self.messages.len() + bytes;
        let separator = if self.count == 0 { "" } else { "," };
        let role = ["user", "assistant", "tool"][self.count % 3];
        // Writing into memory cannot fail, here and below.
        let _ = write!(
            self.messages,
            r#"{separator}{{"id":"msg_{:016x}","role":"{role}","content":""#,
            self.random.u64(..)
        );
        self.count += 1;
        // Of the closing quote and brace.
        let content_end = end.saturating_sub(2).max(self.messages.len());
        while self.messages.len() < content_end {
            let word = WORDS[self.random.usize(..WORDS.len())];
            let _ = match self.random.u8(..10) {
                0 => write!(self.messages, "{} ", self.random.u32(..100_000)),
                _ => write!(self.messages, "{word} "),
            };
        }
        self.messages.truncate(content_end);
        self.messages.push(b'"');
        let mark = self.messages.len();
        self.messages.push(b'}');
        mark
    }

    fn state(&self) -> Vec<u8> {
        let mut state = Vec::with_capacity(OPENING.len() + self.messages.len() + 2 * MARK.len() + 32);
        state.extend_from_slice(OPENING);
        let mut from = 0;
        for mark in self.marks.into_iter().flatten() {
            state.extend_from_slice(&self.messages[from..mark]);
            state.extend_from_slice(MARK);
            from = mark;
        }
        state.extend_from_slice(&self.messages[from..]);
        let _ = write!(state, r#"],"step":{}}}"#, self.step);
        state
    }
}

impl Iterator for SyntheticStates {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.step == self.measures.steps {
            return None;
        }
        let bytes = if self.step == 0 {
            self.measures.bytes.saturating_sub(OPENING.len() + MARK.len())
        } else {
            self.measures.change
        };
        self.grow(bytes);
        self.step += 1;
        Some(self.state())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(steps: usize, bytes: usize, change: usize) -> Vec<Vec<u8>> {
        SyntheticStates::new(Synthetic { steps, bytes, change }).collect()
    }

    #[test]
    fn states_have_the_measures_and_are_always_the_same() {
        let made = states(20, 17_000, 2_000);
        assert_eq!(made.len(), 20);
        for (step, state) in made.iter().enumerate() {
            assert!(state.len().abs_diff(17_000 + step * 2_000) < 200, "step {step}: {}", state.len());
            persist_host::validate_json(state).unwrap();
        }
        assert_eq!(made, states(20, 17_000, 2_000));
    }

    #[test]
    fn the_smallest_measures_make_states_too() {
        for (bytes, change) in [(0, 0), (0, 1), (1, 0), (300, 5)] {
            for state in states(3, bytes, change) {
                persist_host::validate_json(&state).unwrap();
            }
        }
    }

    #[test]
    fn the_middle_changes_as_well_as_the_end() {
        let made = states(5, 10_000, 1_000);
        let marks = |state: &[u8]| state.windows(MARK.len()).filter(|window| *window == MARK).count();
        assert_eq!(made.iter().map(|state| marks(state)).collect::<Vec<_>>(), [1, 2, 2, 2, 2]);
        for pair in made.windows(2).skip(1) {
            let common = pair[0].iter().zip(&pair[1]).take_while(|(one, other)| one == other).count();
            assert!(pair[0].len() - common > 1_000, "only {} bytes before the end", pair[0].len() - common);
        }
    }
}
