//! Who is asked about when two sets of policies are compared.

use std::sync::Arc;

use crate::{
    AccountId, CompiledPolicy, PolicyDocument, PolicyKind, PolicySet, Principal,
    backwards::{
        account::{ANY_SESSION, Member},
        caller::{self, Caller, CallerKind},
        dimension::example,
        documents::{Documents, policies},
        glob::Glob,
        known::Open,
        who_can::everything,
    },
    document::ConditionEntry,
};

/// Whose requests are compared, and on whose resources.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The callers.
    pub callers: Vec<Caller>,
    /// The account that owns the resources; `None`: the caller's.
    pub owner: Option<AccountId>,
    /// Whether the resource's policy must allow whatever others do, as that of a KMS key must.
    pub policy_must_allow: bool,
    /// The only resource that is asked about; `None`: all.
    pub resource: Option<String>,
}

impl Scope {
    /// One caller, just as it is: only its session is open.
    pub fn of(principal: Principal) -> Self {
        let name = Arc::clone(&principal.arn);
        Self::asking(Caller { kind: CallerKind::User, name, principal, open: Open::Session })
    }

    /// A member of an account: of a role a session of any name.
    pub fn member(member: &Member) -> Self {
        Self::asking(Caller::member(member))
    }

    fn asking(caller: Caller) -> Self {
        Self { callers: vec![caller], owner: None, policy_must_allow: false, resource: None }
    }

    /// Callers of each kind that the policies speak of: somebody of each account, user, role, session, service and provider that they
    /// name in a principal or in a condition on one, and somebody whom they do not name. They are representatives: other callers that
    /// conditions on several keys of the caller at once tell apart may be missing.
    ///
    /// `owner`: the account that owns the resources. `None`: the caller's own where no policy of the sets names principals, else an
    /// account that no policy names.
    pub fn everybody(old: &PolicySet, new: &PolicySet, owner: Option<AccountId>) -> Self {
        let mut documents = Documents::default();
        documents.read(old);
        documents.read(new);
        let all: Vec<&Arc<CompiledPolicy>> = policies(old).chain(policies(new)).collect();
        let others: Vec<AccountId> = owner.into_iter().collect();
        let Some(own) = caller::stranger(all.iter().copied(), &others) else {
            return Self { callers: Vec::new(), owner, policy_must_allow: false, resource: None };
        };
        let documents: Vec<&PolicyDocument> =
            all.iter().filter_map(|policy| documents.of(policy)).collect();
        let names = old.resource.is_some() || new.resource.is_some();
        let home = if names { owner.unwrap_or(own) } else { own };
        let mut callers = vec![
            someone(Principal::user(home, "/", "somebody", "AIDASOMEBODY"), CallerKind::User),
            someone(
                Principal::role_session(home, "/", "some-role", "AROASOMEROLE", ANY_SESSION),
                CallerKind::Role,
            ),
        ];
        if names {
            let taken = [home, own];
            let stranger = caller::stranger(all.iter().copied(), &taken).unwrap_or(own);
            let everybody: crate::PrincipalPair = ("*".into(), "*".into());
            let mut pairs = caller::pairs(documents.iter().copied());
            pairs.insert(&everybody);
            callers.push(someone(Principal::root(home), CallerKind::Root));
            callers.extend(pairs.into_iter().flat_map(|pair| Caller::named(pair, stranger)));
        }
        let statements = documents.iter().flat_map(|document| document.statements());
        for entry in statements.flat_map(|statement| &statement.conditions) {
            callers.extend(of_condition(entry, home));
        }
        let mut seen: Vec<Principal> = Vec::new();
        callers.retain(|caller| {
            let fresh = !seen.contains(&caller.principal);
            seen.push(caller.principal.clone());
            fresh
        });
        for caller in &mut callers {
            // Representatives have an ARN, but neither tags nor an organization that anybody would know.
            caller.open = Open::Facts;
        }
        let owner = owner.or(names.then_some(home));
        Self { callers, owner, policy_must_allow: false, resource: None }
    }
}

fn someone(principal: Principal, kind: CallerKind) -> Caller {
    Caller { kind, name: Arc::clone(&principal.arn), principal, open: Open::Facts }
}

/// Callers whom a condition on the caller is about.
pub(crate) fn of_condition(entry: &ConditionEntry, home: AccountId) -> Vec<Caller> {
    let values = entry.values.iter().map(|value| example(&Glob::new(value)));
    let key = entry.key.to_ascii_lowercase();
    let by_value = |value: String| match key.as_str() {
        "aws:principalarn" => by_pattern(&value, home),
        "aws:principalaccount" => Caller::by_arn(&value),
        "aws:username" => {
            let user = Principal::user(home, "/", &value, "AIDASOMEBODY");
            (!value.is_empty()).then(|| someone(user, CallerKind::User))
        }
        "aws:userid" => by_id(&value, home),
        "aws:principaltype" if value == "Account" => {
            Some(someone(Principal::root(home), CallerKind::Root))
        }
        "aws:principalservicename" => {
            Some(someone(Principal::service(&value), CallerKind::Service))
        }
        "aws:principalisawsservice" => {
            Some(someone(Principal::service("any.amazonaws.com"), CallerKind::Service))
        }
        _ => None,
    };
    values.filter_map(by_value).collect()
}

/// By the example of a pattern of ARNs, which has no account where the pattern leaves it open.
fn by_pattern(text: &str, home: AccountId) -> Option<Caller> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts.as_slice() else {
        return None;
    };
    let account = if account.parse::<AccountId>().is_ok() { account } else { home.as_str() };
    let region = if region.is_empty() { "" } else { region };
    let found = Caller::by_arn(&[arn, partition, service, region, account, resource].join(":"));
    // `aws:PrincipalArn` never holds an account's name alone, but the ARN of its root user.
    found.map(|caller| match (caller.kind, caller.principal.account) {
        (CallerKind::Account, Some(account)) => someone(Principal::root(account), CallerKind::Root),
        _ => caller,
    })
}

/// By what `aws:userid` holds.
fn by_id(id: &str, home: AccountId) -> Option<Caller> {
    match id.split_once(':') {
        Some((role, session)) if role.starts_with("AROA") => {
            let principal = Principal::role_session(home, "/", "some-role", role, session);
            Some(someone(principal, CallerKind::RoleSession))
        }
        None if id.starts_with("AIDA") => {
            Some(someone(Principal::user(home, "/", "somebody", id), CallerKind::User))
        }
        _ => None,
    }
}

/// A policy of one kind beside others that allow everything, so that it alone decides.
pub fn alone(policy: &Arc<CompiledPolicy>, kind: PolicyKind) -> PolicySet {
    let one = || vec![vec![Arc::clone(policy)]];
    let mut set =
        PolicySet { identity: everything().into_iter().collect(), ..PolicySet::default() };
    match kind {
        PolicyKind::Identity => set.identity = vec![Arc::clone(policy)],
        PolicyKind::Boundary => set.boundary = Some(Arc::clone(policy)),
        PolicyKind::Session => set.session = Some(vec![Arc::clone(policy)]),
        PolicyKind::Resource | PolicyKind::Trust => set.resource = Some(Arc::clone(policy)),
        PolicyKind::ServiceControl => set.service_control = one(),
        PolicyKind::ResourceControl => set.resource_control = one(),
    }
    set
}
