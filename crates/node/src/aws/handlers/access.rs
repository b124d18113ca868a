//! Which services who may use, and when he did last: "access advisor" of an entity, and that of the organization.
//!
//! A report is asked for and fetched. What was asked for is remembered by the account; what it says is made of the view when it is
//! fetched, so there is nothing to wait for.

use std::{collections::BTreeMap, sync::Arc};

use tidegate_model::{
    AccountState, EntityKind, ResourceKind,
    region::{LastUsed, RegionState, access_cell},
    resource::{AccessReport, Body, Change, ReportKind, Resource},
};
use tidegate_policy::{UnixMillis, catalogue, grants_service};
use tidegate_query::{Code, Fields, Refusal, Value};

use super::{
    granting::{self, Who},
    held, organization,
};
use crate::{
    aws::{
        answer::{self, Outcome},
        call::Call,
    },
    operations::{Seen, Subject},
};

const REPORT: ResourceKind = ResourceKind::AccessReport;

/// Remembers that a report was asked for, under a fresh id.
async fn ask(call: &Call<'_>, kind: ReportKind, subject: String) -> Outcome {
    let job = answer::request_id(call.core);
    let body = Body::AccessReport(AccessReport { kind: kind as u32, subject });
    let new = held::new(&job, String::new(), body);
    let done = call.change(held::change(REPORT, job.clone(), Change::Create(new))).await?;
    call.changed(&done, Fields::new().with("JobId", job))
}

pub(super) async fn generate(call: &Call<'_>) -> Outcome {
    let arn = call.text("Arn");
    let (_, account) = call.read(Subject::Arn(&arn)).await?;
    granting::subject(&account, &arn)?;
    let kind = match call.text("Granularity").as_str() {
        "ACTION_LEVEL" => ReportKind::Actions,
        _ => ReportKind::Services,
    };
    ask(call, kind, arn).await
}

/// A report that was asked for.
fn asked<'a>(
    account: &'a AccountState,
    job: &str,
    organization: bool,
) -> Result<(&'a Resource, &'a AccessReport), Refusal> {
    let is_id = job.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && job.chars().all(|c| c == '-' || c.is_ascii_hexdigit());
    if !is_id && !organization {
        return Err(Refusal::new(Code::InvalidInput, format!("Invalid job id: {job}")));
    }
    let found = account.resource(REPORT, job).and_then(|r| match &r.value.body {
        Some(Body::AccessReport(report)) => Some((&r.value, report)),
        _ => None,
    });
    let of_organization = |r: &AccessReport| r.kind == ReportKind::Organization as u32;
    found
        .filter(|(_, r)| of_organization(r) == organization)
        .ok_or_else(|| Refusal::new(Code::NoSuchEntity, format!("Job {job} does not exist.")))
}

fn minute(used: &LastUsed) -> UnixMillis {
    UnixMillis(used.minute.saturating_mul(60_000))
}

/// What is common to reports that are fetched.
fn head(resource: &Resource) -> Fields {
    Fields::new()
        .with("JobStatus", "COMPLETED")
        .with("JobCreationDate", UnixMillis(resource.created))
        .with("JobCompletionDate", UnixMillis(resource.created))
}

fn merged(mut fields: Fields, more: &Fields) -> Fields {
    for (name, value) in more.iter() {
        fields.set(name, value.clone());
    }
    fields
}

/// Who of these used a service last, and how many did at all.
fn last_of<'a>(
    region: &'a RegionState,
    account: u64,
    who: &'a [Who],
    cell: impl Fn(&Who) -> String,
) -> (Option<(&'a Who, &'a Arc<LastUsed>)>, usize) {
    let uses = who.iter().filter_map(|w| Some((w, region.last_used(account, &cell(w))?)));
    let uses: Vec<_> = uses.collect();
    let count = uses.len();
    (uses.into_iter().max_by_key(|(_, used)| used.minute), count)
}

/// The actions of a service that some of these used, each with who did so last.
fn actions(region: &RegionState, account: u64, who: &[Who], service: &str) -> Vec<Value> {
    let mut last: BTreeMap<&str, (&Who, &Arc<LastUsed>)> = BTreeMap::new();
    for one in who {
        let prefix = format!("{}:", access_cell(&one.id, service, None));
        let cells = region
            .last_uses(account)
            .filter_map(|(cell, used)| cell.strip_prefix(&prefix).map(|action| (action, used)));
        for (action, used) in cells {
            match last.get(action) {
                Some((_, known)) if known.minute >= used.minute => {}
                _ => drop(last.insert(action, (one, used))),
            }
        }
    }
    let shown = |(action, (who, used)): (&str, (&Who, &Arc<LastUsed>))| {
        Fields::new()
            .with("ActionName", action)
            .with("LastAccessedEntity", &*who.arn)
            .with("LastAccessedTime", minute(used))
            .with("LastAccessedRegion", &*used.region)
            .into()
    };
    last.into_iter().map(shown).collect()
}

