//! Whether anybody from outside can reach a resource: who, when, and by which request.
//!
//! As AWS's Access Analyzer has it, whoever belongs to the zone of trust (an account, or an organization) is trusted, and the accounts
//! of those who come from outside are taken to allow them everything. A condition counts with the values that somebody from outside can
//! have: no request from outside has the zone's organization in `aws:PrincipalOrgID`, one of its accounts in `aws:SourceAccount`, a
//! resource of theirs in `aws:SourceArn`, or one of its networks in `aws:SourceVpc`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    account::Account,
    caller::{self, Caller, CallerKind},
    compare::{
        ActionCell, Limit, Named, ResourceCell, action_cells, add, best, compiled, conditions,
        exactly, of_condition, resource_cells, statements, types_of,
    },
    dimension::{Dimension, Pool, Setting, Written, of_template},
    documents::Documents,
    formula::Formula,
    known::{Known, Open},
    outlook::{Part, Verdict, outlook_with},
    satisfy::{CHOICES_MAX, Search, satisfy},
    who_can::foreign_set,
    witness::{Base, Chosen, Witness},
};
use crate::{
    AccountId, Action, Arn, CompiledPolicy, PolicySet, PolicyType, StatementRef, authorize,
    catalogue::ResourceType, network::Network, operator::Comparison, truth::Truth,
};

/// Who is trusted.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    /// Accounts.
    pub accounts: BTreeSet<AccountId>,
    /// The organization `o-…`, all of whose accounts are trusted, those that are not listed too.
    pub organization: Option<String>,
    /// Networks and endpoints of the zone's own: `vpc-…`, `vpce-…`.
    pub networks: BTreeSet<String>,
}

/// Somebody from outside who gets in.
#[derive(Clone, Debug)]
pub struct ExternalAccess {
    /// The resource.
    pub resource: String,
    /// Who.
    pub caller: Caller,
    /// Whether it is everybody, without a condition on where the request comes from.
    pub public: bool,
    /// When; the caller's own account is taken to allow.
    pub when: Verdict,
    /// What: actions of the catalogue, or else one that shows it.
    pub actions: Vec<String>,
    /// The statements that grant.
    pub grants: Vec<Part>,
    /// A request that is allowed.
    pub witness: Witness,
}

/// Everybody from outside who gets in.
#[derive(Clone, Debug, Default)]
pub struct External {
    /// Who, resource by resource.
    pub found: Vec<ExternalAccess>,
    /// What kept the search from being complete, besides that callers are those whom policies speak of.
    pub limits: BTreeSet<Limit>,
}

/// Everybody from outside who can reach a resource that belongs to an account, under its policy and the account's resource control
/// policies. Of a role the policy is its trust policy.
pub fn external_access(
    account: &Account,
    zone: &Zone,
    resource: &str,
    policy: &Arc<CompiledPolicy>,
    policy_must_allow: bool,
) -> External {
    let in_arn = Arn::parse(resource).ok().and_then(|arn| arn.account_id());
    let owner = in_arn.unwrap_or(account.id);
    let mut external = External::default();
    let Some(document) = policy.document() else { return external };
    let trusted: Vec<AccountId> =
        zone.accounts.iter().copied().chain([account.id, owner]).collect();
    let Some(stranger) = caller::stranger([policy], &trusted) else { return external };
    let rest = account.resource_control.iter().flatten().flat_map(|policy| policy.statements());
    let (actions, complete) = action_cells(policy.statements().iter().chain(rest));
    if !complete {
        external.limits.insert(Limit::Cells);
    }
    for caller in callers(&document, stranger) {
        let inside = caller.principal.account.is_some_and(|a| trusted.contains(&a));
        if inside || external.found.iter().any(|f| f.caller.principal == caller.principal) {
            continue;
        }
        let set = foreign_set(&caller, Some(policy), account, owner);
        let mut documents = Documents::default();
        documents.read(&set);
        let statements: Vec<StatementRef> = statements(&set).collect();
        let finder = Finder {
            zone,
            set: &set,
            documents: &documents,
            statements: &statements,
            caller: &caller,
            base: Base {
                principal: caller.principal.clone(),
                action: Action::some(),
                resource: resource.to_owned(),
                resource_account: Some(owner),
                policy_must_allow,
            },
        };
        finder.run(&actions, &mut external);
    }
    external
}

