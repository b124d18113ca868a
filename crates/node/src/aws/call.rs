//! One call from its bytes to its answer, and what every handler does the same way.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tidegate_authn::Presented;
use tidegate_model::{AccountState, Command, Reply, ResourceKind};
use tidegate_policy::AccountId;
use tidegate_query::{Asked, Code, Fields, Form, Refusal, Service, Value};
use tidegate_replica::{Clock, GroupId};
use tidegate_service::{Caller, Reason, ServiceError, View, check_session};
use tokio::sync::Semaphore;

use super::{
    admit::{self, Came},
    answer::{self, Answered, Outcome, internal},
    federation, handlers,
    headers::{self, Wanted},
};
use crate::{
    carrying::{self, Destination},
    core::Core,
    gate::Model,
    operations::{self, Done, Evidence, Fresh, Seen, Subject},
    telemetry::trace,
};

/// How long the body of a request may take to arrive.
const BODY_WAIT_MAX: Duration = Duration::from_secs(30);
/// What a change of tags adds to the kind of a resource.
const TAGS_OF_RESOURCES: u32 = 100;

/// A call of somebody who proved who he is, with an input within its constraints.
pub(super) struct Call<'a> {
    pub(super) core: &'a Core,
    pub(super) caller: &'a Caller,
    pub(super) asked: Asked,
    pub(super) input: &'a Fields,
    wanted: &'a Wanted,
}

/// A refusal, and whose call it was, where that is known.
struct Refused(Option<Service>, Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(None, refusal)
    }
}

impl From<ServiceError> for Refused {
    fn from(e: ServiceError) -> Self {
        Self(None, e.into())
    }
}

/// Answers one request.
pub(super) async fn answer(
    core: &Core,
    places: &Semaphore,
    request: Request<Incoming>,
    address: IpAddr,
) -> Response<Full<Bytes>> {
    let id = answer::request_id(core);
    let Ok(_place) = places.try_acquire() else {
        let refusal = Refusal::new(Code::Throttling, "Rate exceeded");
        return answer::refused(core, &id, None, &refusal);
    };
    if let Some(document) = federation::published(core, &request) {
        return document;
    }
    let span = tracing::info_span!("call", path = "aws", node = %core.me);
    let parent = request.headers().get("traceparent").and_then(|v| v.to_str().ok());
    trace::follow(&span, parent);
    let (parts, incoming) = request.into_parts();
    let body = match body(core, incoming).await {
        Ok(body) => body,
        Err(refusal) => return answer::refused(core, &id, None, &refusal),
    };
    let came = Came { parts: &parts, body: &body, address, carrier: None };
    if !core.carries() {
        return tracing::Instrument::instrument(serve(core, &came, &id), span).await;
    }
    let served = tracing::Instrument::instrument(serve(core, &came, &id), span);
    match Box::pin(carrying::noting(served)).await {
        (answer, None) => answer,
        (_, Some(to)) => match carry(core, to, &came).await {
            Ok(answer) => answer,
            Err(error) => answer::refused(core, &id, None, &error.into()),
        },
    }
}

/// Has a voter answer, and where the caller wants to read what he wrote waits until this node has it, too.
async fn carry(
    core: &Core,
    to: Destination,
    came: &Came<'_>,
) -> Result<Response<Full<Bytes>>, ServiceError> {
    let carried = carrying::carry(core, to, came.kept()).await?;
    let answer = carrying::answered_full(carried)?;
    let wanted = Wanted::read(core, came.parts.uri.path(), &came.parts.headers)?;
    if let (true, Some(token)) = (wanted.settled || to.settled, headers::token(answer.headers())) {
        operations::view(core, &Fresh::at_least(core, core::iter::once(token))?, &[]).await?;
    }
    Ok(answer)
}

