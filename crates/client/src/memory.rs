//! What a session has seen: tokens, joined by the server as soon as there are several.
//!
//! A token is opaque, so that only the server can join two. Each call carries all that are held in the metadata `x-tidegate-at-least`; where
//! these were several, the answer brings their join in `x-tidegate-joined`, which takes their place. So a session holds one token
//! and a few fresh ones, and never forgets a position that it has seen.

/// Tokens that one call carries. The server reads no more.
pub(crate) const SENT_MAX: usize = 32;
/// Tokens that are held. Only callers that never let theirs be joined come so far: then the oldest goes.
const HELD_MAX: usize = 1_024;

/// The tokens of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Vec<String>);

impl Memory {
    /// Remembers a token.
    pub(crate) fn saw(&mut self, token: &str) {
        if token.is_empty() || self.0.iter().any(|t| t == token) {
            return;
        }
        if self.0.len() == HELD_MAX {
            self.0.remove(0);
        }
        self.0.push(token.to_owned());
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.clone()
    }

    /// What a call carries: the oldest ones, so that they are joined first; nothing where nothing was seen.
    pub(crate) fn to_send(&self) -> Option<String> {
        let sent: Vec<&str> = self.0.iter().take(SENT_MAX).map(String::as_str).collect();
        if sent.is_empty() { None } else { Some(sent.join(",")) }
    }

    /// The server has joined what was sent.
    pub(crate) fn joined(&mut self, sent: &str, joined: &str) {
        if joined.is_empty() {
            return;
        }
        self.0.retain(|t| !sent.split(',').any(|s| s == t));
        self.0.insert(0, joined.to_owned());
        self.0.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_takes_the_place_of_what_it_joins_and_of_nothing_else() {
        let mut memory = Memory::default();
        assert_eq!(memory.to_send(), None);
        for token in ["a", "b", "", "a"] {
            memory.saw(token);
        }
        let sent = memory.to_send().unwrap();
        assert_eq!(sent, "a,b");
        memory.saw("c");
        memory.joined(&sent, "ab");
        assert_eq!(memory.all(), ["ab", "c"], "what came meanwhile stays");
        memory.joined("ab,c", "");
        assert_eq!(memory.all(), ["ab", "c"], "no join, no change");
    }

    #[test]
    fn what_is_sent_is_bounded_and_the_oldest_comes_first() {
        let mut memory = Memory::default();
        for n in 0..40 {
            memory.saw(&n.to_string());
        }
        let sent = memory.to_send().unwrap();
        assert_eq!(sent.split(',').count(), SENT_MAX);
        memory.joined(&sent, "j");
        assert_eq!(memory.all().len(), 40 - SENT_MAX + 1);
        assert_eq!(memory.all().first().map(String::as_str), Some("j"));
    }
}
