//! The stored values of what nodes write, version 1: prost messages whose fields are only ever added.

use prost::Message;
use tidegate_policy::PrincipalKind;

use crate::{CallerRef, Resolved};

/// How far the clocks of two nodes of one cluster may be apart, in milliseconds. A quarantine ends at its deadline plus this, and sessions are
/// void that were issued before a time plus this: so a clock that is off by less weakens neither. Nodes that are farther off must be
/// repaired.
pub const CLOCK_SKEW_MAX_MILLIS: u64 = 30_000;
/// The longest quarantine, in milliseconds: seven days. It is there to win time for a lasting change, which needs the account's home.
pub const QUARANTINE_MILLIS_MAX: u64 = 7 * 24 * 3_600_000;
/// The shortest quarantine, in milliseconds: a minute.
pub const QUARANTINE_MILLIS_MIN: u64 = 60_000;
/// Characters of the reason that is given for a quarantine.
pub const REASON_CHARS_MAX: usize = 512;

/// What a quarantine is about, as [`Target::kind`] numbers it.
pub mod target_kind {
    /// Everybody of the account.
    pub const ACCOUNT: u32 = 1;
    /// The root user.
    pub const ROOT: u32 = 2;
    /// A user with all its keys, or a role with all its sessions, by unique id.
    pub const PRINCIPAL: u32 = 3;
    /// One access key, long-term or of a session, by id.
    pub const ACCESS_KEY: u32 = 4;
}

/// Who is denied.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message)]
pub struct Target {
    /// One of [`target_kind`].
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// `AIDA…`, `AROA…`, or an access key id; empty for an account and its root user.
    #[prost(string, tag = "2")]
    pub id: String,
    /// Its ARN when it was quarantined, for people.
    #[prost(string, tag = "3")]
    pub arn: String,
}

/// A denial of everything, for a while.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message)]
pub struct Quarantine {
    /// When it ends, in milliseconds since the Unix epoch by the issuing node's clock. The first field: of two copies the longer one counts.
    #[prost(uint64, tag = "1")]
    pub until: u64,
    /// Its unique id.
    #[prost(string, tag = "2")]
    pub id: String,
    /// The account of its target.
    #[prost(uint64, tag = "3")]
    pub account: u64,
    /// Who is denied.
    #[prost(message, optional, tag = "4")]
    pub target: Option<Target>,
    /// Why.
    #[prost(string, tag = "5")]
    pub reason: String,
    /// ARN of who issued it.
    #[prost(string, tag = "6")]
    pub issuer: String,
    /// When, in milliseconds since the Unix epoch by the issuing node's clock.
    #[prost(uint64, tag = "7")]
    pub issued: u64,
    /// The node that took it.
    #[prost(uint64, tag = "8")]
    pub node: u64,
    /// ARN of the user or role behind the issuer, whose quota it counts for: a role may give its sessions any names.
    #[prost(string, tag = "9")]
    pub issuer_principal: String,
}

/// Sessions of a role that were issued before a time are void.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message)]
pub struct VoidSessions {
    /// The time, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "1")]
    pub before: u64,
    /// The role's unique id.
    #[prost(string, tag = "2")]
    pub role: String,
    /// ARN of who said so last.
    #[prost(string, tag = "3")]
    pub issuer: String,
}

/// When, where and for what something was used last.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Message)]
pub struct LastUsed {
    /// Minutes since the Unix epoch.
    #[prost(uint64, tag = "1")]
    pub minute: u64,
    /// The region of the node that was called.
    #[prost(string, tag = "2")]
    pub region: String,
    /// The service that the call was signed for.
    #[prost(string, tag = "3")]
    pub service: String,
}

/// How the root user is named where users and roles are by their unique ids.
pub const ROOT_ENTITY: &str = "root";

/// The cell that says when somebody used a service last: his unique id, or [`ROOT_ENTITY`]. With an action: when he used that.
pub fn access_cell(entity: &str, service: &str, action: Option<&str>) -> String {
    let entity = if entity.is_empty() { ROOT_ENTITY } else { entity };
    match action {
        Some(action) => format!("{entity}/{service}:{action}"),
        None => format!("{entity}/{service}"),
    }
}

/// A quarantine was lifted. Written by the account's group.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Lift {
    /// When the quarantine would have ended: what must be kept until then.
    #[prost(uint64, tag = "1")]
    pub until: u64,
    /// When it was lifted, in milliseconds since the Unix epoch.
    #[prost(uint64, tag = "2")]
    pub time: u64,
    /// The access key that signed.
    #[prost(string, tag = "3")]
    pub access_key: String,
}

/// Somebody who might be the target of a quarantine.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The account.
    pub account: u64,
    /// Whether it is the root user.
    pub root: bool,
    /// `AIDA…` or `AROA…`; empty for the root user.
    pub entity: &'a str,
    /// The access key that signs; empty where a principal is meant and no credential.
    pub access_key: &'a str,
    /// Principals and access keys by which a session came to be.
    pub lineage: &'a [String],
}

/// How a lineage names the root user.
const ROOT: &str = "root";

impl<'a> Subject<'a> {
    /// A caller who was looked up.
    pub fn caller(reference: &'a CallerRef, resolved: &'a Resolved) -> Self {
        Self {
            account: reference.account,
            root: is_root(resolved),
            entity: &resolved.principal.entity_id,
            access_key: &reference.access_key,
            lineage: &reference.lineage,
        }
    }

    /// A principal of an account, whatever it signs with.
    pub fn principal(account: u64, resolved: &'a Resolved) -> Self {
        let entity = &resolved.principal.entity_id;
        Self { account, root: is_root(resolved), entity, access_key: "", lineage: &[] }
    }

    /// The lineage of a session that the subject begins.
    pub fn descends(&self) -> Vec<String> {
        let own = if self.root { ROOT } else { self.entity };
        let own = [own, self.access_key].map(str::to_owned);
        let mut all: Vec<String> = self.lineage.iter().cloned().chain(own).collect();
        all.sort();
        all.dedup();
        all
    }

    fn is(&self, id: &str) -> bool {
        self.entity == id || self.access_key == id || self.lineage.iter().any(|l| l == id)
    }
}

fn is_root(resolved: &Resolved) -> bool {
    resolved.principal.kind == PrincipalKind::Root
}

impl Target {
    /// Whether it is this one. Sessions that the target began are the target's.
    pub fn covers(&self, subject: &Subject<'_>) -> bool {
        match self.kind {
            target_kind::ACCOUNT => true,
            target_kind::ROOT => subject.root || subject.lineage.iter().any(|l| l == ROOT),
            target_kind::PRINCIPAL | target_kind::ACCESS_KEY => {
                !self.id.is_empty() && subject.is(&self.id)
            }
            // A later build's word for somebody: nobody here.
            _ => false,
        }
    }
}

impl Quarantine {
    /// Whether it denies this one, as long as it stands.
    pub fn covers(&self, subject: &Subject<'_>) -> bool {
        self.account == subject.account && self.target.as_ref().is_some_and(|t| t.covers(subject))
    }

    /// Whether its time has not come yet, at `now` by the deciding node's clock.
    pub fn lasts(&self, now: u64) -> bool {
        now <= self.until.saturating_add(CLOCK_SKEW_MAX_MILLIS)
    }
}
