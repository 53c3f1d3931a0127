//! A large state like those of real agents, made rather than stored.

use std::fmt::Write as _;

const WORDS: [&str; 48] = [
    "the",
    "file",
    "error",
    "import",
    "return",
    "self",
    "test",
    "value",
    "assert",
    "class",
    "expected",
    "found",
    "patch",
    "line",
    "module",
    "index",
    "search",
    "result",
    "None",
    "True",
    "path",
    "with",
    "open",
    "read",
    "write",
    "agent",
    "tool",
    "call",
    "output",
    "django",
    "models",
    "query",
    "fields",
    "commit",
    "branch",
    "please",
    "check",
    "whether",
    "function",
    "argument",
    "string",
    "number",
    "session",
    "message",
    "content",
    "user",
    "assistant",
    "ok",
];

/// A JSON state of at least `bytes` bytes and at most some kilobytes more: a conversation whose messages hold tool
/// calls, code and a little noise. It is the same for the same size, and gzip makes about a quarter of it.
#[must_use]
pub fn agent_state(bytes: usize) -> Vec<u8> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut text = String::with_capacity(bytes + 8_192);
    text.push_str(r#"{"agent":"support","model":"large","temperature":0.7,"messages":["#);
    let mut count = 0;
    while text.len() < bytes {
        if count > 0 {
            text.push(',');
        }
        message(&mut text, count, &mut random);
        count += 1;
    }
    // Writing into a string cannot fail, here and below.
    let _ = write!(text, r#"],"count":{count}}}"#);
    text.into_bytes()
}

fn message(text: &mut String, count: u32, random: &mut Random) {
    let role = ["user", "assistant", "tool"][(count % 3) as usize];
    let _ = write!(text, r#"{{"id":"{:016x}","role":"{role}","content":""#, random.next());
    for word in 0..random.below(600) {
        let separator = if word % 12 == 11 { "\\n    " } else { " " };
        let _ = write!(text, "{}{separator}", WORDS[random.below(WORDS.len())]);
        if word % 9 == 0 {
            let _ = write!(text, "{} ", random.below(100_000));
        }
    }
    let _ = write!(
        text,
        r#"","tokens":{},"cost":{}.{:06}}}"#,
        random.below(4_000),
        random.below(3),
        random.below(999_999)
    );
}

/// Steele and Vigna's splitmix64: short, and good enough to keep a compressor busy.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_size_and_is_always_the_same() {
        let state = agent_state(200_000);
        assert!((200_000..210_000).contains(&state.len()), "{}", state.len());
        assert_eq!(state, agent_state(200_000));
        assert!(state.starts_with(br#"{"agent""#) && state.ends_with(b"}"));
    }
}
