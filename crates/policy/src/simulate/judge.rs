//! One action with one resource.

use std::collections::BTreeMap;

use super::{
    EvalDecision, MatchedStatement,
    keys::{self, Spelled},
    position,
    scene::{Resource, Scene, Source},
};
use crate::{
    Action, Effect, PolicyType, Request,
    decide::weigh,
    document::StatementEffect,
    statement::CompiledStatement,
    template::Template,
    truth::Truth,
    voices::{Hearing, Said},
};

/// What was decided, and what was seen on the way.
pub(super) struct Judged {
    pub(super) decision: EvalDecision,
    pub(super) matched: Vec<MatchedStatement>,
    pub(super) missing: Vec<Spelled>,
    /// Whether the organization allows, where one has a say.
    pub(super) by_organizations: Option<bool>,
    /// Whether the boundary allows, where there is one.
    pub(super) by_boundary: Option<bool>,
    /// What each type of policy said, across accounts.
    pub(super) details: Option<BTreeMap<&'static str, EvalDecision>>,
}

impl Scene<'_> {
    /// Decides, and looks at each statement.
    pub(super) fn judge(&self, action: &Action, resource: &Resource<'_>) -> Judged {
        let mut request = Request::new(&resource.caller, action, resource.name, &self.context);
        request.resource_account = resource.owner;
        // Who has no account has no side of its own: only the resource can let it in.
        let abroad = request.crosses_accounts() && resource.caller.account.is_some();
        let set = if abroad { &self.abroad } else { &self.policies };
        let voices = set.voices(&request);
        let decision = weigh(&voices, &request).effect;
        let hearing = set.hearing(&request);
        let (mut matched, mut missing) = (Vec::new(), Vec::new());
        for source in &self.sources {
            if voices.all().all(|(heard, _)| heard != source.policy_type) {
                continue;
            }
            for (number, statement) in source.policy.statements().iter().enumerate() {
                if !statement.covers_action(&request)
                    || statement.names(&resource.caller, hearing.bounded).is_none()
                {
                    continue;
                }
                if source.is_listed(statement.effect, decision) && applies(statement, hearing) {
                    matched.push(source.matched(statement));
                }
                if matters(statement, &request) {
                    for spelled in source.keys.get(number).into_iter().flatten() {
                        if spelled.0.values(&request).is_none() {
                            keys::add(&mut missing, spelled);
                        }
                    }
                }
            }
        }
        let alone = |wanted: PolicyType| {
            voices.all().find(|(heard, _)| *heard == wanted).map(|(_, said)| alone(said))
        };
        let organizations = [PolicyType::ServiceControl, PolicyType::ResourceControl];
        let by_organizations = organizations.iter().filter_map(|wanted| alone(*wanted)).max();
        let by_organizations = by_organizations.map(|said| said == EvalDecision::Allowed);
        let across = abroad && self.policies.resource.is_some() && by_organizations != Some(false);
        let each = || {
            let all = voices.all().filter(|(heard, _)| !organizations.contains(heard));
            all.map(|(heard, said)| (type_name(heard), self::alone(said))).collect()
        };
        Judged {
            decision: decision.into(),
            matched,
            missing,
            by_organizations,
            by_boundary: alone(PolicyType::Boundary).map(|said| said == EvalDecision::Allowed),
            details: across.then(each),
        }
    }
}

impl Source {
    /// Whether the statements of an effect are listed: those that deny, if one does, else those of identity and resource that allow.
    fn is_listed(&self, effect: StatementEffect, decision: Effect) -> bool {
        match (effect, decision) {
            (StatementEffect::Deny, _) => true,
            (StatementEffect::Allow, Effect::ExplicitDeny) => false,
            (StatementEffect::Allow, _) => matches!(
                self.policy_type,
                PolicyType::Identity | PolicyType::Resource | PolicyType::Trust
            ),
        }
    }

    fn matched(&self, statement: &CompiledStatement) -> MatchedStatement {
        let (start_position, end_position) = position::of(self.policy.text(), statement.span);
        MatchedStatement {
            source_policy_id: self.id.clone(),
            source_policy_type: type_name(self.policy_type),
            start_position,
            end_position,
        }
    }
}

/// Whether a statement applies that speaks of action and caller.
fn applies(statement: &CompiledStatement, hearing: Hearing<'_>) -> bool {
    statement.covers_resource(hearing.request)
        && statement.failing_condition(hearing.request).is_none()
}

/// Whether a statement that speaks of action and caller could apply if the request had every key that it does not have.
fn matters(statement: &CompiledStatement, request: &Request<'_>) -> bool {
    let on_resource = statement.resources.as_ref().is_none_or(|element| {
        // What is excluded must be known to be; what is meant may turn out to be.
        let may = |template: &Template| {
            if element.negated {
                template.is_known(request) && template.like(request.resource, request)
            } else {
                template.may_be_like(request.resource, request)
            }
        };
        element.patterns.iter().any(may) != element.negated
    });
    let needed = match statement.effect {
        StatementEffect::Allow => Truth::True,
        StatementEffect::Deny => Truth::Unknown,
    };
    on_resource
        && statement.conditions.iter().all(|condition| {
            let known = condition.key.values(request).is_some()
                && condition.templates().iter().all(|value| value.is_known(request));
            !known || condition.holds(request) >= needed
        })
}

/// What a type of policy says by itself.
fn alone(said: &Said<'_>) -> EvalDecision {
    match (said.deny.is_some(), said.allow.is_some()) {
        (true, _) => EvalDecision::ExplicitDeny,
        (false, true) => EvalDecision::Allowed,
        (false, false) => EvalDecision::ImplicitDeny,
    }
}

/// A type of policy in the words of AWS's answers.
fn type_name(policy_type: PolicyType) -> &'static str {
    match policy_type {
        PolicyType::Identity => "IAM Policy",
        PolicyType::Resource => "Resource Policy",
        PolicyType::Boundary => "Permissions Boundary Policy",
        PolicyType::Session => "Session Policy",
        PolicyType::Trust => "Role Trust Policy",
        PolicyType::ServiceControl => "Service Control Policy",
        PolicyType::ResourceControl => "Resource Control Policy",
        PolicyType::VpcEndpoint => "VPC Endpoint Policy",
    }
}
