//! Cedar: exact actions in the scope, `like` for wildcards, `contains` and `isInRange` for conditions.

use std::{error::Error, fmt::Write, str::FromStr};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicySet,
    Request, RestrictedExpression,
};

use super::Engine;
use crate::{
    policy::{Effect, Policy, Statement},
    workload::Question,
};

/// Cedar's authorizer without entities: actions and resources have no parents here.
pub(super) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    caller: EntityUid,
    action: EntityTypeName,
    resource: EntityTypeName,
}

/// A list of texts in Cedar's notation.
fn list<'a>(values: impl Iterator<Item = &'a String>, prefix: &str) -> String {
    let quoted: Vec<String> = values.map(|value| format!("{prefix}{value:?}")).collect();
    format!("[{}]", quoted.join(", "))
}

/// Whether an attribute matches one of the patterns: the exact ones in one look-up, the others one by one.
fn any_like(attribute: &str, patterns: &[String]) -> String {
    let (wild, exact): (Vec<_>, Vec<_>) = patterns.iter().partition(|p| p.contains('*'));
    let mut ways: Vec<String> = Vec::new();
    if !exact.is_empty() {
        ways.push(format!("{}.contains({attribute})", list(exact.into_iter(), "")));
    }
    ways.extend(wild.iter().map(|pattern| format!("{attribute} like {pattern:?}")));
    format!("({})", ways.join(" || "))
}

fn statement(statement: &Statement) -> String {
    let effect = if statement.effect == Effect::Deny { "forbid" } else { "permit" };
    let exact = statement.action.iter().all(|action| !action.contains('*'));
    let scope = if exact {
        format!("action in {}", list(statement.action.iter(), "Action::"))
    } else {
        "action".to_owned()
    };
    let mut conditions = Vec::new();
    if let Some(mfa) = statement.condition.mfa() {
        conditions.push(if mfa { "context.mfa" } else { "!context.mfa" }.to_owned());
    }
    if !exact {
        conditions.push(any_like("context.action", &statement.action));
    }
    conditions.push(any_like("context.resource", &statement.resource));
    if let Some(regions) = statement.condition.regions() {
        conditions.push(format!("{}.contains(context.region)", list(regions.iter(), "")));
    }
    if let Some(networks) = statement.condition.networks() {
        let ways: Vec<String> =
            networks.iter().map(|n| format!("context.address.isInRange(ip({n:?}))")).collect();
        conditions.push(format!("({})", ways.join(" || ")));
    }
    format!("{effect}(principal, {scope}, resource) when {{ {} }};\n", conditions.join(" && "))
}

impl Engine for Cedar {
    const NAME: &'static str = "cedar-policy 4.14";
    type Source = String;
    type Request = Request;

    fn translate(policies: &[Policy]) -> String {
        policies.iter().flat_map(|policy| &policy.statement).fold(String::new(), |mut text, one| {
            _ = write!(text, "{}", statement(one));
            text
        })
    }

    fn load(source: &String) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            authorizer: Authorizer::new(),
            policies: PolicySet::from_str(source)?,
            entities: Entities::empty(),
            caller: EntityUid::from_str(r#"User::"ada""#)?,
            action: EntityTypeName::from_str("Action")?,
            resource: EntityTypeName::from_str("Resource")?,
        })
    }

    fn request(&self, question: &Question) -> Request {
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let context = Context::from_pairs([
            ("action".to_owned(), text(question.action)),
            ("resource".to_owned(), text(&question.resource)),
            ("region".to_owned(), text(question.region)),
            ("address".to_owned(), RestrictedExpression::new_ip(&question.address)),
            ("mfa".to_owned(), RestrictedExpression::new_bool(question.mfa)),
        ]);
        let entity = |kind: &EntityTypeName, name: &str| {
            EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))
        };
        Request::new(
            self.caller.clone(),
            entity(&self.action, question.action),
            entity(&self.resource, &question.resource),
            context.expect("keys are distinct and the address is one"),
            None,
        )
        .expect("there is no schema to break")
    }

    fn decide(&mut self, request: &Request) -> bool {
        let answer = self.authorizer.is_authorized(request, &self.policies, &self.entities);
        answer.decision() == Decision::Allow
    }
}