pub(super) async fn get(call: &Call<'_>) -> Outcome {
    let job = call.text("JobId");
    let (seen, account) = call.read(Subject::Account).await?;
    let (resource, report) = asked(&account, &job, false)?;
    let subject = granting::subject(&account, &report.subject)?;
    let documents = granting::documents(&account, &subject);
    let who = granting::entities(&account, &subject);
    let by_action = report.kind == ReportKind::Actions as u32;
    let number = account.id().as_u64();
    let granted = catalogue::services()
        .iter()
        .filter(|s| documents.iter().any(|d| grants_service(d, s.prefix)));
    let items = granted.map(|service| {
        let (last, count) =
            last_of(&seen.region, number, &who, |w| access_cell(&w.id, service.prefix, None));
        let tracked = if by_action {
            actions(&seen.region, number, &who, service.prefix)
        } else {
            Vec::new()
        };
        let fields = Fields::new()
            .with("ServiceName", service.name)
            .with("ServiceNamespace", service.prefix)
            .with_some("LastAuthenticated", last.map(|(_, used)| minute(used)))
            .with_some("LastAuthenticatedEntity", last.map(|(who, _)| &*who.arn))
            .with_some("LastAuthenticatedRegion", last.map(|(_, used)| &*used.region))
            .with("TotalAuthenticatedEntities", u32::try_from(count).unwrap_or(u32::MAX))
            .with_some(
                "TrackedActionsLastAccessed",
                (!tracked.is_empty()).then_some(Value::List(tracked)),
            );
        (service.prefix.to_owned(), Value::Structure(fields))
    });
    let granularity = if by_action { "ACTION_LEVEL" } else { "SERVICE_LEVEL" };
    let output = head(resource).with("JobType", granularity);
    let page = call.page("ServicesLastAccessed", items)?;
    call.seen(&seen, merged(output, &page))
}

/// The service that a call names.
fn service(call: &Call<'_>, namespace: &str) -> Result<&'static catalogue::Service, Refusal> {
    catalogue::service(namespace).ok_or_else(|| {
        let operation = &call.asked.operation.name;
        let message = format!("{operation}: the service namespace {namespace} is not known.");
        Refusal::new(Code::InvalidInput, message)
    })
}

pub(super) async fn get_with_entities(call: &Call<'_>) -> Outcome {
    let job = call.text("JobId");
    let service = service(call, &call.text("ServiceNamespace"))?;
    let (seen, account) = call.read(Subject::Account).await?;
    let (resource, report) = asked(&account, &job, false)?;
    let subject = granting::subject(&account, &report.subject)?;
    let mut who = granting::entities(&account, &subject);
    who.sort_by(|a, b| a.arn.cmp(&b.arn));
    let items = who.iter().map(|w| {
        let cell = access_cell(&w.id, service.prefix, None);
        let used = seen.region.last_used(account.id().as_u64(), &cell);
        let info = Fields::new()
            .with("Arn", &*w.arn)
            .with("Name", &*w.name)
            .with("Type", w.kind)
            .with("Id", &*w.id)
            .with("Path", &*w.path);
        let fields = Fields::new()
            .with("EntityInfo", info)
            .with_some("LastAuthenticated", used.map(|u| minute(u)));
        (w.arn.clone(), Value::Structure(fields))
    });
    let page = call.page("EntityDetailsList", items)?;
    call.seen(&seen, merged(head(resource), &page))
}

pub(super) async fn list_granting(call: &Call<'_>) -> Outcome {
    let arn = call.text("Arn");
    let (seen, account) = call.read(Subject::Arn(&arn)).await?;
    let subject = granting::subject(&account, &arn)?;
    if let granting::Subject::Policy(_) = subject {
        let message =
            format!("{arn} is the ARN of a policy; that of a user, group or role is needed.");
        return Err(Refusal::new(Code::InvalidInput, message));
    }
    let mut namespaces = call.input.texts("ServiceNamespaces");
    for namespace in &namespaces {
        service(call, namespace)?;
    }
    namespaces.sort();
    namespaces.dedup();
    let policies = granting::policies(&account, &subject);
    let items = namespaces.into_iter().map(|namespace| {
        let granted =
            policies.iter().filter(|p| grants_service(&p.document, &namespace.to_lowercase()));
        let fields = Fields::new()
            .with("ServiceNamespace", &*namespace)
            .with("Policies", granted.map(|p| p.fields.clone()).collect::<Value>());
        (namespace, Value::Structure(fields))
    });
    call.seen(&seen, call.page("PoliciesGrantingServiceAccess", items)?)
}

pub(super) async fn generate_organization(call: &Call<'_>) -> Outcome {
    let (seen, _) = call.read(Subject::Account).await?;
    only_manager(call, &seen)?;
    ask(call, ReportKind::Organization, call.text("EntityPath")).await
}

fn only_manager(call: &Call<'_>, seen: &Seen) -> Result<(), Refusal> {
    if organization::manages(seen, call.caller.account) {
        return Ok(());
    }
    let message = format!(
        "User: {} is not authorized to perform: iam:{} because the account is not the management account of the organization",
        call.caller.resolved.principal.arn, call.asked.operation.name
    );
    Err(Refusal::new(Code::AccessDenied, message))
}

/// The accounts below a path of the organization; `None`: there is nothing at that path.
fn below(seen: &Seen, path: &str) -> Option<Vec<u64>> {
    let rest = path.strip_prefix(&organization::root_path(seen))?;
    let all = seen.directory.accounts().filter(|a| a.active).map(|a| a.account);
    match rest.trim_matches('/') {
        "" => Some(all.collect()),
        account => {
            let number: u64 = account.parse().ok().filter(|_| account.len() == 12)?;
            Some(all.filter(|a| *a == number).collect::<Vec<_>>()).filter(|a| !a.is_empty())
        }
    }
}

/// When, where and in which account a service was used last, and by how many.
#[derive(Default)]
struct Service<'a> {
    last: Option<(u64, &'a Arc<LastUsed>)>,
    entities: usize,
}

fn services<'a>(seen: &'a Seen, accounts: &[u64]) -> BTreeMap<&'a str, Service<'a>> {
    let mut services: BTreeMap<&str, Service<'_>> = BTreeMap::new();
    for account in accounts {
        for (cell, used) in seen.region.last_uses(*account) {
            // Keys and roles have cells of their own; so have actions.
            let Some((_, what)) = cell.split_once('/').filter(|(_, what)| !what.contains(':'))
            else {
                continue;
            };
            let service = services.entry(what).or_default();
            service.entities += 1;
            if service.last.is_none_or(|(_, known)| known.minute < used.minute) {
                service.last = Some((*account, used));
            }
        }
    }
    services
}

