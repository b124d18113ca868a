//! A simulation, ready to be asked: policies, caller, context, actions and resources.

use std::sync::{Arc, LazyLock};

use super::{
    SimulationAnswer, SimulationError, SimulationRequest, entries, handling,
    keys::{self, Spelled},
    page::Page,
    together,
};
use crate::{
    AccountId, Action, Arn, CompiledPolicy, Context, PolicyDocument, PolicyKind, PolicySet,
    PolicySource, PolicyType, Principal,
};

/// Most decisions of an answer: actions times resources.
const DECISIONS_MAX: usize = 100_000;
/// Longest name of a resource, in characters.
const RESOURCE_MAX: usize = 2048;

/// What a policy of another account's resource says when nobody knows it: only the caller's side is simulated then.
static ANYTHING: LazyLock<Option<Arc<CompiledPolicy>>> = LazyLock::new(|| {
    let text =
        r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}"#;
    let document = PolicyDocument::parse(text, PolicyKind::Resource).ok()?;
    let source = PolicySource::Resource("*".into());
    Some(Arc::new(CompiledPolicy::compile(source, &document)))
});

/// Everything that the answer depends on.
pub(super) struct Scene<'a> {
    request: &'a SimulationRequest,
    page: Page,
    actions: Vec<Action>,
    resources: Vec<Resource<'a>>,
    pub(super) context: Context,
    pub(super) policies: PolicySet,
    /// The same where a resource of another account has no policy that is known.
    pub(super) abroad: PolicySet,
    pub(super) sources: Vec<Source>,
}

/// A resource with its owner, and the caller as the owner's account sees it.
pub(super) struct Resource<'a> {
    pub(super) name: &'a str,
    pub(super) owner: Option<AccountId>,
    pub(super) caller: Principal,
}

/// A policy, what it is called, and which keys its statements ask for.
pub(super) struct Source {
    pub(super) id: String,
    pub(super) policy_type: PolicyType,
    pub(super) policy: Arc<CompiledPolicy>,
    /// One list for each statement.
    pub(super) keys: Vec<Vec<Spelled>>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        request: &'a SimulationRequest,
        policies: PolicySet,
        caller: &Principal,
    ) -> Result<Self, SimulationError> {
        if request.action_names.is_empty() {
            return Err(SimulationError::Empty("ActionNames".to_owned()));
        }
        let parse = |text: &String| Action::parse(text);
        let actions = request.action_names.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        let resources = resources(request, caller)?;
        let page = Page::of(request)?;
        let found = (page.end - page.start).saturating_mul(resources.len());
        if found > DECISIONS_MAX {
            return Err(SimulationError::TooMany {
                name: "ResourceArns",
                found,
                max: DECISIONS_MAX,
            });
        }
        let resource = policies.resource.clone().or_else(|| ANYTHING.clone());
        Ok(Self {
            request,
            page,
            actions,
            resources,
            context: entries::context(&request.context_entries)?,
            sources: sources(&policies),
            abroad: PolicySet { resource, ..policies.clone() },
            policies,
        })
    }

    /// Decides on every action of the page.
    pub(super) fn answer(&self) -> SimulationAnswer {
        let actions = self.actions.get(self.page.start..self.page.end).unwrap_or_default();
        let result = |action: &Action| {
            let judged = self.resources.iter().map(|r| (r, self.judge(action, r)));
            together::result(action, judged.collect())
        };
        let marker = self.page.next(self.request.action_names.len());
        SimulationAnswer {
            evaluation_results: actions.iter().map(result).collect(),
            is_truncated: marker.is_some(),
            marker,
        }
    }
}

fn resources<'a>(
    request: &'a SimulationRequest,
    caller: &Principal,
) -> Result<Vec<Resource<'a>>, SimulationError> {
    let stated = request.resource_owner.as_deref().map(owner).transpose()?;
    let named = |text: &'a String| {
        let arn = Arn::parse(text).ok();
        if text != "*" && (arn.is_none() || text.chars().count() > RESOURCE_MAX) {
            return Err(SimulationError::Resource(text.chars().take(RESOURCE_MAX).collect()));
        }
        let is_role = |arn: &Arn| arn.service() == "iam" && arn.resource().starts_with("role/");
        if request.resource_policy.is_some() && arn.as_ref().is_some_and(is_role) {
            return Err(SimulationError::PolicyOfRole(text.clone()));
        }
        let owner = arn.and_then(|arn| arn.account_id()).or(stated);
        Ok((text.as_str(), owner))
    };
    let mut named = request.resource_arns.iter().map(named).collect::<Result<Vec<_>, _>>()?;
    if named.is_empty() {
        named.push(("*", stated));
    }
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    handling::check(request.resource_handling_option.as_deref(), &names)?;
    let resource = |(name, owner): (&'a str, Option<AccountId>)| {
        // Nobody in particular is at home everywhere.
        let account = caller.account.or(if caller.arn.is_empty() { owner } else { None });
        Resource { name, owner, caller: Principal { account, ..caller.clone() } }
    };
    Ok(named.into_iter().map(resource).collect())
}

/// The account that a resource owner names.
fn owner(text: &str) -> Result<AccountId, SimulationError> {
    let is_root = |arn: &Arn| (arn.service(), arn.resource()) == ("iam", "root");
    let root = || Arn::parse(text).ok().filter(is_root)?.account_id();
    text.parse().ok().or_else(root).ok_or_else(|| SimulationError::Owner(text.to_owned()))
}

/// All policies, in the order in which AWS lists what they say.
fn sources(set: &PolicySet) -> Vec<Source> {
    let trust = |policy: &Arc<CompiledPolicy>| matches!(policy.source(), PolicySource::Trust(_));
    let resource_type = match &set.resource {
        Some(policy) if trust(policy) => PolicyType::Trust,
        _ => PolicyType::Resource,
    };
    let lists = [
        (PolicyType::ResourceControl, set.resource_control.concat()),
        (PolicyType::ServiceControl, set.service_control.concat()),
        (PolicyType::VpcEndpoint, set.endpoint.iter().cloned().collect()),
        (resource_type, set.resource.iter().cloned().collect()),
        (PolicyType::Identity, set.identity.clone()),
        (PolicyType::Boundary, set.boundary.iter().cloned().collect()),
        (PolicyType::Session, set.session.clone().unwrap_or_default()),
    ];
    let source = |policy_type| {
        move |policy: Arc<CompiledPolicy>| Source {
            id: id(policy.source()),
            policy_type,
            keys: policy.document().map_or_else(Vec::new, |document| {
                document.statements().iter().map(|s| keys::of(s, document.version())).collect()
            }),
            policy,
        }
    };
    lists.into_iter().flat_map(|(of, list)| list.into_iter().map(source(of))).collect()
}

/// What AWS's answers call a policy.
fn id(source: &PolicySource) -> String {
    match source {
        PolicySource::Managed(arn) | PolicySource::Boundary(arn) => {
            arn.resource().rsplit('/').next().unwrap_or_default().to_owned()
        }
        PolicySource::UserInline { user, name } => format!("user_{user}_{name}"),
        PolicySource::GroupInline { group, name } => format!("group_{group}_{name}"),
        PolicySource::RoleInline { role, name } => format!("role_{role}_{name}"),
        PolicySource::Resource(_) => "ResourcePolicy".to_owned(),
        PolicySource::Input(place) => place.to_string(),
        PolicySource::ServiceControl(id)
        | PolicySource::ResourceControl(id)
        | PolicySource::VpcEndpoint(id) => id.to_string(),
        PolicySource::Trust(_) | PolicySource::Session(_) => source.to_string(),
    }
}
