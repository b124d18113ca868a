//! `tidegate policy external`: who from outside gets at resources.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};
use tidegate_policy::{
    AccountId, PolicyKind, PolicySource,
    backwards::{Account, CallerKind, External, ExternalAccess, Zone, external_access},
};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
        people,
        report::Usage,
    },
    account::{AroundArgs, policy},
    compare::{some, witness},
    decide::statement,
    question::pair,
    who_can::{policy_must_allow, verdict},
};

/// What is asked about.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The account whose roles are looked at: what `aws iam get-account-authorization-details` writes, or a folder of policies.
    #[arg(long, value_name = "PATH")]
    account: Option<PathBuf>,
    #[command(flatten)]
    around: AroundArgs,
    /// A resource and the file with its policy; may come again.
    #[arg(long, value_name = "ARN=FILE", value_parser = pair)]
    resource_policy: Vec<(String, String)>,
    /// Another account that is trusted; may come again. Of an organization that is named by --org all accounts are trusted.
    #[arg(long, value_name = "ACCOUNT")]
    trust: Vec<AccountId>,
    /// A network or endpoint of one's own, vpc-… or vpce-…; may come again.
    #[arg(long, value_name = "ID")]
    network: Vec<String>,
    /// The access that gives exit code 1.
    #[arg(long, value_enum, default_value = "never", value_name = "ACCESS")]
    fail_on: FailOn,
}

/// What makes it fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Nothing.
    Never,
    /// Access by everybody.
    Public,
    /// Access by anybody from outside but services.
    Account,
    /// Any access from outside.
    Any,
}

/// Looks at every resource that was named.
pub(crate) fn run(args: &Args, format: Format) -> Result<ExitCode, Failure> {
    let account = account(args)?;
    let zone = Zone {
        accounts: args.trust.iter().copied().chain([account.id]).collect(),
        organization: args.around.org.as_ref().map(|(id, _)| id.clone()),
        networks: args.network.iter().cloned().collect(),
    };
    let mut whole = External::default();
    let mut look = |resource: &str, policy: &_| {
        let must_allow = policy_must_allow(resource);
        let External { found, limits } =
            external_access(&account, &zone, resource, policy, must_allow);
        whole.found.extend(found);
        whole.limits.extend(limits);
    };
    for (role, policy) in &account.trust {
        look(role, policy);
    }
    for (resource, file) in &args.resource_policy {
        let source = PolicySource::Resource(resource.as_str().into());
        look(resource, &policy(Path::new(file), PolicyKind::Resource, source)?);
    }
    if !for_programs(format, &value(&whole))? {
        print(&text(&whole))?;
    }
    let fails = whole.found.iter().any(|access| match args.fail_on {
        FailOn::Never => false,
        FailOn::Public => access.public,
        FailOn::Account => access.caller.kind != CallerKind::Service,
        FailOn::Any => true,
    });
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn account(args: &Args) -> Result<Account, Failure> {
    if let Some(path) = &args.account {
        return args.around.read(path);
    }
    if args.resource_policy.is_empty() {
        return Err(Usage("neither --account nor --resource-policy was given".to_owned()).into());
    }
    match args.around.account_id {
        Some(id) => args.around.empty(id),
        None => {
            Err(Usage("without --account the account is named by --account-id".to_owned()).into())
        }
    }
}

fn value(whole: &External) -> Value {
    let one = |access: &ExternalAccess| {
        let mut said = json!({
            "resource": access.resource,
            "kind": access.caller.kind.name(),
            "principal": &*access.caller.name,
            "public": access.public,
            "actions": access.actions,
            "statements": access.grants.iter().map(|part| statement(&part.statement)).collect::<Vec<_>>(),
            "witness": witness(&access.witness),
        });
        if let (Value::Object(members), Value::Object(more)) = (&mut said, verdict(&access.when)) {
            members.extend(more);
        }
        said
    };
    json!({
        "access": whole.found.iter().map(one).collect::<Vec<_>>(),
        "limits": whole.limits.iter().map(|limit| limit.words()).collect::<Vec<_>>(),
    })
}

fn text(whole: &External) -> String {
    let limits: Vec<&str> = whole.limits.iter().map(|limit| limit.words()).collect();
    let note = if limits.is_empty() {
        String::new()
    } else {
        format!("not everything was looked at: {}\n", limits.join(", "))
    };
    if whole.found.is_empty() {
        return format!("nobody from outside\n{note}");
    }
    let mut table = people::table(&["resource", "who", "kind", "actions", "when", "witness"]);
    for access in &whole.found {
        let public = if access.public { "public: " } else { "" };
        table.add_row([
            access.resource.clone(),
            access.caller.name.to_string(),
            format!("{public}{}", access.caller.kind.name()),
            some(&access.actions),
            access.when.to_string(),
            access.witness.to_string(),
        ]);
    }
    people::lines(&table) + &note
}
