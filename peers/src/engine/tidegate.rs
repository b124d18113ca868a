//! Tidegate, composed and policy by policy.

use std::{error::Error, sync::Arc, time::Duration};

use tidegate_policy::{
    Action, CompiledPolicy, ComposedPolicies, Context, Effect, PolicyDocument, PolicyKind,
    PolicySet, PolicySource, Principal, Request, SessionContext, UnixMillis, authorize,
};

use super::Engine;
use crate::{policy::Policy, workload::Question};

/// A request without its caller.
pub(super) struct Asked {
    action: Action,
    resource: String,
    context: Context,
    mfa: bool,
}

fn asked(question: &Question) -> Asked {
    Asked {
        action: Action::parse(question.action).expect("an action of the workload"),
        resource: question.resource.clone(),
        context: Context::default()
            .with("aws:RequestedRegion", question.region)
            .with("aws:SourceIp", question.address.as_str()),
        mfa: question.mfa,
    }
}

/// The user in two sessions: whether a second factor was used is known of a session, and never taken from a request's context.
struct Callers {
    with_mfa: Principal,
    without: Principal,
}

impl Callers {
    fn new() -> Self {
        let account = "123456789012".parse().expect("twelve digits");
        let user = Principal::user(account, "/", "ada", "AIDAADA0000000000000");
        let session = SessionContext::new(UnixMillis(1_767_225_600_000));
        let with_mfa = session.clone().with_mfa(Duration::from_secs(60));
        Self { with_mfa: user.clone().with_session(with_mfa), without: user.with_session(session) }
    }

    fn request<'a>(&'a self, asked: &'a Asked) -> Request<'a> {
        let caller = if asked.mfa { &self.with_mfa } else { &self.without };
        Request::new(caller, &asked.action, &asked.resource, &asked.context)
    }
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
    callers: Callers,
}

impl Engine for Composed {
    const NAME: &'static str = "**Tidegate, composed**";
    type Source = Vec<String>;
    type Request = Asked;

    fn translate(policies: &[Policy]) -> Vec<String> {
        texts(policies)
    }

    fn load(source: &Vec<String>) -> Result<Self, Box<dyn Error>> {
        Ok(Self { policies: ComposedPolicies::new(set(source)?), callers: Callers::new() })
    }

    fn request(&self, question: &Question) -> Asked {
        asked(question)
    }

    fn decide(&mut self, asked: &Asked) -> bool {
        self.policies.authorize(&self.callers.request(asked)).is_allowed()
    }
}

/// The same without the statements that decided: the yes or no that the other engines answer.
pub(super) struct EffectAlone(Composed);

impl Engine for EffectAlone {
    const NAME: &'static str = "**Tidegate, effect alone**";
    type Source = Vec<String>;
    type Request = Asked;

    fn translate(policies: &[Policy]) -> Vec<String> {
        texts(policies)
    }

    fn load(source: &Vec<String>) -> Result<Self, Box<dyn Error>> {
        Composed::load(source).map(Self)
    }

    fn request(&self, question: &Question) -> Asked {
        asked(question)
    }

    fn decide(&mut self, asked: &Asked) -> bool {
        let Composed { policies, callers } = &self.0;
        policies.effect(&callers.request(asked)) == Effect::Allow
    }
}

/// Each policy through its own index.
pub(super) struct PolicyByPolicy {
    policies: PolicySet,
    callers: Callers,
}

impl Engine for PolicyByPolicy {
    const NAME: &'static str = "**Tidegate, policy by policy**";
    type Source = Vec<String>;
    type Request = Asked;

    fn translate(policies: &[Policy]) -> Vec<String> {
        texts(policies)
    }

    fn load(source: &Vec<String>) -> Result<Self, Box<dyn Error>> {
        let policies = set(source)?;
        policies.prepare();
        Ok(Self { policies, callers: Callers::new() })
    }

    fn request(&self, question: &Question) -> Asked {
        asked(question)
    }

    fn decide(&mut self, asked: &Asked) -> bool {
        authorize(&self.policies, &self.callers.request(asked)).is_allowed()
    }
}
