//! The baseline: a loop over all statements, as well written as a loop can be.
//!
//! It knows only what the workloads need: patterns are cut at their stars when they are loaded, actions are in lower case, values
//! of conditions have their types, denies come first and the first allow ends the search. A request brings its address parsed.

use std::{error::Error, net::Ipv4Addr};

use super::Engine;
use crate::{
    policy::{Effect, Policy, Statement},
    workload::Question,
};

/// A pattern cut at its stars.
enum Pattern {
    Exact(Box<str>),
    /// A star behind and nowhere else.
    Prefix(Box<str>),
    Parts {
        head: Box<str>,
        middle: Box<[Box<str>]>,
        tail: Box<str>,
    },
}

impl Pattern {
    fn new(pattern: &str) -> Self {
        let parts: Vec<&str> = pattern.split('*').collect();
        match parts.as_slice() {
            [exact] => Self::Exact((*exact).into()),
            [head, ""] => Self::Prefix((*head).into()),
            [head, middle @ .., tail] => Self::Parts {
                head: (*head).into(),
                middle: middle.iter().map(|part| (*part).into()).collect(),
                tail: (*tail).into(),
            },
            [] => Self::Exact("".into()),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *text,
            Self::Prefix(head) => text.starts_with(&**head),
            Self::Parts { head, middle, tail } => {
                let Some(mut rest) = text.strip_prefix(&**head) else { return false };
                for part in middle {
                    let Some((_, behind)) = rest.split_once(&**part) else { return false };
                    rest = behind;
                }
                rest.ends_with(&**tail)
            }
        }
    }
}

struct Network {
    address: u32,
    mask: u32,
}

impl Network {
    fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let (address, length) = text.split_once('/').ok_or("a network without a length")?;
        let mask = u32::MAX.checked_shl(32 - length.parse::<u32>()?).unwrap_or(0);
        Ok(Self { address: address.parse::<Ipv4Addr>()?.to_bits() & mask, mask })
    }

    fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask == self.address
    }
}

struct Lowered {
    actions: Box<[Pattern]>,
    resources: Box<[Pattern]>,
    mfa: Option<bool>,
    networks: Option<Box<[Network]>>,
    regions: Option<Box<[Box<str>]>>,
}

impl Lowered {
    fn new(statement: &Statement) -> Result<Self, Box<dyn Error>> {
        let condition = &statement.condition;
        let networks = condition.networks().map(|list| list.iter().map(|n| Network::parse(n)));
        Ok(Self {
            actions: statement
                .action
                .iter()
                .map(|action| Pattern::new(&action.to_ascii_lowercase()))
                .collect(),
            resources: statement.resource.iter().map(|r| Pattern::new(r)).collect(),
            mfa: condition.mfa(),
            networks: networks.map(Iterator::collect).transpose()?,
            regions: condition
                .regions()
                .map(|list| list.iter().map(|region| region.as_str().into()).collect()),
        })
    }

    /// Whether the statement applies; what costs least is asked first.
    fn applies(&self, request: &Lowercased) -> bool {
        self.mfa.is_none_or(|mfa| mfa == request.mfa)
            && self.actions.iter().any(|pattern| pattern.matches(&request.action))
            && self.resources.iter().any(|pattern| pattern.matches(&request.resource))
            && self
                .networks
                .as_ref()
                .is_none_or(|list| list.iter().any(|n| n.contains(request.address)))
            && self
                .regions
                .as_ref()
                .is_none_or(|list| list.iter().any(|region| **region == *request.region))
    }
}

/// A request ready to be compared.
pub(super) struct Lowercased {
    action: String,
    resource: String,
    region: String,
    address: Ipv4Addr,
    mfa: bool,
}

/// All statements.
pub(super) struct Plain {
    denies: Vec<Lowered>,
    allows: Vec<Lowered>,
}

impl Engine for Plain {
    const NAME: &'static str = "plain compiled loop";
    type Source = Vec<String>;
    type Request = Lowercased;

    fn translate(policies: &[Policy]) -> Vec<String> {
        policies.iter().map(Policy::text).collect()
    }

    fn load(source: &Vec<String>) -> Result<Self, Box<dyn Error>> {
        let (mut denies, mut allows) = (Vec::new(), Vec::new());
        for text in source {
            let policy: Policy = serde_json::from_str(text)?;
            for statement in &policy.statement {
                let list = if statement.effect == Effect::Deny { &mut denies } else { &mut allows };
                list.push(Lowered::new(statement)?);
            }
        }
        Ok(Self { denies, allows })
    }

    fn request(&self, question: &Question) -> Lowercased {
        Lowercased {
            action: question.action.to_ascii_lowercase(),
            resource: question.resource.clone(),
            region: question.region.to_owned(),
            address: question.address.parse().expect("an address of the workload"),
            mfa: question.mfa,
        }
    }

    fn decide(&mut self, request: &Lowercased) -> bool {
        !self.denies.iter().any(|statement| statement.applies(request))
            && self.allows.iter().any(|statement| statement.applies(request))
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_match_as_tidegate_s_do() {
        for pattern in ["", "a", "*", "a*", "*a", "a*b", "a*b*", "a*b*c", "*ab*b", "**b"] {
            for text in ["", "a", "b", "ab", "abb", "acb", "abcbc", "bab", "ababb"] {
                let expected = tidegate_policy::wildcard_matches(pattern, text);
                assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
            }
        }
    }
}
