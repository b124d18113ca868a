//! Everybody of an account with the policies that speak for and against them, ready to be asked about.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    AccountId, Arn, ArnError, CompiledPolicy, Organization, PolicyDocument, PolicyError,
    PolicyKind, PolicySet, PolicySource, Principal, aws_managed,
};

mod details;

pub use details::{
    AccountDetails, AttachedPolicy, BoundaryDetail, Document, GroupDetail, InlinePolicy,
    ManagedPolicyDetail, RoleDetail, Tag, UserDetail, VersionDetail, percent_decoded,
};

/// Policies of an organization by level, as in [`PolicySet`].
pub type Levels = Vec<Vec<Arc<CompiledPolicy>>>;

/// A session's name that stands for any: no policy can name it, since `*` is none of the characters of such names.
pub(crate) const ANY_SESSION: &str = "*";

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its root user, its users and its roles, in the order of the dump.
    pub members: Vec<Member>,
    /// Trust policies by the ARN of their role.
    pub trust: BTreeMap<String, Arc<CompiledPolicy>>,
    /// Where it stands in its organization.
    pub organization: Option<Arc<Organization>>,
    /// Service control policies that bind it.
    pub service_control: Levels,
    /// Resource control policies that bind its resources.
    pub resource_control: Levels,
}

/// The root user, a user, or a role with a session of any name.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its ARN: of a role the role's.
    pub arn: Arc<str>,
    /// As it asks.
    pub principal: Principal,
    /// Its own policies and those of its groups.
    pub identity: Vec<Arc<CompiledPolicy>>,
    /// Its boundary.
    pub boundary: Option<Arc<CompiledPolicy>>,
}

/// Why a dump can't be used. Nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The dump names nobody and no account was named either.
    #[error("the account can't be told: nobody is in the dump")]
    NoAccount,
    /// Somebody of another account, or an ARN of no user or role.
    #[error("`{0}` is no user or role of the account")]
    Stranger(String),
    /// A managed policy that is neither in the dump nor AWS's own.
    #[error(
        "`{arn}` is attached to `{to}`, and its document is neither in the dump nor among those of AWS"
    )]
    NoPolicy {
        /// The policy.
        arn: String,
        /// To whom.
        to: String,
    },
    /// A user's group that is not in the dump.
    #[error("the group `{group}` of `{user}` is not in the dump")]
    NoGroup {
        /// The group.
        group: String,
        /// The user.
        user: String,
    },
    /// What should be an ARN is none.
    #[error(transparent)]
    Arn(#[from] ArnError),
    /// A policy that can't be read.
    #[error("policy `{name}` can't be read: {source}")]
    Policy {
        /// Which.
        name: String,
        /// Why.
        source: PolicyError,
    },
}

impl Account {
    /// Compiles everything in a dump. `id`: the account; `None` takes it from the first ARN in the dump.
    ///
    /// # Errors
    /// Where a policy can't be read or is missing, or somebody belongs to another account.
    pub fn new(details: &AccountDetails, id: Option<AccountId>) -> Result<Self, AccountError> {
        let arns = details.user_detail_list.iter().map(|user| &user.arn);
        let mut arns = arns.chain(details.role_detail_list.iter().map(|role| &role.arn));
        let first = || Arn::parse(arns.next()?).ok()?.account_id();
        let id = id.or_else(first).ok_or(AccountError::NoAccount)?;
        let mut reader = Reader { details, id, managed: BTreeMap::new(), groups: BTreeMap::new() };
        reader.read_groups()?;
        let root = Principal::root(id);
        let mut members = vec![Member {
            arn: Arc::clone(&root.arn),
            principal: root,
            identity: Vec::new(),
            boundary: None,
        }];
        for user in &details.user_detail_list {
            members.push(reader.user(user)?);
        }
        let mut trust = BTreeMap::new();
        for role in &details.role_detail_list {
            let (member, name) = reader.role(role)?;
            if let Some(document) = &role.assume_role_policy_document {
                let source = PolicySource::Trust(name.as_str().into());
                let policy = compile(document, PolicyKind::Trust, source)?;
                trust.insert(role.arn.clone(), policy);
            }
            members.push(member);
        }
        Ok(Self {
            id,
            members,
            trust,
            organization: None,
            service_control: Vec::new(),
            resource_control: Vec::new(),
        })
    }