/// Whom a policy lets in: those whom it names, and of everybody those whom its conditions name.
fn callers(document: &crate::PolicyDocument, stranger: AccountId) -> Vec<Caller> {
    let everybody: crate::PrincipalPair = ("*".into(), "*".into());
    let mut pairs = caller::pairs([document]);
    if caller::spares(document) {
        pairs.insert(&everybody);
    }
    let mut all: Vec<Caller> =
        pairs.into_iter().flat_map(|pair| Caller::named(pair, stranger)).collect();
    if all.iter().any(|caller| caller.kind == CallerKind::AnyAccount) {
        let entries = document.statements().iter().flat_map(|statement| &statement.conditions);
        all.extend(entries.flat_map(|entry| of_condition(entry, stranger)));
    }
    let mut seen = Vec::new();
    all.retain(|caller| {
        let fresh = !seen.contains(&caller.principal);
        seen.push(caller.principal.clone());
        fresh
    });
    all
}

struct Finder<'a> {
    zone: &'a Zone,
    set: &'a PolicySet,
    documents: &'a Documents,
    statements: &'a [StatementRef],
    caller: &'a Caller,
    base: Base,
}

impl Finder<'_> {
    /// Of a caller from outside only its kind and its name are known.
    const OPEN: Open = Open::Facts;

    fn run(&self, actions: &[ActionCell], external: &mut External) {
        let compiled_statements: Vec<_> = self.statements.iter().filter_map(compiled).collect();
        let resources = self.resources(&types_of(actions), external);
        let conditions = conditions(self.documents, self.statements);
        let elements = compiled_statements.iter().filter_map(|s| s.resources.as_ref());
        let templates = elements.flat_map(|element| element.patterns.iter());
        let variables =
            templates.flat_map(|t| of_template(t, &self.base, Self::OPEN)).collect::<BTreeSet<_>>();
        let pool = Pool::new(&conditions, &variables, &self.base, Self::OPEN);
        if !pool.complete {
            let limit = if variables.is_empty() { Limit::Values } else { Limit::OpenVariables };
            external.limits.insert(limit);
        }
        let mut found: BTreeMap<String, ExternalAccess> = BTreeMap::new();
        for cell in actions {
            for texts in &resources {
                let Some((action, resource, fits)) = best(cell, texts) else { continue };
                let resource_text = resource.text.clone();
                let base = Base { action, resource: resource_text, ..self.base.clone() };
                self.of_pair(
                    (cell, fits.then_some(resource)),
                    &base,
                    (&pool, &conditions),
                    &mut found,
                    external,
                );
            }
        }
        external.found.extend(found.into_values());
    }

    /// The resource itself and what is in it, as far as the policy tells it apart.
    fn resources(
        &self,
        types: &[&'static ResourceType],
        external: &mut External,
    ) -> Vec<ResourceCell> {
        let whole = &self.base.resource;
        let mut resources = vec![vec![Named::new(whole.clone())]];
        let witness = self.base.under(&Chosen::new());
        let request = witness.request();
        let known = Known { request: &request, open: Self::OPEN };
        let compiled_statements = self.statements.iter().filter_map(compiled);
        let (cells, complete) =
            resource_cells(compiled_statements, types, known, &self.base, Self::OPEN);
        if !complete {
            external.limits.insert(Limit::Cells);
        }
        let within = |named: &Named| {
            named.text.strip_prefix(whole.as_str()).is_some_and(|rest| rest.starts_with(['/', ':']))
        };
        for texts in cells {
            let texts: ResourceCell = texts.into_iter().filter(within).collect();
            if !texts.is_empty() {
                resources.push(texts);
            }
        }
        resources
    }

    fn of_pair(
        &self,
        (cell, fits): (&ActionCell, Option<&Named>),
        base: &Base,
        (pool, conditions): (&Pool, &[Written<'_>]),
        found: &mut BTreeMap<String, ExternalAccess>,
        external: &mut External,
    ) {
        let asked = base.asked(Self::OPEN);
        let what = (exactly(base.action.lower()), exactly(&base.resource));
        let mut outlook = outlook_with(self.documents, self.set, &asked, (&what.0, &what.1));
        // What its own account is taken to allow stands in no policy.
        outlook.grants.retain(|part| part.policy_type != PolicyType::Identity);
        let formula = outlook.formula();
        if formula == Formula::False {
            return;
        }
        let may =
            |dimension: &Dimension, setting: &Setting| self.can_be_outside(dimension, setting);
        let search = Search { base, open: Self::OPEN, pool, may: &may, choices: CHOICES_MAX };
        let witness = match satisfy(&formula, search) {
            Ok(Some(witness)) if authorize(self.set, &witness.request()).is_allowed() => witness,
            Ok(None) => return,
            Ok(Some(_)) | Err(_) => {
                external.limits.insert(Limit::Choices);
                return;
            }
        };
        let everybody = matches!(self.caller.kind, CallerKind::AnyAccount | CallerKind::Anonymous);
        let unlimited = |dimension: &Dimension, setting: &Setting| {
            self.can_be_outside(dimension, setting) && !limits(base, dimension, setting, conditions)
        };
        let search = Search { may: &unlimited, ..search };
        let public = everybody && matches!(satisfy(&formula, search), Ok(Some(_)));
        let when = Verdict::from(formula);
        let access = found.entry(when.to_string()).or_insert_with(|| ExternalAccess {
            resource: self.base.resource.clone(),
            caller: self.caller.clone(),
            public,
            when,
            actions: Vec::new(),
            grants: outlook.grants,
            witness,
        });
        access.public |= public;
        add(&mut access.actions, cell.fitting(fits));
    }

    /// Whether somebody from outside can have this.
    fn can_be_outside(&self, dimension: &Dimension, setting: &Setting) -> bool {
        let texts: &[String] = match setting {
            Setting::Missing => return true,
            Setting::One(text) => core::slice::from_ref(text),
            Setting::Many(texts) => texts,
        };
        let of_organization = |text: &String| {
            let own = self.zone.organization.as_deref();
            own.is_some_and(|own| text.split('/').next() == Some(own))
        };
        let of_account = |text: &str| text.parse().is_ok_and(|a| self.zone.accounts.contains(&a));
        let of_arn = |text: &String| Arn::parse(text).is_ok_and(|arn| of_account(arn.account()));
        let Dimension::Context(key) = dimension else {
            return *dimension != Dimension::Organization || !texts.iter().any(of_organization);
        };
        match &**key {
            "aws:sourceaccount" | "aws:sourceowner" | "aws:vpceaccount" => {
                !texts.iter().any(|text| of_account(text))
            }
            // KMS says whose request it is.
            "kms:calleraccount" => {
                let own = self.caller.principal.account;
                texts.iter().all(|text| own.is_some_and(|own| own.as_str() == text))
            }
            "aws:sourcearn" | "aws:sourcevpcarn" => !texts.iter().any(of_arn),
            "aws:sourceorgid" | "aws:sourceorgpaths" | "aws:vpceorgid" | "aws:vpceorgpaths" => {
                !texts.iter().any(of_organization)
            }
            "aws:sourcevpc" | "aws:sourcevpce" => {
                !texts.iter().any(|text| self.zone.networks.contains(text))
            }
            _ => true,
        }
    }
}

/// Keys by which a policy limits where a request comes from (AWS, "Blocking public access to your Amazon S3 storage", the meaning of
/// public).
const LIMITING: [&str; 10] = [
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpcsourceip",
];

/// Shortest prefixes of IPv4 and IPv6 blocks that limit anything (same page).
const NARROW: (u32, u32) = (8, 32);

/// Whether a choice is one of those few that a policy lists.
fn limits(
    base: &Base,
    dimension: &Dimension,
    setting: &Setting,
    conditions: &[Written<'_>],
) -> bool {
    let is_limiting = match dimension {
        Dimension::Context(key) => LIMITING.contains(&&**key),
        Dimension::Organization => true,
        _ => false,
    };
    if !is_limiting || *setting == Setting::Missing {
        return false;
    }
    let witness = base.under(&Chosen::from([(dimension, setting)]));
    let request = witness.request();
    let names = |condition: &&Written<'_>| {
        let operator = condition.entry.operator;
        !operator.negated && operator.comparison != Comparison::Null && !is_wide(condition)
    };
    let about = conditions.iter().filter(|condition| {
        super::dimension::of_key(&condition.compiled.key, base, Finder::OPEN).contains(dimension)
    });
    about.filter(names).any(|condition| condition.compiled.holds(&request) == Truth::True)
}

/// Whether one of the values of a condition is met by almost everything.
fn is_wide(condition: &Written<'_>) -> bool {
    condition.entry.values.iter().any(|value| match condition.entry.operator.comparison {
        Comparison::IpAddress => match Network::parse(value) {
            Some(Network::V4 { mask, .. }) => mask.count_ones() < NARROW.0,
            Some(Network::V6 { mask, .. }) => mask.count_ones() < NARROW.1,
            None => false,
        },
        Comparison::StringLike | Comparison::ArnLike => {
            value.chars().all(|c| matches!(c, '*' | '?' | ':'))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests;
