//! Consistency tokens: what a caller has seen, so that it can ask for no less.

use prost::Message;
use tidegate_authn::{ClusterKey, Mac};
use tidegate_replica::{Clock, GroupId, Origin};

use crate::{Reason, ServiceError, View};

/// Positions that one token may hold. Past it the request is refused, never the token cut.
pub const TOKEN_POSITIONS_MAX: usize = 16;

#[derive(Clone, PartialEq, Message)]
struct PositionV1 {
    #[prost(uint32, tag = "1")]
    group: u32,
    #[prost(uint32, tag = "2")]
    generation: u32,
    #[prost(uint64, tag = "3")]
    index: u64,
}

#[derive(Clone, PartialEq, Message)]
struct TokenV1 {
    #[prost(string, tag = "1")]
    cluster: String,
    #[prost(message, repeated, tag = "2")]
    positions: Vec<PositionV1>,
    /// Says nothing: it makes another text of the same.
    #[prost(uint32, tag = "3")]
    salt: u32,
}

/// What a caller has seen of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The cluster's id.
    pub cluster: String,
    /// Positions of the groups that were read or written.
    pub positions: Clock,
}

fn refused(why: &str) -> ServiceError {
    ServiceError::new(Reason::InvalidToken, format!("the consistency token can't be used: {why}"))
}

impl Token {
    /// The token as callers hold it.
    pub fn write(&self, key: &ClusterKey) -> Result<String, ServiceError> {
        let mut positions = Vec::new();
        for (origin, index) in self.positions.iter() {
            if let Origin::Group { group, generation } = origin {
                positions.push(PositionV1 { group: group.0, generation, index });
            }
        }
        if positions.len() > TOKEN_POSITIONS_MAX {
            return Err(refused(
                "it would name more than 16 groups; ask about fewer accounts at once",
            ));
        }
        let wire = TokenV1 { cluster: self.cluster.clone(), positions, salt: 0 };
        let salted = |salt| TokenV1 { salt, ..wire.clone() }.encode_to_vec();
        Ok(Mac::new(key, "consistency token v1").write_word(salted))
    }

    /// Reads a token of a view's cluster, whose positions the view has or may yet have.
    ///
    /// # Errors
    /// As [`Token::read`], and where the view knows that a position was lost for good.
    pub fn read_in(key: &ClusterKey, view: &View, text: &str) -> Result<Self, ServiceError> {
        let cluster = view.directory.cluster().map(|c| c.id.as_str()).unwrap_or_default();
        let token = Self::read(key, cluster, text)?;
        view.check_positions(&token.positions)?;
        Ok(token)
    }

    /// Reads a token of this cluster.
    pub fn read(key: &ClusterKey, cluster: &str, text: &str) -> Result<Self, ServiceError> {
        let payload = Mac::new(key, "consistency token v1")
            .read(text)
            .map_err(|e| refused(&e.to_string()))?;
        let wire = TokenV1::decode(&*payload).map_err(|_| refused("it is malformed"))?;
        if wire.cluster != cluster {
            return Err(refused("it is of another cluster"));
        }
        let position = |p: PositionV1| {
            (Origin::Group { group: GroupId(p.group), generation: p.generation }, p.index)
        };
        Ok(Self {
            cluster: wire.cluster,
            positions: wire.positions.into_iter().map(position).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_nobody_forges_one() {
        let key = ClusterKey::new(1, &[7; 32]).unwrap();
        let origin = Origin::Group { group: GroupId(3), generation: 0 };
        let token = Token { cluster: "c".into(), positions: Clock::from_iter([(origin, 9)]) };
        let text = token.write(&key).unwrap();
        assert_eq!(Token::read(&key, "c", &text).unwrap(), token);
        assert_eq!(Token::read(&key, "d", &text).unwrap_err().reason, Reason::InvalidToken);
        let other = ClusterKey::new(1, &[8; 32]).unwrap();
        assert_eq!(Token::read(&other, "c", &text).unwrap_err().reason, Reason::InvalidToken);
        let many =
            (0..17).map(|g| (Origin::Group { group: GroupId(g), generation: 0 }, 1)).collect();
        assert!(Token { cluster: "c".into(), positions: many }.write(&key).is_err());
    }

    /// The client reads it to see which of two covers the other; a test of it has the same text.
    #[test]
    fn the_form_of_a_token_stays() {
        let key = ClusterKey::new(1, &[7; 32]).unwrap();
        let at =
            |group, generation, index| (Origin::Group { group: GroupId(group), generation }, index);
        let positions = Clock::from_iter([at(3, 0, 9), at(4, 2, 7)]);
        let token = Token { cluster: "c".into(), positions };
        assert_eq!(token.write(&key).unwrap(), "8s-4wItoFi9mptQU5Va1pAoBYxIECAMYCRIGCAQQAhgH");
    }

    #[test]
    fn no_token_begins_like_an_option() {
        let key = ClusterKey::new(1, &[7; 32]).unwrap();
        let origin = Origin::Group { group: GroupId(3), generation: 0 };
        for at in 0..2_000 {
            let token = Token { cluster: "c".into(), positions: Clock::from_iter([(origin, at)]) };
            let text = token.write(&key).unwrap();
            assert!(!text.starts_with('-'), "{text}");
            assert_eq!(Token::read(&key, "c", &text).unwrap(), token);
        }
    }
}
