//! `tidegate policy compare`: what a new version allows and denies that the old one did not.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value as Json, json};
use tidegate_policy::{
    AccountId, CompiledPolicy, PolicyKind, PolicySet, PolicySource, Value,
    backwards::{Change, Comparison, Difference, Scope, Witness, alone, compare, compare_accounts},
    cases::PrincipalSpec,
};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
        report::Usage,
    },
    Kind,
    account::{self, AroundArgs},
    files,
    who_can::verdict,
};

/// What is compared.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The old version: a file with a policy, the dump of an account, or a folder of its policies.
    old: PathBuf,
    /// The new version.
    new: PathBuf,
    /// What kind of policy; what it looks like by default.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// Whose requests: an ARN, a service, or `anonymous`; of accounts a member. Everybody whom the policies speak of by default.
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    /// The account that owns the resources of a resource's policy.
    #[arg(long, value_name = "ACCOUNT")]
    resource_account: Option<AccountId>,
    /// The difference that gives exit code 1.
    #[arg(long, value_enum, default_value = "never", value_name = "DIFFERENCE")]
    fail_on: FailOn,
    #[command(flatten)]
    around: AroundArgs,
}

/// What makes a comparison fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Nothing.
    Never,
    /// Something is allowed that was not.
    Widened,
    /// Something is denied that was not.
    Narrowed,
    /// Either.
    Different,
}

/// Compares.
pub(crate) fn run(args: &Args, format: Format) -> Result<ExitCode, Failure> {
    let found = match (account::is_account(&args.old)?, account::is_account(&args.new)?) {
        (true, true) => {
            let (old, new) = (args.around.read(&args.old)?, args.around.read(&args.new)?);
            let only = args.principal.as_deref();
            if let Some(arn) = only.filter(|a| old.member(a).is_none() && new.member(a).is_none()) {
                return Err(Usage(format!("neither account has a member `{arn}`")).into());
            }
            compare_accounts(&old, &new, only)
        }
        (false, false) => policies(args)?,
        _ => {
            let what = "an account is compared with an account, a policy with a policy";
            return Err(Usage(what.to_owned()).into());
        }
    };
    if !for_programs(format, &value(&found))? {
        print(&text(&found)?)?;
    }
    let (widened, narrowed) = (found.any(Change::Widened), found.any(Change::Narrowed));
    let fails = match args.fail_on {
        FailOn::Never => false,
        FailOn::Widened => widened,
        FailOn::Narrowed => narrowed,
        FailOn::Different => widened || narrowed,
    };
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn policies(args: &Args) -> Result<Comparison, Failure> {
    let (old, kind) = version(&args.old, args.kind.map(Into::into))?;
    let (new, _) = version(&args.new, Some(kind))?;
    let scope = match &args.principal {
        None => Scope::everybody(&old, &new, args.resource_account),
        Some(text) => {
            let principal =
                PrincipalSpec::named(text).principal().map_err(|e| Usage(e.to_string()))?;
            Scope { owner: args.resource_account, ..Scope::of(principal) }
        }
    };
    Ok(compare(&old, &new, &scope))
}

/// A policy that alone decides, and its kind.
fn version(path: &Path, kind: Option<PolicyKind>) -> Result<(PolicySet, PolicyKind), Failure> {
    let name = files::name(path);
    let document = files::parse(&files::policy(path)?, kind)
        .map_err(|e| format!("policy `{name}` can't be read: {e}"))?;
    let kind = document.kind();
    // Both versions are the same policy to those who ask.
    let source = match kind {
        PolicyKind::Trust => PolicySource::Trust("role".into()),
        _ => PolicySource::Resource("policy".into()),
    };
    let policy = CompiledPolicy::compile(source, &document);
    Ok((alone(&policy.into(), kind), kind))
}

/// A request for programs.
pub(crate) fn witness(witness: &Witness) -> Json {
    let mut circumstances = serde_json::Map::new();
    for (key, value) in witness.circumstances() {
        let value = match value {
            Value::One(value) => value.into(),
            Value::Many(values) => values.into(),
        };
        circumstances.insert(key, value);
    }
    json!({
        "principal": &*witness.principal.arn,
        "action": witness.action.as_str(),
        "resource": witness.resource,
        "resource_account": witness.resource_account.map(|account| account.to_string()),
        "context": circumstances,
    })
}

fn change(change: Change) -> &'static str {
    match change {
        Change::Widened => "widened",
        Change::Narrowed => "narrowed",
    }
}

fn value(found: &Comparison) -> Json {
    let one = |difference: &Difference| {
        json!({
            "change": change(difference.change),
            "principals": difference.callers.iter().map(|name| &**name).collect::<Vec<_>>(),
            "actions": difference.actions,
            "resources": difference.resources,
            "before": verdict(&difference.before),
            "after": verdict(&difference.after),
            "witness": witness(&difference.witness),
        })
    };
    json!({
        "differences": found.differences.iter().map(one).collect::<Vec<_>>(),
        "limits": found.limits.iter().map(|limit| limit.words()).collect::<Vec<_>>(),
    })
}

/// Most actions and resources of one difference that are named for people.
const NAMED_MAX: usize = 6;

/// A list for people.
pub(crate) fn some(list: &[String]) -> String {
    let named = list.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    match list.len().checked_sub(NAMED_MAX) {
        None | Some(0) => named,
        Some(more) => format!("{named} and {more} more"),
    }
}

fn text(found: &Comparison) -> Result<String, Failure> {
    let mut text = String::new();
    for difference in &found.differences {
        let head = match difference.change {
            Change::Widened => "allowed now",
            Change::Narrowed => "denied now",
        };
        writeln!(text, "{head}: {}", some(&difference.actions))?;
        writeln!(text, "  on       {}", some(&difference.resources))?;
        let callers: Vec<String> = difference.callers.iter().map(ToString::to_string).collect();
        writeln!(text, "  by       {}", some(&callers))?;
        writeln!(text, "  before   {}", difference.before)?;
        writeln!(text, "  after    {}", difference.after)?;
        writeln!(text, "  witness  {}", difference.witness)?;
    }
    let count = |change| found.differences.iter().filter(|d| d.change == change).count();
    let (widened, narrowed) = (count(Change::Widened), count(Change::Narrowed));
    let limits: Vec<&str> = found.limits.iter().map(|limit| limit.words()).collect();
    let short = if limits.is_empty() {
        String::new()
    } else {
        format!("; not everything was looked at: {}", limits.join(", "))
    };
    let sum = match (widened + narrowed, limits.is_empty()) {
        (0, true) => "equal: no request is decided differently".to_owned(),
        (0, false) => "equal on every representative".to_owned(),
        _ => format!("{widened} widened, {narrowed} narrowed"),
    };
    writeln!(text, "{sum}{short}")?;
    Ok(text)
}
