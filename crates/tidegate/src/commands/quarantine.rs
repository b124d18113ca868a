//! Containing somebody: quarantines with their receipts, lifts, and void sessions.

use std::process::ExitCode;

use clap::Subcommand;
use tidegate_client::{CallError, Client, request_id};
use tidegate_proto::region::v1::{
    LiftQuarantineRequest, ListQuarantinesRequest, Quarantine, QuarantineRequest,
    QuarantineResponse, Target, VoidSessionsRequest, quarantine_response::Event,
    target::Target as Whom,
};

use super::{
    Failure, Globals,
    call::wire_duration,
    client::{arrived, wait},
    output::{for_programs, one_of_many, print, typed},
    people::{lines, table},
    report::{ChangeFailed, Usage, code},
};

/// What there is to do about quarantines.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Denies everything to somebody, at any node and at once; the receipt fills in as nodes acknowledge. Exit code 3: not everywhere yet.
    Add(AddArgs),
    /// Lists the quarantines that stand, as the asked node knows them.
    List {
        /// The account, 12 digits; the caller's by default, and for operators all.
        #[arg(long, default_value = "")]
        account: String,
    },
    /// Lifts quarantines by id; for the root user of the account, where that is not the target, and for operators.
    Lift {
        /// Their ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// The account, 12 digits; the caller's by default.
        #[arg(long, default_value = "")]
        account: String,
    },
    /// Makes the sessions of a role void that were issued until now.
    VoidSessions {
        /// ARN of the role.
        role_arn: String,
    },
}

/// A quarantine.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// ARN of a user, role or root user; an access key id, also of a session; or an account, 12 digits.
    target: String,
    /// Why: everybody who is refused reads it.
    #[arg(long)]
    reason: String,
    /// For how long, from 1m to 7days.
    #[arg(long = "for", default_value = "1day", value_name = "TIME")]
    lasts: humantime::Duration,
}

/// Whom a word means.
fn whom(word: &str) -> Whom {
    if word.starts_with("arn:") {
        Whom::PrincipalArn(word.to_owned())
    } else if word.len() == 12 && word.bytes().all(|b| b.is_ascii_digit()) {
        Whom::AccountId(word.to_owned())
    } else {
        Whom::AccessKeyId(word.to_owned())
    }
}

fn refuse_options(globals: &Globals, waits: bool, names: bool) -> Result<(), Failure> {
    for (given, option) in [
        (globals.consistency.0.is_some(), "--consistency"),
        (globals.wait.is_some() && !waits, "--wait"),
        (globals.dry_run, "--dry-run"),
        (globals.request_id.is_some() && !names, "--request-id"),
        (globals.save_profile.is_some(), "--save-profile"),
    ] {
        if given {
            return Err(Usage(format!("this command takes no {option}")).into());
        }
    }
    Ok(())
}