/// Answers a call that another node brought.
pub(crate) async fn carried(
    core: &Core,
    parts: &Parts,
    body: &Bytes,
    source: Option<IpAddr>,
    carrier: Option<&str>,
) -> Response<Full<Bytes>> {
    let id = answer::request_id(core);
    let address = source.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    serve(core, &Came { parts, body, address, carrier }, &id).await
}

/// The signature of a call that another node brought, if whoever made it holds the secret.
pub(crate) async fn verified(
    core: &Core,
    parts: &Parts,
    body: &Bytes,
    source: Option<IpAddr>,
    carrier: Option<&str>,
) -> Result<Presented, String> {
    let address = source.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let known = admit::known(core, &Came { parts, body, address, carrier }).await;
    known.map(|(_, presented, _)| presented).map_err(|refusal| refusal.message)
}

async fn serve(core: &Core, came: &Came<'_>, id: &str) -> Response<Full<Bytes>> {
    match run(core, came, id).await {
        Ok((body, evidence)) => answer::good(core, id, body, evidence.as_ref()),
        Err(Refused(service, refusal)) => answer::refused(core, id, service, &refusal),
    }
}

async fn body(core: &Core, body: Incoming) -> Result<Bytes, Refusal> {
    let limited = Limited::new(body, core.config.limits.message_bytes_max);
    let malformed = |why: String| Refusal::new(Code::MalformedInput, why);
    match tokio::time::timeout(BODY_WAIT_MAX, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(e)) if e.is::<http_body_util::LengthLimitError>() => Err(Refusal::new(
            Code::RequestEntityTooLarge,
            format!(
                "a body of more than {} bytes is too large",
                core.config.limits.message_bytes_max
            ),
        )),
        Ok(Err(e)) => Err(malformed(format!("the body did not arrive whole: {e}"))),
        Err(_) => Err(malformed("the body did not arrive in time".to_owned())),
    }
}

fn form(parts: &Parts, body: &[u8]) -> Result<Form, Refusal> {
    let body = core::str::from_utf8(body)
        .map_err(|_| Refusal::new(Code::MalformedQueryString, "the body is not UTF-8"))?;
    Ok(Form::read(&[parts.uri.query().unwrap_or_default(), body])?)
}

async fn run(
    core: &Core,
    came: &Came<'_>,
    id: &str,
) -> Result<(String, Option<Evidence>), Refused> {
    core.check_standing()?;
    let Came { parts, body: bytes, address, .. } = *came;
    let wanted = Wanted::read(core, parts.uri.path(), &parts.headers)?;
    // Whose key is new is known once the tokens that came along are covered.
    operations::view(core, &wanted.before, &[]).await?;
    let read = form(parts, bytes);
    if let Some(asked) = read.as_ref().ok().and_then(federation::asked) {
        let known = |refusal: Refusal| Refused(Some(Service::Sts), refusal);
        let (form, asked) = (read?, asked.map_err(known)?);
        let served = federation::serve(core, parts, address, &wanted, asked, &form);
        let Answered { output, evidence } = Box::pin(served).await.map_err(known)?;
        let body = asked.answer(&output, id).map_err(|e| known(internal(&e)))?;
        return Ok((body, evidence));
    }
    let (service, mut caller) = admit::caller(core, came).await?;
    let known = |refusal: Refusal| Refused(Some(service), refusal);
    let form = read.map_err(known)?;
    let asked = Asked::read(&form, Some(service)).map_err(known)?;
    check_session(&caller.reference, asked.service.scope(), &asked.operation.name)
        .map_err(|e| known(e.into()))?;
    let input = asked.input(&form).map_err(known)?;
    admit::conditions(&mut caller.context, &input);
    let (principal, now) = (&caller.resolved.principal, core.platform.wall());
    core.uses.accesses.note_call(principal, service.scope(), &asked.operation.name, now);
    let call = Call { core, caller: &caller, asked, input: &input, wanted: &wanted };
    let Answered { output, evidence } = handlers::run(&call).await.map_err(known)?;
    let body = asked.answer(&output, id).map_err(|e| known(internal(&e)))?;
    Ok((body, evidence))
}

