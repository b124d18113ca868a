//! What is known of a request before it is made: what follows from the caller and from the resource's owner.

use crate::{
    PrincipalKind, Request,
    condition::Condition,
    key::Key,
    template::{Part, Template},
    truth::Truth,
};

use super::glob::{Glob, Step};

/// A caller whose action, resource and context are still open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known<'a> {
    /// Only what [`Known::has`] says is known may be asked of it.
    pub(crate) request: &'a Request<'a>,
    pub(crate) open: Open,
}

/// What is not known of a caller and stays symbolic. Each holds those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Open {
    /// Nothing: the caller is just this one.
    Nothing,
    /// The keys of its session (`aws:MultiFactorAuthPresent` and the like): it may ask with other credentials.
    #[default]
    Session,
    /// The name of a role's session, and with it `aws:userid`.
    SessionName,
    /// Its tags, and the organization of its account.
    Facts,
    /// Which principal of its account it is.
    Identity,
}

/// What a pattern with variables matches.
pub(crate) enum Seen {
    /// Just what this does.
    Exact(Glob),
    /// At most what this does: an open variable may have any value.
    AtMost(Glob),
    /// Nothing: a variable has no value.
    Nothing,
}

impl Known<'_> {
    /// Whether the value of a key does not depend on what is open.
    pub(crate) fn has(self, key: &Key) -> bool {
        match key {
            Key::Session(_) => self.open < Open::Session,
            Key::UserId if self.request.principal.kind == PrincipalKind::AssumedRole => {
                self.open < Open::SessionName
            }
            Key::PrincipalTag(_) | Key::PrincipalOrgId | Key::PrincipalOrgPaths => {
                self.open < Open::Facts
            }
            Key::PrincipalArn | Key::PrincipalType | Key::UserId | Key::Username => {
                self.open < Open::Identity
            }
            Key::ResourceOrgId(_)
            | Key::ResourceOrgPaths(_)
            | Key::ResourceTag(..)
            | Key::CalledViaFirst(_)
            | Key::CalledViaLast(_)
            | Key::Context(_) => false,
            _ => true,
        }
    }

    fn all_known(self, template: &Template) -> bool {
        let known = |part: &Part| match part {
            Part::Variable { key: Some(key), .. } => self.has(key),
            _ => true,
        };
        match template {
            Template::Plain(_) => true,
            Template::Parts(parts) => parts.iter().all(known),
        }
    }

    /// Whether a condition holds, where that is known.
    pub(crate) fn truth(self, condition: &Condition) -> Option<Truth> {
        let known = self.has(&condition.key)
            && condition.templates().iter().all(|template| self.all_known(template));
        known.then(|| condition.holds(self.request))
    }

    /// Whether all variables of a pattern have values, where that is known.
    pub(crate) fn resolves(self, template: &Template) -> Option<bool> {
        self.all_known(template).then(|| template.resolves(self.request))
    }

    /// What a pattern matches.
    pub(crate) fn seen(self, template: &Template) -> Seen {
        let parts = match template {
            Template::Plain(text) => return Seen::Exact(Glob::new(text)),
            Template::Parts(parts) => &***parts,
        };
        let (mut steps, mut exact) = (Vec::new(), true);
        for part in parts {
            match part {
                Part::Pattern(text) => steps.extend_from_slice(Glob::new(text).steps()),
                Part::Escape(text) => steps.extend(text.chars().map(Step::Char)),
                Part::Variable { key: Some(key), default: _ } if !self.has(key) => {
                    exact = false;
                    steps.push(Step::Star);
                }
                Part::Variable { key, default } => {
                    let value = key.as_ref().and_then(|key| key.single(self.request));
                    let Some(value) = value.or(default.as_deref()) else { return Seen::Nothing };
                    steps.extend(value.chars().map(Step::Char));
                }
            }
        }
        let glob = Glob::from_steps(steps);
        if exact { Seen::Exact(glob) } else { Seen::AtMost(glob) }
    }
}