/// Runs a command.
pub(crate) async fn run(command: Command, globals: &Globals) -> Result<ExitCode, Failure> {
    let (adds, lifts) =
        (matches!(command, Command::Add(_)), matches!(command, Command::Lift { .. }));
    refuse_options(globals, lifts, adds || lifts)?;
    let client = &super::connect(globals).await?;
    match command {
        Command::Add(args) => add(client, args, globals).await,
        Command::List { account } => list(client, account, globals).await,
        Command::Lift { ids, account } => lift(client, ids, account, globals).await,
        Command::VoidSessions { role_arn } => {
            let request = VoidSessionsRequest { role_arn, issued_before: None };
            let answer = client.send(&request).await?;
            let said = typed("tidegate.region.v1.VoidSessionsResponse", &answer)?;
            if !for_programs(globals.output, &said)? {
                let before = date(answer.issued_before.as_ref());
                print(&format!("sessions issued before {before} are void\n"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn named(globals: &Globals) -> String {
    globals.request_id.clone().unwrap_or_else(request_id)
}

fn date(time: Option<&prost_types::Timestamp>) -> String {
    time.map_or_else(|| "-".to_owned(), ToString::to_string)
}

async fn add(client: &Client, args: AddArgs, globals: &Globals) -> Result<ExitCode, Failure> {
    let request_id = named(globals);
    let request = QuarantineRequest {
        request_id: request_id.clone(),
        target: Some(Target { target: Some(whom(&args.target)) }),
        reason: args.reason,
        duration: Some(wire_duration(*args.lasts)),
        timeout: None,
    };
    let failed = |source| ChangeFailed { source, request_id: request_id.clone() };
    let mut receipts = client.quarantine(request, *globals.timeout).await.map_err(failed)?;
    let mut covered = false;
    while let Some(said) = receipts.message().await.map_err(failed)? {
        if let Some(Event::Finished(end)) = &said.event {
            covered = end.covered;
        }
        if !one_of_many(globals.output, &typed("tidegate.region.v1.QuarantineResponse", &said)?)? {
            print(&line(said))?;
        }
    }
    Ok(if covered { ExitCode::SUCCESS } else { ExitCode::from(code::NOT_YET) })
}

/// One line of a receipt.
fn line(said: QuarantineResponse) -> String {
    match said.event {
        Some(Event::Accepted(q)) => {
            let until = date(q.expire_date.as_ref());
            let Quarantine { quarantine_id, target_arn, node, .. } = q;
            format!(
                "quarantine {quarantine_id} of {target_arn} until {until}\n  {node} decides on it, durably\n"
            )
        }
        Some(Event::Acknowledged(arrival)) => format!("  {}\n", arrived(&arrival.into())),
        Some(Event::Finished(end)) if end.covered => {
            format!("everywhere: {}\n", end.reached.join(" "))
        }
        Some(Event::Finished(end)) => format!("not yet at: {}\n", end.missing.join(" ")),
        None => String::new(),
    }
}

async fn list(client: &Client, account_id: String, globals: &Globals) -> Result<ExitCode, Failure> {
    let mut all: Vec<Quarantine> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            ListQuarantinesRequest { account_id: account_id.clone(), page_size: 1_000, page_token };
        let page = client.send(&request).await?;
        all.extend(page.quarantines);
        page_token = page.next_page_token;
        if page_token.is_empty() || all.len() >= globals.max_items {
            break;
        }
    }
    all.truncate(globals.max_items);
    let items = all.iter().map(|q| typed("tidegate.region.v1.Quarantine", q));
    let items = items.collect::<Result<Vec<_>, _>>()?;
    if for_programs(globals.output, &serde_json::json!({ "quarantines": items }))? {
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = table(&["quarantine", "target", "until", "by", "at", "home", "reason"]);
    for q in all {
        let key = if q.access_key_id.is_empty() {
            String::new()
        } else {
            format!(" ({})", q.access_key_id)
        };
        let home = if q.imported { "refuses writes" } else { "not yet" };
        rows.add_row([
            q.quarantine_id,
            format!("{}{key}", q.target_arn),
            date(q.expire_date.as_ref()),
            q.issued_by,
            q.node,
            home.to_owned(),
            q.reason,
        ]);
    }
    print(&lines(&rows))?;
    Ok(ExitCode::SUCCESS)
}

async fn lift(
    client: &Client,
    quarantine_ids: Vec<String>,
    account_id: String,
    globals: &Globals,
) -> Result<ExitCode, Failure> {
    let request_id = named(globals);
    let request =
        LiftQuarantineRequest { request_id: request_id.clone(), account_id, quarantine_ids };
    let failed = |source: CallError| ChangeFailed { source, request_id: request_id.clone() };
    let answer = client.send(&request).await.map_err(failed)?;
    let token = answer.metadata.as_ref().map(|m| m.token.clone()).unwrap_or_default();
    if !for_programs(globals.output, &typed("tidegate.region.v1.LiftQuarantineResponse", &answer)?)?
    {
        print("lifted; each node lets go as it hears of it\n")?;
    }
    match &globals.wait {
        Some(place) => wait(client, &token, place, globals).await,
        None => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_an_arn_an_account_or_a_key() {
        assert_eq!(whom("arn:x"), Whom::PrincipalArn("arn:x".to_owned()));
        assert_eq!(whom("000000000001"), Whom::AccountId("000000000001".to_owned()));
        assert_eq!(whom("AKIA12345678"), Whom::AccessKeyId("AKIA12345678".to_owned()));
    }
}
