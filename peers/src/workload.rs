//! What is decided: policies in three shapes, and seeded requests with the effect that they must have.

mod exact;
mod mixed;
mod wild;

use std::collections::HashSet;

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::policy::Policy;

/// A request as it comes off a wire: plain values that no engine has looked at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    pub(crate) region: &'static str,
    pub(crate) address: String,
    pub(crate) mfa: bool,
    /// Whether it must be allowed.
    pub(crate) allowed: bool,
}

/// What the policies look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Exact actions beside wildcards, few resources, conditions: that of `testdata/decision-workload`.
    Mixed,
    /// Exact actions, 16 resources a statement, few conditions.
    Exact,
    /// Wildcards in front, within and behind, two conditions a statement, two denies.
    Wild,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::Mixed, Self::Exact, Self::Wild];

    /// What it is called in a heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Mixed => "(a) the workload of `testdata/decision-workload`",
            Self::Exact => "(b) exact actions, 16 resources a statement",
            Self::Wild => "(c) wildcards with conditions, two denies in eight",
        }
    }

    /// `count` policies of eight statements.
    pub(crate) fn policies(self, count: usize) -> Vec<Policy> {
        let policy = match self {
            Self::Mixed => mixed::policy,
            Self::Exact => exact::policy,
            Self::Wild => wild::policy,
        };
        (0..count).map(|team| policy(&format!("team{team}"))).collect()
    }

    /// `count` requests to `policies` policies, all different, half of them allowed, in an order without a pattern.
    pub(crate) fn questions(self, policies: usize, count: usize, seed: u64) -> Vec<Question> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let question = match self {
            Self::Mixed => mixed::question,
            Self::Exact => exact::question,
            Self::Wild => wild::question,
        };
        let mut known = HashSet::with_capacity(count);
        let mut questions = Vec::with_capacity(count);
        while questions.len() < count {
            let team = format!("team{}", random.random_range(0..policies));
            let kind = questions.len() % 8;
            let mut draft = Draft::new(&mut random);
            question(&mut draft, kind, &team);
            if known.insert(draft.question.clone()) {
                questions.push(draft.question);
            }
        }
        questions.shuffle(&mut random);
        questions
    }
}

/// A question being drawn: from within 10.0.0.0/8, in `us-east-1`, without a second factor, allowed, unless a kind says otherwise.
struct Draft {
    question: Question,
    /// Six digits that make names different.
    number: String,
    /// A small number that chooses among listed resources.
    choice: usize,
}

impl Draft {
    fn new(random: &mut ChaCha8Rng) -> Self {
        let [b, c] = [random.random_range(0..256), random.random_range(0..256)];
        Self {
            question: Question {
                action: "",
                resource: String::new(),
                region: "us-east-1",
                address: format!("10.{b}.{c}.{}", random.random_range(1..255)),
                mfa: false,
                allowed: true,
            },
            number: format!("{:06}", random.random_range(0..1_000_000)),
            choice: random.random_range(0..64),
        }
    }

    fn ask(&mut self, action: &'static str, resource: &str) -> &mut Self {
        self.question.action = action;
        self.question.resource = format!("arn:aws:s3:::{resource}");
        self
    }

    fn at(&mut self, address: &str) -> &mut Self {
        address.clone_into(&mut self.question.address);
        self
    }

    fn region(&mut self, region: &'static str) -> &mut Self {
        self.question.region = region;
        self
    }

    fn mfa(&mut self) -> &mut Self {
        self.question.mfa = true;
        self
    }

    fn denied(&mut self) {
        self.question.allowed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixed_shape_is_that_of_the_test_data() {
        let text = include_str!("../../crates/policy/testdata/decision-workload/k10/policies.json");
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_value(Shape::Mixed.policies(10)).unwrap(), expected);
    }

    #[test]
    fn questions_are_distinct_half_allowed_and_the_same_for_a_seed() {
        for shape in Shape::ALL {
            let questions = shape.questions(1, 20_000, 7);
            assert_eq!(questions.iter().filter(|q| q.allowed).count(), 10_000);
            assert_eq!(questions.iter().collect::<HashSet<_>>().len(), 20_000);
            assert_eq!(questions, shape.questions(1, 20_000, 7));
            assert_ne!(questions, shape.questions(1, 20_000, 8));
        }
    }
}