impl Call<'_> {
    /// A text of the input; empty where it is not there.
    pub(super) fn text(&self, name: &str) -> String {
        self.input.text_or_empty(name)
    }

    /// The user that the call means: the named one, or else the caller.
    pub(super) fn user_name(&self) -> String {
        operations::own_name(self.caller, &self.text("UserName"))
    }

    /// The groups that every answer about the caller's account rests on.
    fn groups(&self, view: &View) -> Vec<GroupId> {
        view.groups_of(self.caller.account)
    }

    /// The view and the account in it, if the caller may do this to the subject.
    pub(super) async fn read(
        &self,
        subject: Subject<'_>,
    ) -> Result<(Seen, Arc<AccountState>), Refusal> {
        let action = format!("{}:{}", self.asked.service.scope(), self.asked.operation.name);
        let read = operations::read(self.core, self.caller, &self.wanted.reads, &action, subject);
        Ok(read.await?)
    }

    /// The groups that an answer rests on which also says something of another account.
    pub(super) fn groups_with(&self, other: Option<AccountId>) -> Vec<GroupId> {
        let present = self.core.views.load();
        let mut groups = self.groups(&present);
        for group in other.iter().flat_map(|account| present.groups_of(*account)) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// The view that the call asks for, of these groups.
    pub(super) async fn view_of(&self, groups: &[GroupId]) -> Result<Seen, Refusal> {
        Ok(operations::view(self.core, &self.wanted.reads, groups).await?)
    }

    /// The answer to a read that rests on these groups.
    pub(super) fn seen_of(&self, seen: &Seen, groups: &[GroupId], output: Fields) -> Outcome {
        let evidence = operations::evidence(self.core, seen, groups)?;
        Ok(Answered { output, evidence: Some(evidence) })
    }

    /// The view that the call asks for.
    pub(super) async fn view(&self) -> Result<Seen, Refusal> {
        Ok(operations::view_of(self.core, &self.wanted.reads, self.caller.account).await?)
    }

    /// The answer to a read.
    pub(super) fn seen(&self, seen: &Seen, output: Fields) -> Outcome {
        let evidence = operations::evidence(self.core, seen, &self.groups(seen))?;
        Ok(Answered { output, evidence: Some(evidence) })
    }

    /// Where changes of this kind are settled, so is the one that this call makes, also when the whole call is carried to a voter.
    pub(super) fn settles(&self, kind: ResourceKind) {
        if self.core.gate.setting().0 == Model::AwsLike && SETTLED.contains(&kind) {
            carrying::settle();
        }
    }

    /// Brings a command into the log of the caller's account.
    pub(super) async fn change(&self, command: Command) -> Result<Done, Refusal> {
        let settled = self.wanted.settled || settles(self.core.gate.setting().0, &command);
        if settled {
            carrying::settle();
        }
        let done = operations::mutate(self.core, self.caller, String::new(), false, command);
        let done = Box::pin(done).await?;
        if let (true, Some((group, index))) = (settled, done.place) {
            let origin = self.core.origin(group);
            let positions = Clock::from_iter([(origin, index)]);
            operations::covering(self.core, &positions).await?;
        }
        Ok(done)
    }

    /// The answer to a change.
    pub(super) fn changed(&self, done: &Done, output: Fields) -> Outcome {
        let (group, index) = done.place.unwrap_or((self.caller.group, 0));
        let token = operations::token_of(self.core, self.caller.account, group, index)?;
        let decision_id = operations::decision_id(self.core);
        let evidence = Evidence { token, staleness: None, decision_id };
        Ok(Answered { output, evidence: Some(evidence) })
    }

    /// A change whose answer says nothing but that it was made.
    pub(super) async fn just(&self, command: Command) -> Outcome {
        let done = self.change(command).await?;
        self.changed(&done, Fields::new())
    }

    /// One page of a list, as members of the output: the items under `name`, whether there are more, and the marker of the next page.
    pub(super) fn page(
        &self,
        name: &str,
        items: impl Iterator<Item = (String, Value)>,
    ) -> Result<Fields, Refusal> {
        let (page, more) = self.items(items)?;
        Ok(more.with(name, Value::List(page)))
    }

    /// One page of a list whose items do not all stand in one place of the answer.
    pub(super) fn items<T>(
        &self,
        items: impl Iterator<Item = (String, T)>,
    ) -> Result<(Vec<T>, Fields), Refusal> {
        let size = self.input.integer("MaxItems").and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        let (operation, marker) = (self.asked.operation.name.as_str(), self.text("Marker"));
        let (page, next) =
            operations::page(self.core, operation, size, &marker, items).map_err(|_| {
                Refusal::new(Code::ValidationError, format!("Invalid Marker: {marker}"))
            })?;
        let fields = Fields::new().with("IsTruncated", !next.is_empty());
        Ok((page, fields.with_text("Marker", &next)))
    }
}