    /// The same in an organization, with the policies that bind it.
    #[must_use]
    pub fn in_organization(
        mut self,
        organization: Option<Arc<Organization>>,
        service_control: Levels,
        resource_control: Levels,
    ) -> Self {
        for member in &mut self.members {
            member.principal.organization.clone_from(&organization);
        }
        Self { organization, service_control, resource_control, ..self }
    }

    /// The member with this ARN. Sessions of a role are found by the role's ARN and by their own, which names them.
    pub fn member(&self, arn: &str) -> Option<Member> {
        if let Some(member) = self.members.iter().find(|member| *member.arn == *arn) {
            return Some(member.clone());
        }
        let (role, session) = arn.rsplit_once('/')?;
        let any = format!("{role}/{ANY_SESSION}");
        let member = self.members.iter().find(|member| *member.principal.arn == *any)?;
        Some(member.named(session))
    }

    /// What speaks for and against a member who asks for a resource of this account.
    pub(crate) fn set(&self, member: &Member, resource: Option<&Arc<CompiledPolicy>>) -> PolicySet {
        PolicySet {
            identity: member.identity.clone(),
            boundary: member.boundary.clone(),
            resource: resource.cloned(),
            service_control: self.service_control.clone(),
            resource_control: self.resource_control.clone(),
            ..PolicySet::default()
        }
    }
}

impl Member {
    /// Whether it is a role, of which any session is meant.
    pub(crate) fn any_session(&self) -> bool {
        self.principal.arn.ends_with("/*")
    }

    /// The role with a session of this name.
    pub(crate) fn named(&self, session: &str) -> Self {
        let renamed = |text: &str| text.strip_suffix(ANY_SESSION).map(|t| format!("{t}{session}"));
        let mut named = self.clone();
        if let (Some(arn), Some(id)) =
            (renamed(&self.principal.arn), renamed(&self.principal.user_id))
        {
            named.arn = arn.as_str().into();
            named.principal.arn = arn.into();
            named.principal.user_id = id.into();
        }
        named
    }
}

fn compile(
    document: &Document,
    kind: PolicyKind,
    source: PolicySource,
) -> Result<Arc<CompiledPolicy>, AccountError> {
    let name = || source.to_string();
    let read = PolicyDocument::parse(&document.0, kind)
        .map_err(|error| AccountError::Policy { name: name(), source: error })?;
    Ok(Arc::new(CompiledPolicy::compile(source, &read)))
}

struct Reader<'a> {
    details: &'a AccountDetails,
    id: AccountId,
    /// Compiled managed policies by kind and ARN: many have the same.
    managed: BTreeMap<(PolicyKind, String), Arc<CompiledPolicy>>,
    groups: BTreeMap<String, Vec<Arc<CompiledPolicy>>>,
}

