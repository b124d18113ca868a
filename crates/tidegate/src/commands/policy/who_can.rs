//! `tidegate policy who-can`: who of an account, and who besides, may take an action on a resource.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};
use tidegate_policy::{
    AccountId, PolicyKind, PolicySource,
    backwards::{Can, Target, Verdict, who_can},
};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
        people,
        report::code,
    },
    account::{AccountArgs, policy},
    decide::statement,
};

/// What is asked about.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The action, `s3:GetObject`, or a pattern.
    action: String,
    /// The resource's ARN, or a pattern.
    #[arg(default_value = "*")]
    resource: String,
    #[command(flatten)]
    account: AccountArgs,
    /// The resource's policy; a role's trust policy is known from the account.
    #[arg(long, value_name = "FILE")]
    resource_policy: Option<PathBuf>,
    /// The account that the resource belongs to; that of its ARN, or else the account that is asked about, by default.
    #[arg(long, value_name = "ACCOUNT")]
    resource_account: Option<AccountId>,
    /// Names those too who never may.
    #[arg(long)]
    all: bool,
}

/// Whether a resource is one whose policy must allow whatever others do: a KMS key.
pub(crate) fn policy_must_allow(resource: &str) -> bool {
    resource.starts_with("arn:") && resource.contains(":kms:") && resource.contains(":key/")
}

/// Asks about everybody.
pub(crate) fn run(args: &Args, format: Format) -> Result<ExitCode, Failure> {
    let account = args.account.read()?;
    let read = |path: &PathBuf| {
        let source = PolicySource::Resource(args.resource.as_str().into());
        policy(Path::new(path), PolicyKind::Resource, source)
    };
    let resource_policy = args.resource_policy.as_ref().map(read).transpose()?;
    let target = Target {
        policy: resource_policy.as_ref(),
        owner: args.resource_account,
        policy_must_allow: policy_must_allow(&args.resource),
        ..Target::new(&args.action, &args.resource)
    };
    let found = who_can(&account, &target);
    let anybody = found.iter().any(|can| can.verdict != Verdict::Never);
    let shown: Vec<&Can> =
        found.iter().filter(|can| args.all || can.verdict != Verdict::Never).collect();
    if !for_programs(format, &shown.iter().map(|can| value(can)).collect())? {
        print(&text(&shown, found.len()))?;
    }
    Ok(if anybody { ExitCode::SUCCESS } else { ExitCode::from(code::DENIED) })
}

/// A verdict for programs.
pub(crate) fn verdict(verdict: &Verdict) -> Value {
    let (word, when) = match verdict {
        Verdict::Always => ("always", Value::Null),
        Verdict::Never => ("never", Value::Null),
        Verdict::When(formula) => ("when", formula.to_string().into()),
    };
    json!({ "verdict": word, "when": when })
}

fn value(can: &Can) -> Value {
    let mut said = json!({
        "kind": can.caller.kind.name(),
        "principal": &*can.caller.name,
        "own_account_decides": can.own_account_decides,
        "statements": can.grants.iter().map(|part| statement(&part.statement)).collect::<Vec<_>>(),
    });
    if let (Value::Object(members), Value::Object(more)) = (&mut said, verdict(&can.verdict)) {
        members.extend(more);
    }
    said
}

fn text(shown: &[&Can], asked: usize) -> String {
    if shown.is_empty() {
        return format!("nobody of {asked} may\n");
    }
    let mut table = people::table(&["who", "kind", "may", "by"]);
    for can in shown {
        let by: Vec<String> = can.grants.iter().map(|part| part.statement.to_string()).collect();
        let own = if can.own_account_decides { ", if its account lets it" } else { "" };
        table.add_row([
            can.caller.name.to_string(),
            can.caller.kind.name().to_owned(),
            format!("{}{own}", can.verdict),
            by.join(", "),
        ]);
    }
    people::lines(&table)
}