/// The entity that a command gave back, as a handler expects it.
pub(super) fn given<T>(done: &Done, of: impl FnOnce(&Reply) -> Option<T>) -> Result<T, Refusal> {
    done.reply.reply.as_ref().and_then(of).ok_or_else(|| {
        internal(&ServiceError::new(Reason::Internal, "a command gave another answer than its own"))
    })
}

/// "The user with name X cannot be found."
pub(super) fn no_such(what: &str, name: &str) -> Refusal {
    Refusal::new(Code::NoSuchEntity, format!("The {what} with name {name} cannot be found."))
}

/// What clients of AWS read right after they have changed it.
const SETTLED: [ResourceKind; 4] = [
    ResourceKind::AccountAlias,
    ResourceKind::OidcProvider,
    ResourceKind::PasswordPolicy,
    ResourceKind::SamlProvider,
];

/// Whether a change is settled at this node before it is answered, though nobody asked for that. Under the `aws-like` model those of account
/// settings and identity providers are: clients of AWS read them right after the change and do not try again, as the AWS provider of
/// Terraform does (`aws_iam_account_password_policy`, say), while they wait for users, roles and policies.
fn settles(model: Model, command: &Command) -> bool {
    let kind = match command {
        Command::ChangeResource(change) => Some(change.kind),
        Command::ChangeTags(change) => change.kind.checked_sub(TAGS_OF_RESOURCES),
        _ => None,
    };
    let is_kind = |of: &ResourceKind| kind == Some(*of as u32);
    model == Model::AwsLike && SETTLED.iter().any(is_kind)
}

#[cfg(test)]
mod tests {
    use tidegate_model::{
        command::PutInline,
        resource::{ChangeResource, ChangeTags},
    };

    use super::*;

    #[test]
    fn what_aws_answers_from_the_writer_is_settled_under_its_model_alone() {
        let change = |kind: ResourceKind| {
            Command::ChangeResource(ChangeResource { kind: kind as u32, ..Default::default() })
        };
        let tags = |kind| Command::ChangeTags(ChangeTags { kind, ..Default::default() });
        let saml = ResourceKind::SamlProvider as u32 + TAGS_OF_RESOURCES;
        for (command, settled) in [
            (change(ResourceKind::PasswordPolicy), true),
            (change(ResourceKind::AccountAlias), true),
            (change(ResourceKind::InstanceProfile), false),
            (tags(saml), true),
            (tags(3), false),
            (Command::PutInline(PutInline::default()), false),
        ] {
            assert_eq!(settles(Model::AwsLike, &command), settled, "{command:?}");
            assert!(!settles(Model::Instant, &command), "{command:?}");
            assert!(!settles(Model::GoogleLike, &command), "{command:?}");
        }
    }
}
