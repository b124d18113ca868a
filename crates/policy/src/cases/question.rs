//! A question from a command line: what a case holds, in plain words, with policies in files.

use serde_yaml_ng::{Mapping, Value as Yaml};

use super::{
    Loader,
    principal::PrincipalSpec,
    schema::{CaseSpec, FileSpec, Named, OneOrMany, PrincipalRef},
    situation::{Situation, SituationError},
};

/// Who wants to do what to what, and the policies that have a say. Policies are named as the loader knows them, or by the ARN of one
/// of AWS's own.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Who.
    pub principal: PrincipalSpec,
    /// What; each action with each resource.
    pub actions: Vec<String>,
    /// To what; `*` where there is none.
    pub resources: Vec<String>,
    /// The account that the resource belongs to; the caller's where there is none.
    pub resource_account: Option<String>,
    /// Whether the resource's policy must allow whatever others do, as that of a KMS key must.
    pub resource_policy_must_allow: bool,
    /// The resource's tags.
    pub resource_tags: Vec<(String, String)>,
    /// Condition keys; one that comes again has several values.
    pub context: Vec<(String, String)>,
    /// Policies of the user and its groups, or of the role.
    pub identity: Vec<String>,
    /// The permissions boundary.
    pub boundary: Option<String>,
    /// Session policies; none at all is a session without any.
    pub session: Vec<String>,
    /// The resource's policy.
    pub resource_policy: Option<String>,
    /// The trust policy of the role that is to be assumed.
    pub trust_policy: Option<String>,
    /// Service control policies, a list for each level from the root to the account.
    pub scp: Vec<Vec<String>>,
    /// Resource control policies, a list for each level from the root to the account.
    pub rcp: Vec<Vec<String>>,
    /// The policy of the VPC endpoint that the request comes by.
    pub endpoint_policy: Option<String>,
}

impl Question {
    /// Finds and compiles what the question names.
    ///
    /// # Errors
    /// Where a policy is not found or can't be read, or where the caller, an action or an account is none.
    pub fn situation(&self, loader: Loader<'_>) -> Result<Situation, SituationError> {
        let many = |names: &[String]| OneOrMany(names.iter().map(|name| reference(name)).collect());
        let one = |name: &Option<String>| name.as_ref().map(|name| reference(name));
        let levels =
            |levels: &[Vec<String>]| Some(levels.iter().map(|level| many(level)).collect());
        let some = |texts: &[String]| (!texts.is_empty()).then(|| OneOrMany(texts.to_vec()));
        let case = CaseSpec {
            principal: Some(PrincipalRef::Whole(Box::new(self.principal.clone()))),
            identity: Some(many(&self.identity)),
            boundary: one(&self.boundary),
            session_policies: (!self.session.is_empty()).then(|| many(&self.session)),
            resource_policy: one(&self.resource_policy),
            trust_policy: one(&self.trust_policy),
            scp: levels(&self.scp),
            rcp: levels(&self.rcp),
            endpoint_policy: one(&self.endpoint_policy),
            action: some(&self.actions),
            resource: some(&self.resources),
            resource_account: self.resource_account.clone(),
            resource_policy_must_allow: Some(self.resource_policy_must_allow),
            resource_tags: (!self.resource_tags.is_empty())
                .then(|| Named(self.resource_tags.clone())),
            context: Some(OneOrMany(vec![Yaml::Mapping(context(&self.context))])),
            ..CaseSpec::default()
        };
        Situation::of(&FileSpec::default(), &case, loader)
    }
}

/// One of AWS's own policies by its ARN, everything else as a file.
fn reference(name: &str) -> Yaml {
    if name.starts_with("arn:aws:iam::aws:policy/") {
        return Yaml::String(name.to_owned());
    }
    let file = (Yaml::String("file".to_owned()), Yaml::String(name.to_owned()));
    Yaml::Mapping([file].into_iter().collect())
}

fn context(pairs: &[(String, String)]) -> Mapping {
    let mut keys = Mapping::new();
    for (key, value) in pairs {
        let value = Yaml::String(value.clone());
        match keys.get_mut(key) {
            None => drop(keys.insert(Yaml::String(key.clone()), value)),
            Some(Yaml::Sequence(values)) => values.push(value),
            Some(one) => *one = Yaml::Sequence(vec![one.clone(), value]),
        }
    }
    keys
}