impl Reader<'_> {
    fn read_groups(&mut self) -> Result<(), AccountError> {
        for group in &self.details.group_detail_list {
            let name: Arc<str> = group.group_name.as_str().into();
            let source = |policy: &str| PolicySource::GroupInline {
                group: Arc::clone(&name),
                name: policy.into(),
            };
            let policies = self.own(
                &group.group_policy_list,
                &group.attached_managed_policies,
                &name,
                source,
            )?;
            // Names of groups are unique whatever their case.
            self.groups.insert(name.to_ascii_lowercase(), policies);
        }
        Ok(())
    }

    fn user(&mut self, user: &UserDetail) -> Result<Member, AccountError> {
        let (path, name) = self.path_and_name(&user.arn, "user")?;
        let owner: Arc<str> = name.as_str().into();
        let source = |policy: &str| PolicySource::UserInline {
            user: Arc::clone(&owner),
            name: policy.into(),
        };
        let mut identity =
            self.own(&user.user_policy_list, &user.attached_managed_policies, &user.arn, source)?;
        for group in &user.group_list {
            let found = self.groups.get(&group.to_ascii_lowercase());
            let found = found.ok_or_else(|| AccountError::NoGroup {
                group: group.clone(),
                user: user.arn.clone(),
            })?;
            identity.extend(found.iter().cloned());
        }
        let principal = Principal::user(self.id, &path, &name, &user.user_id);
        Ok(Member {
            arn: user.arn.as_str().into(),
            principal: with_tags(principal, &user.tags),
            identity,
            boundary: self.boundary(user.permissions_boundary.as_ref(), &user.arn)?,
        })
    }

    fn role(&mut self, role: &RoleDetail) -> Result<(Member, String), AccountError> {
        let (path, name) = self.path_and_name(&role.arn, "role")?;
        let owner: Arc<str> = name.as_str().into();
        let source = |policy: &str| PolicySource::RoleInline {
            role: Arc::clone(&owner),
            name: policy.into(),
        };
        let identity =
            self.own(&role.role_policy_list, &role.attached_managed_policies, &role.arn, source)?;
        let principal = Principal::role_session(self.id, &path, &name, &role.role_id, ANY_SESSION);
        let member = Member {
            arn: role.arn.as_str().into(),
            principal: with_tags(principal, &role.tags),
            identity,
            boundary: self.boundary(role.permissions_boundary.as_ref(), &role.arn)?,
        };
        Ok((member, name))
    }

    fn own(
        &mut self,
        inline: &[InlinePolicy],
        attached: &[AttachedPolicy],
        to: &str,
        source: impl Fn(&str) -> PolicySource,
    ) -> Result<Vec<Arc<CompiledPolicy>>, AccountError> {
        let mut all = Vec::with_capacity(inline.len() + attached.len());
        for policy in inline {
            let source = source(&policy.policy_name);
            all.push(compile(&policy.policy_document, PolicyKind::Identity, source)?);
        }
        for policy in attached {
            all.push(self.managed(&policy.policy_arn, PolicyKind::Identity, to)?);
        }
        Ok(all)
    }

    fn boundary(
        &mut self,
        boundary: Option<&BoundaryDetail>,
        to: &str,
    ) -> Result<Option<Arc<CompiledPolicy>>, AccountError> {
        let arn = boundary.map(|boundary| boundary.permissions_boundary_arn.as_str());
        arn.map(|arn| self.managed(arn, PolicyKind::Boundary, to)).transpose()
    }

    fn managed(
        &mut self,
        arn: &str,
        kind: PolicyKind,
        to: &str,
    ) -> Result<Arc<CompiledPolicy>, AccountError> {
        let key = (kind, arn.to_owned());
        if let Some(known) = self.managed.get(&key) {
            return Ok(Arc::clone(known));
        }
        let dumped = self.details.policies.iter().find(|policy| policy.arn == arn);
        let version =
            dumped.and_then(|p| p.policy_version_list.iter().find(|v| v.is_default_version));
        let document = match (version, aws_managed::find(arn)) {
            (Some(version), _) => version.document.clone(),
            (None, Some(published)) => Document(published.document.to_string()),
            (None, None) => {
                return Err(AccountError::NoPolicy { arn: arn.to_owned(), to: to.to_owned() });
            }
        };
        let name = Arn::parse(arn)?;
        let source = if kind == PolicyKind::Boundary {
            PolicySource::Boundary(name)
        } else {
            PolicySource::Managed(name)
        };
        let policy = compile(&document, kind, source)?;
        self.managed.insert(key, Arc::clone(&policy));
        Ok(policy)
    }

    /// Path and name behind `user` or `role` in an ARN of this account.
    fn path_and_name(&self, text: &str, kind: &str) -> Result<(String, String), AccountError> {
        let arn = Arn::parse(text)?;
        let stranger = || AccountError::Stranger(text.to_owned());
        let behind = arn.resource().strip_prefix(kind).filter(|rest| rest.starts_with('/'));
        let behind = behind.filter(|_| arn.account_id() == Some(self.id)).ok_or_else(stranger)?;
        let at = behind.rfind('/').map_or(0, |slash| slash + 1);
        let (path, name) = behind.split_at_checked(at).ok_or_else(stranger)?;
        if name.is_empty() { Err(stranger()) } else { Ok((path.to_owned(), name.to_owned())) }
    }
}

fn with_tags(principal: Principal, tags: &[Tag]) -> Principal {
    principal.with_tags(tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())))
}

#[cfg(test)]
mod tests;
