//! The words in which a command line names an account: AWS's own dump of it or a folder of policies, and what binds it besides.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use tidegate_policy::{
    AccountId, CompiledPolicy, Organization, PolicyDocument, PolicyKind, PolicySource,
    backwards::{
        Account, AccountDetails, BoundaryDetail, Document, GroupDetail, InlinePolicy, Levels,
        ManagedPolicyDetail, RoleDetail, UserDetail, VersionDetail,
    },
};

use super::{
    super::{Failure, report::Usage},
    files,
    question::pair,
};

/// An account and what binds it.
#[derive(Debug, clap::Args)]
pub(crate) struct AccountArgs {
    /// The account: what `aws iam get-account-authorization-details` writes, or a folder of policies; docs/backwards.md explains both.
    #[arg(long, value_name = "PATH")]
    account: PathBuf,
    #[command(flatten)]
    around: AroundArgs,
}

/// What is known of an account besides its policies.
#[derive(Debug, clap::Args)]
pub(crate) struct AroundArgs {
    /// The account's id; that of the first ARN in the dump by default.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account_id: Option<AccountId>,
    /// The organization of the account, and the account's path in it.
    #[arg(long, value_name = "ID=PATH", value_parser = pair)]
    pub(crate) org: Option<(String, String)>,
    /// Service control policies of one level, from the root to the account; may come again for the next level.
    #[arg(long, value_name = "FILE,FILE")]
    pub(crate) scp: Vec<String>,
    /// Resource control policies of one level, from the root to the account; may come again for the next level.
    #[arg(long, value_name = "FILE,FILE")]
    pub(crate) rcp: Vec<String>,
}

impl AccountArgs {
    /// Reads it.
    pub(crate) fn read(&self) -> Result<Account, Failure> {
        self.around.read(&self.account)
    }
}

impl AroundArgs {
    /// Reads an account from a path.
    pub(crate) fn read(&self, path: &Path) -> Result<Account, Failure> {
        let details = if path.is_dir() {
            folder(path, self.account_id)?
        } else {
            let text = files::read(path)?;
            serde_json::from_str(&text)
                .map_err(|e| format!("`{}` is no dump of an account: {e}", files::name(path)))?
        };
        self.bind(Account::new(&details, self.account_id)?)
    }

    /// An account in which nobody is.
    pub(crate) fn empty(&self, id: AccountId) -> Result<Account, Failure> {
        self.bind(Account::new(&AccountDetails::default(), Some(id))?)
    }

    fn bind(&self, account: Account) -> Result<Account, Failure> {
        let organization =
            self.org.as_ref().map(|(id, path)| Arc::new(Organization::new(id, path)));
        let service_control =
            levels(&self.scp, PolicyKind::ServiceControl, PolicySource::ServiceControl)?;
        let resource_control =
            levels(&self.rcp, PolicyKind::ResourceControl, PolicySource::ResourceControl)?;
        Ok(account.in_organization(organization, service_control, resource_control))
    }
}

/// Whether a file or folder holds an account rather than one policy.
pub(crate) fn is_account(path: &Path) -> Result<bool, Failure> {
    if path.is_dir() {
        return Ok(true);
    }
    let text = files::read(path)?;
    Ok(["\"UserDetailList\"", "\"RoleDetailList\"", "\"GroupDetailList\""]
        .iter()
        .any(|list| text.contains(list)))
}

/// The compiled policy of a file.
pub(crate) fn policy(
    path: &Path,
    kind: PolicyKind,
    source: PolicySource,
) -> Result<Arc<CompiledPolicy>, Failure> {
    let document = PolicyDocument::parse(&files::policy(path)?, kind)
        .map_err(|e| format!("policy `{}` can't be read: {e}", path.display()))?;
    Ok(Arc::new(CompiledPolicy::compile(source, &document)))
}

fn levels(
    levels: &[String],
    kind: PolicyKind,
    source: fn(Arc<str>) -> PolicySource,
) -> Result<Levels, Failure> {
    let level = |files: &String| {
        files.split(',').map(|file| policy(Path::new(file), kind, source(file.into()))).collect()
    };
    levels.iter().map(level).collect()
}

/// Entries of a folder, in order; none where there is no such folder.
fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = |e| format!("`{}` can't be read: {e}", folder.display());
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            all.push((name.to_owned(), path));
        }
    }
    all.sort();
    Ok(all)
}

/// What stands in the folder of one user, group or role.
#[derive(Default)]
struct Folder {
    policies: Vec<InlinePolicy>,
    boundary: Option<Document>,
    trust: Option<Document>,
    members: Vec<String>,
}

impl Folder {
    fn read(path: &Path) -> Result<Self, Failure> {
        let mut folder = Self::default();
        for (name, path) in entries(path)? {
            let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
            if name == "members" && matches!(extension, "" | "txt") {
                folder.members =
                    files::read(&path)?.split_whitespace().map(str::to_owned).collect();
            } else if matches!(extension, "json" | "yaml" | "yml") {
                let document = Document(files::policy(&path)?);
                match name.as_str() {
                    "boundary" => folder.boundary = Some(document),
                    "trust" => folder.trust = Some(document),
                    _ => folder
                        .policies
                        .push(InlinePolicy { policy_name: name, policy_document: document }),
                }
            }
        }
        Ok(folder)
    }
}

/// An account as a folder: `users/NAME`, `groups/NAME` and `roles/NAME`, each with its policies.
fn folder(path: &Path, id: Option<AccountId>) -> Result<AccountDetails, Failure> {
    let id = id.ok_or_else(|| Usage("a folder of policies needs --account-id".to_owned()))?;
    let mut details = AccountDetails::default();
    let mut boundary = |name: &str, document: Option<Document>| {
        let arn = format!("arn:aws:iam::{id}:policy/{name}-boundary");
        document.map(|document| {
            let version = VersionDetail { document, is_default_version: true };
            details
                .policies
                .push(ManagedPolicyDetail { arn: arn.clone(), policy_version_list: vec![version] });
            BoundaryDetail { permissions_boundary_arn: arn }
        })
    };
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    let mut group_list = Vec::new();
    for (name, path) in entries(&path.join("groups"))? {
        let found = Folder::read(&path)?;
        groups.push((name.clone(), found.members));
        group_list.push(GroupDetail {
            group_name: name,
            group_policy_list: found.policies,
            ..GroupDetail::default()
        });
    }
    let (mut users, mut roles) = (Vec::new(), Vec::new());
    for (name, path) in entries(&path.join("users"))? {
        let found = Folder::read(&path)?;
        let of = groups.iter().filter(|(_, members)| members.contains(&name));
        users.push(UserDetail {
            arn: format!("arn:aws:iam::{id}:user/{name}"),
            user_id: format!("AIDA{name}"),
            user_policy_list: found.policies,
            group_list: of.map(|(group, _)| group.clone()).collect(),
            permissions_boundary: boundary(&format!("user-{name}"), found.boundary),
            ..UserDetail::default()
        });
    }
    for (name, path) in entries(&path.join("roles"))? {
        let found = Folder::read(&path)?;
        roles.push(RoleDetail {
            arn: format!("arn:aws:iam::{id}:role/{name}"),
            role_id: format!("AROA{name}"),
            assume_role_policy_document: found.trust,
            role_policy_list: found.policies,
            permissions_boundary: boundary(&format!("role-{name}"), found.boundary),
            ..RoleDetail::default()
        });
    }
    (details.user_detail_list, details.role_detail_list) = (users, roles);
    details.group_detail_list = group_list;
    Ok(details)
}
