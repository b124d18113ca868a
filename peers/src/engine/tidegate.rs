//! Tidegate, composed and policy by policy.

use std::{error::Error, sync::Arc};

use tidegate_policy::{
    Action, CompiledPolicy, ComposedPolicies, Context, PolicyDocument, PolicyKind, PolicySet,
    PolicySource, Principal, Request, authorize,
};

use super::Engine;
use crate::{policy::Policy, workload::Question};

/// A request without its principal, which is the same for all.
pub(super) struct Asked {
    action: Action,
    resource: String,
    context: Context,
}

fn asked(question: &Question) -> Asked {
    Asked {
        action: Action::parse(question.action).expect("an action of the workload"),
        resource: question.resource.clone(),
        context: Context::default()
            .with("aws:RequestedRegion", question.region)
            .with("aws:SourceIp", question.address.as_str())
            .with("aws:MultiFactorAuthPresent", question.mfa),
    }
}

fn caller() -> Principal {
    let account = "123456789012".parse().expect("twelve digits");
    Principal::user(account, "/", "ada", "AIDAADA0000000000000")
}

fn set(texts: &[String]) -> Result<PolicySet, Box<dyn Error>> {
    let mut set = PolicySet::default();
    for text in texts {
        let document = PolicyDocument::parse(text, PolicyKind::Identity)?;
        set.identity.push(Arc::new(CompiledPolicy::compile(PolicySource::Session(0), &document)));
    }
    Ok(set)
}

fn texts(policies: &[Policy]) -> Vec<String> {
    policies.iter().map(Policy::text).collect()
}

/// All policies under one index.
pub(super) struct Composed {
    policies: ComposedPolicies,
    caller: Principal,
}

impl Engine for Composed {
    const NAME: &'static str = "**Tidegate, composed**";
    type Source = Vec<String>;
    type Request = Asked;

    fn translate(policies: &[Policy]) -> Vec<String> {
        texts(policies)
    }

    fn load(source: &Vec<String>) -> Result<Self, Box<dyn Error>> {
        Ok(Self { policies: ComposedPolicies::new(set(source)?), caller: caller() })
    }

    fn request(&self, question: &Question) -> Asked {
        asked(question)
    }

    fn decide(&mut self, asked: &Asked) -> bool {
        let request = Request::new(&self.caller, &asked.action, &asked.resource, &asked.context);
        self.policies.authorize(&request).is_allowed()
    }
}

/// Each policy through its own index.
pub(super) struct PolicyByPolicy {
    policies: PolicySet,
    caller: Principal,
}

impl Engine for PolicyByPolicy {
    const NAME: &'static str = "**Tidegate, policy by policy**";
    type Source = Vec<String>;
    type Request = Asked;

    fn translate(policies: &[Policy]) -> Vec<String> {
        texts(policies)
    }

    fn load(source: &Vec<String>) -> Result<Self, Box<dyn Error>> {
        Ok(Self { policies: set(source)?, caller: caller() })
    }

    fn request(&self, question: &Question) -> Asked {
        asked(question)
    }

    fn decide(&mut self, asked: &Asked) -> bool {
        let request = Request::new(&self.caller, &asked.action, &asked.resource, &asked.context);
        authorize(&self.policies, &request).is_allowed()
    }
}