/// Services that the organization lets its accounts use: all of them, since it has no policies that limit them.
pub(super) async fn get_organization(call: &Call<'_>) -> Outcome {
    let job = call.text("JobId");
    let (seen, account) = call.read(Subject::Account).await?;
    only_manager(call, &seen)?;
    let (resource, report) = asked(&account, &job, true)?;
    let Some(accounts) = below(&seen, &report.subject) else {
        let error = Fields::new()
            .with("Code", "InvalidInput")
            .with("Message", format!("The entity path {} is not there.", report.subject));
        let output = head(resource).with("JobStatus", "FAILED").with("ErrorDetails", error);
        return call.seen(&seen, output);
    };
    let used = services(&seen, &accounts);
    let root = organization::root_path(&seen);
    let known: Vec<_> = catalogue::services().iter().collect();
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let unused = known.iter().filter(|s| !used.contains_key(s.prefix)).count();
    let mut rows: Vec<(&catalogue::Service, Option<&Service<'_>>)> =
        known.iter().map(|s| (*s, used.get(s.prefix))).collect();
    let time = |row: &(&catalogue::Service, Option<&Service<'_>>)| {
        row.1.and_then(|s| s.last).map_or(0, |(_, used)| used.minute)
    };
    let key = call.text("SortKey");
    if key.starts_with("LAST_AUTHENTICATED_TIME") {
        rows.sort_by_key(time);
    }
    if key.ends_with("_DESCENDING") {
        rows.reverse();
    }
    // The order is the caller's: a page is told by the place of its last row.
    let items = rows.into_iter().enumerate().map(|(place, (service, used))| {
        let last = used.and_then(|s| s.last);
        let path = last.map(|(account, _)| format!("{root}/{account:012}"));
        let fields = Fields::new()
            .with("ServiceName", service.name)
            .with("ServiceNamespace", service.prefix)
            .with_some("Region", last.map(|(_, used)| &*used.region))
            .with_some("EntityPath", path)
            .with_some("LastAuthenticatedTime", last.map(|(_, used)| minute(used)))
            .with("TotalAuthenticatedEntities", number(used.map_or(0, |s| s.entities)));
        (format!("{place:08}"), Value::Structure(fields))
    });
    let output = head(resource)
        .with("NumberOfServicesAccessible", number(known.len()))
        .with("NumberOfServicesNotAccessed", number(unused));
    let page = call.page("AccessDetails", items)?;
    call.seen(&seen, merged(output, &page))
}

/// What an entity is, as reports have it.
pub(super) fn type_word(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::User => "USER",
        EntityKind::Group => "GROUP",
        EntityKind::Role => "ROLE",
    }
}
