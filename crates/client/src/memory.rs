//! What a session has seen: tokens, joined by the server as soon as there are several.
//!
//! Only the server can join two tokens. Each call carries all that are held in the metadata `x-tidegate-at-least`; where these were several,
//! the answer brings their join in `x-tidegate-joined`, which takes their place. So a session holds one token and a few fresh ones, and
//! never forgets a position that it has seen.
//!
//! Many calls side by side would each bring a token of their own, and carry the same ones: what is held would grow without an end. But
//! nearly all of them stand for an earlier and a later position of the same account, and whether one covers another can be read in them.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;

/// Tokens that one call carries. The server reads no more.
pub(crate) const SENT_MAX: usize = 32;
/// Tokens that are held. Only callers that never let theirs be joined come so far: then the oldest goes.
const HELD_MAX: usize = 1_024;
/// Bytes ahead of a token's payload that prove to the cluster that it made it.
const TAG: usize = 16;

/// How far one generation of a group has come.
#[derive(Clone, PartialEq, Message)]
struct Position {
    #[prost(uint32, tag = "1")]
    group: u32,
    #[prost(uint32, tag = "2")]
    generation: u32,
    #[prost(uint64, tag = "3")]
    index: u64,
}

/// What the text of a token holds, as `tidegate_service::Token` writes it; a client depends on no more of the cluster than its protocol. A test
/// on either side has the same text, so that the two can't part unseen.
#[derive(Clone, PartialEq, Message)]
struct Payload {
    #[prost(string, tag = "1")]
    cluster: String,
    #[prost(message, repeated, tag = "2")]
    positions: Vec<Position>,
    #[prost(uint32, tag = "3")]
    salt: u32,
}

/// What a token stands for: the cluster, and where each generation of its groups is.
#[derive(Clone, Debug, PartialEq)]
struct Reach {
    cluster: String,
    positions: BTreeMap<(u32, u32), u64>,
}

impl Reach {
    /// `None`: a text that this build does not know how to read, and therefore compares with none.
    fn read(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let Payload { cluster, positions, .. } = Payload::decode(bytes.get(TAG..)?).ok()?;
        if cluster.is_empty() || positions.is_empty() {
            return None;
        }
        let positions = positions.into_iter().map(|p| ((p.group, p.generation), p.index)).collect();
        Some(Self { cluster, positions })
    }

    fn covers(&self, other: &Self) -> bool {
        let reached = |(at, index)| self.positions.get(at).is_some_and(|here| here >= index);
        self.cluster == other.cluster && other.positions.iter().all(reached)
    }
}

#[derive(Clone, Debug)]
struct Held {
    token: String,
    reach: Option<Reach>,
}

impl Held {
    fn new(token: &str) -> Self {
        Self { token: token.to_owned(), reach: Reach::read(token) }
    }

    /// Whether whoever has seen this has seen the other.
    fn covers(&self, other: &Self) -> bool {
        let reached = match (&self.reach, &other.reach) {
            (Some(here), Some(there)) => here.covers(there),
            _ => false,
        };
        reached || self.token == other.token
    }
}

/// The tokens of a session, the oldest first. None covers another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Vec<Held>);

impl Memory {
    /// Remembers a token.
    pub(crate) fn saw(&mut self, token: &str) {
        if !token.is_empty() {
            self.hold(Held::new(token), false);
        }
    }

    fn hold(&mut self, new: Held, first: bool) {
        if self.0.iter().any(|held| held.covers(&new)) {
            return;
        }
        self.0.retain(|held| !new.covers(held));
        if self.0.len() == HELD_MAX {
            self.0.remove(0);
        }
        self.0.insert(if first { 0 } else { self.0.len() }, new);
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.iter().map(|held| held.token.clone()).collect()
    }

    /// What a call carries: the oldest ones, so that they are joined first; nothing where nothing was seen.
    pub(crate) fn to_send(&self) -> Option<String> {
        let sent: Vec<&str> = self.0.iter().take(SENT_MAX).map(|held| &*held.token).collect();
        if sent.is_empty() { None } else { Some(sent.join(",")) }
    }

