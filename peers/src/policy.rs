//! A policy in types: what the workloads are written in, and what is translated into the languages of the other engines.
//!
//! Three conditions are enough for the workloads: the region is one of a list, the address lies in one of some networks, and whether
//! the caller used a second factor.

use serde::{Deserialize, Serialize};

/// A policy of one caller.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Policy {
    pub(crate) version: String,
    pub(crate) statement: Vec<Statement>,
}

/// What a statement does when it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// One statement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Statement {
    pub(crate) sid: String,
    pub(crate) effect: Effect,
    pub(crate) action: Vec<String>,
    pub(crate) resource: Vec<String>,
    #[serde(default, skip_serializing_if = "Condition::is_empty")]
    pub(crate) condition: Condition,
}

/// When a statement matches: all that is given must hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Condition {
    #[serde(rename = "StringEquals", default, skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
    #[serde(rename = "IpAddress", default, skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(rename = "Bool", default, skip_serializing_if = "Option::is_none")]
    mfa: Option<Mfa>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Region {
    #[serde(rename = "aws:RequestedRegion")]
    any_of: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Address {
    #[serde(rename = "aws:SourceIp")]
    any_of: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Mfa {
    #[serde(rename = "aws:MultiFactorAuthPresent")]
    present: String,
}

impl Condition {
    fn is_empty(&self) -> bool {
        self.region.is_none() && self.address.is_none() && self.mfa.is_none()
    }

    /// The regions, where they are limited.
    pub(crate) fn regions(&self) -> Option<&[String]> {
        self.region.as_ref().map(|region| &*region.any_of)
    }

    /// The networks, where they are limited.
    pub(crate) fn networks(&self) -> Option<&[String]> {
        self.address.as_ref().map(|address| &*address.any_of)
    }

    /// Whether there must be a second factor or must be none; `None` where it does not matter.
    pub(crate) fn mfa(&self) -> Option<bool> {
        self.mfa.as_ref().map(|mfa| mfa.present == "true")
    }
}

impl Policy {
    /// Eight statements under the names `S1` to `S8`.
    pub(crate) fn new(statements: Vec<Statement>) -> Self {
        Self { version: "2012-10-17".to_owned(), statement: statements }
    }

    /// The policy as a user writes it.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("a policy is plain data")
    }
}

impl Statement {
    /// A statement without conditions.
    pub(crate) fn new(
        number: usize,
        effect: Effect,
        actions: &[&str],
        resources: Vec<String>,
    ) -> Self {
        Self {
            sid: format!("S{number}"),
            effect,
            action: actions.iter().map(|action| format!("s3:{action}")).collect(),
            resource: resources.into_iter().map(|r| format!("arn:aws:s3:::{r}")).collect(),
            condition: Condition::default(),
        }
    }

    /// The same, only in these regions.
    pub(crate) fn in_regions(mut self, regions: &[&str]) -> Self {
        let any_of = regions.iter().map(|region| (*region).to_owned()).collect();
        self.condition.region = Some(Region { any_of });
        self
    }

    /// The same, only from these networks.
    pub(crate) fn on_networks(mut self, networks: &[&str]) -> Self {
        let any_of = networks.iter().map(|network| (*network).to_owned()).collect();
        self.condition.address = Some(Address { any_of });
        self
    }

    /// The same, only with or only without a second factor.
    pub(crate) fn with_mfa(mut self, present: bool) -> Self {
        self.condition.mfa = Some(Mfa { present: present.to_string() });
        self
    }
}
