//! `tidegate policy what-can`: what a member of an account may do.

use std::{fmt::Write as _, process::ExitCode};

use serde_json::{Map, Value, json};
use tidegate_policy::backwards::{
    Formula, Grant, LevelAccess, ServiceAccess, Verdict, WhatCan, what_can,
};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
        people,
        report::{Usage, code},
    },
    account::AccountArgs,
    decide::statement,
    who_can::verdict,
};

/// Whom it is about.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The ARN of the root user, a user, a role, or a session of a role.
    principal: String,
    #[command(flatten)]
    account: AccountArgs,
    /// Names the actions of AWS's services that each grant is about.
    #[arg(long)]
    expand: bool,
}

/// Asks about one member.
pub(crate) fn run(args: &Args, format: Format) -> Result<ExitCode, Failure> {
    let account = args.account.read()?;
    let member = account.member(&args.principal).ok_or_else(|| {
        Usage(format!("`{}` is no user or role of account {}", args.principal, account.id))
    })?;
    let found = what_can(&account, &member);
    if !for_programs(format, &value(&found, args.expand))? {
        print(&text(&found, args.expand)?)?;
    }
    let nothing = found.grants.is_empty();
    Ok(if nothing { ExitCode::from(code::DENIED) } else { ExitCode::SUCCESS })
}

fn actions(grant: &Grant) -> Vec<String> {
    grant.actions().iter().map(ToString::to_string).collect()
}

fn value(found: &WhatCan, expand: bool) -> Value {
    let grant = |grant: &Grant| {
        let mut said = json!({
            "action": grant.action,
            "resource": grant.resource,
            "statement": grant.statement.as_ref().map(statement),
        });
        if let (Value::Object(members), Value::Object(more)) =
            (&mut said, verdict(&Verdict::from(grant.when.clone())))
        {
            members.extend(more);
            if expand {
                members.insert("actions".to_owned(), actions(grant).into());
            }
        }
        said
    };
    let service = |service: &ServiceAccess| {
        let level = |level: &LevelAccess| json!({ "total": level.total, "full": level.full, "limited": level.limited });
        let levels: Map<String, Value> = service
            .levels
            .iter()
            .map(|(name, found)| (name.to_string().replace(' ', "_"), level(found)))
            .collect();
        json!({ "service": service.service, "levels": levels })
    };
    json!({
        "grants": found.grants.iter().map(grant).collect::<Vec<_>>(),
        "services": found.services.iter().map(service).collect::<Vec<_>>(),
    })
}

/// Most services that are named for people.
const SERVICES_MAX: usize = 40;

fn text(found: &WhatCan, expand: bool) -> Result<String, Failure> {
    if found.grants.is_empty() {
        return Ok("nothing\n".to_owned());
    }
    let mut grants = people::table(&["actions", "resources", "when", "by"]);
    for grant in &found.grants {
        let by = grant.statement.as_ref().map(ToString::to_string);
        let named = if expand { actions(grant).join("\n") } else { grant.action.clone() };
        let when = match &grant.when {
            Formula::True => "always".to_owned(),
            when => when.to_string(),
        };
        let by = by.unwrap_or_else(|| "being the root user".to_owned());
        grants.add_row([named, grant.resource.clone(), when, by]);
    }
    let mut services = people::table(&["service", "access level", "in full", "limited", "of"]);
    for service in found.services.iter().take(SERVICES_MAX) {
        for (name, level) in service.levels.iter().filter(|(_, l)| l.full + l.limited > 0) {
            services.add_row([
                service.service.to_owned(),
                name.to_string(),
                level.full.to_string(),
                level.limited.to_string(),
                level.total.to_string(),
            ]);
        }
    }
    let mut text = format!("{}\n{}", people::lines(&grants), people::lines(&services));
    if let Some(more @ 1..) = found.services.len().checked_sub(SERVICES_MAX) {
        writeln!(text, "and {more} services more")?;
    }
    Ok(text)
}