    /// The server has joined what was sent.
    pub(crate) fn joined(&mut self, sent: &str, joined: &str) {
        if joined.is_empty() {
            return;
        }
        let before = self.0.len();
        self.0.retain(|held| !sent.split(',').any(|token| token == held.token));
        // Where none of them is held any more, something that covers them all is.
        if self.0.len() < before {
            self.hold(Held::new(joined), true);
        }
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
        memory.joined(&sent, "ba");
        assert_eq!(memory.all(), ["ab", "c"], "another call carried the same");
    }

    fn token(salt: u32, positions: &[(u32, u32, u64)]) -> String {
        let position = |(group, generation, index): &(u32, u32, u64)| Position {
            group: *group,
            generation: *generation,
            index: *index,
        };
        let positions = positions.iter().map(position).collect();
        let payload = Payload { cluster: "c".to_owned(), positions, salt };
        URL_SAFE_NO_PAD.encode([&[7; TAG][..], &payload.encode_to_vec()].concat())
    }

    #[test]
    fn what_another_covers_is_not_held() {
        let mut memory = Memory::default();
        let (early, late) = (token(0, &[(1, 0, 5)]), token(0, &[(1, 0, 6)]));
        for token in [&early, &late, &early, &token(1, &[(1, 0, 6)])] {
            memory.saw(token);
        }
        assert_eq!(memory.all(), [&*late]);
        // Neither another group nor another generation says anything of this one; a cluster is not another, either.
        let others = [token(0, &[(2, 0, 9)]), token(0, &[(1, 1, 9)]), "unread".to_owned()];
        for token in &others {
            memory.saw(token);
        }
        assert_eq!(memory.all().len(), 4);
        let both = token(0, &[(1, 0, 6), (2, 0, 9)]);
        memory.saw(&both);
        assert_eq!(memory.all(), [&*others[1], "unread", &*both]);
        let foreign = Payload {
            cluster: "d".to_owned(),
            positions: vec![Position { group: 1, generation: 0, index: 1 }],
            salt: 0,
        };
        memory.saw(&URL_SAFE_NO_PAD.encode([&[7; TAG][..], &foreign.encode_to_vec()].concat()));
        assert_eq!(memory.all().len(), 4);
    }

    #[test]
    fn many_calls_side_by_side_leave_little_behind() {
        let mut memory = Memory::default();
        let mut most = 0;
        for round in 0..50_u64 {
            // All set out with the same, and come back with a token of one of three accounts each, and the join of what they carried.
            let sent = memory.to_send();
            for call in 0..64 {
                let (group, index) = (u32::try_from(call % 3).unwrap(), 64 * round + call);
                if let Some(sent) = &sent {
                    let reaches = sent.split(',').filter_map(Reach::read);
                    let mut joined = BTreeMap::new();
                    for ((group, _), index) in reaches.flat_map(|r| r.positions) {
                        let at: &mut u64 = joined.entry(group).or_default();
                        *at = index.max(*at);
                    }
                    let joined: Vec<_> = joined.into_iter().map(|(g, n)| (g, 0, n)).collect();
                    memory.joined(sent, &token(u32::try_from(call).unwrap(), &joined));
                }
                memory.saw(&token(0, &[(group, 0, index)]));
                most = most.max(memory.all().len());
            }
        }
        assert!(most <= 4, "{most}");
    }

    /// As a cluster writes it: the test of the service has the same text.
    #[test]
    fn a_token_of_a_cluster_is_read() {
        let read = Reach::read("8s-4wItoFi9mptQU5Va1pAoBYxIECAMYCRIGCAQQAhgH").unwrap();
        assert_eq!(read.cluster, "c");
        assert_eq!(read.positions, BTreeMap::from([((3, 0), 9), ((4, 2), 7)]));
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
