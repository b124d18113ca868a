//! Decisions over gRPC.

use std::{
    pin::Pin,
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures::Stream;
use tidegate_policy::{Action, ActionError, Context, Effect, UnixMillis, Value};
use tidegate_proto::decision::v1::{
    Answer, AuthorizeRequest, AuthorizeResponse, AuthorizeStreamRequest, AuthorizeStreamResponse,
    BatchAuthorizeRequest, BatchAuthorizeResponse, Containment, Effect as WireEffect,
    ExplainRequest, ExplainResponse, Question as WireQuestion, StatementRef,
    decision_service_server::DecisionService,
};
use tidegate_replica::GroupId;
use tidegate_service::{
    Answered, Caller, QUESTIONS_MAX, Question, Reason, ServiceError, View, check, check_action,
    decide, explain_question,
};
use tonic::{Request, Response, Status, Streaming};

use super::{status::refuse, wire};
use crate::{core::Core, telemetry::metrics::EffectLabel};

/// How often the caller of a silent stream is looked at again.
const RECHECK_EVERY: Duration = Duration::from_secs(1);

/// Serves decisions.
#[derive(Clone, Debug)]
pub(crate) struct DecisionHandler(pub(crate) Arc<Core>);

fn question(q: &WireQuestion) -> Question<'_> {
    let mut context = Context::default();
    for entry in &q.context {
        let value = match entry.values.as_slice() {
            [one] => Value::One(one.clone()),
            many => Value::Many(many.to_vec()),
        };
        context.insert(&entry.key, value);
    }
    Question { principal: &q.principal, action: &q.action, resource: &q.resource, context }
}

fn answer(core: &Core, answered: Answered) -> Answer {
    let (effect, label) = match answered.decision.effect {
        Effect::Allow => (WireEffect::Allow, "allow"),
        Effect::ImplicitDeny => (WireEffect::ImplicitDeny, "implicit_deny"),
        Effect::ExplicitDeny => (WireEffect::ExplicitDeny, "explicit_deny"),
    };
    core.metrics.decisions.get_or_create(&EffectLabel { effect: label }).inc();
    let statement = |s: &tidegate_policy::StatementRef| {
        let ((line, column), _) = s.position();
        StatementRef {
            policy: s.policy.source().to_string(),
            index: u32::try_from(s.index).unwrap_or(u32::MAX),
            sid: s.sid().unwrap_or_default().to_owned(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    };
    Answer {
        effect: effect.into(),
        statements: answered.decision.statements.iter().map(statement).collect(),
        policy_type: answered.decision.policy_type.map(|t| t.to_string()).unwrap_or_default(),
        message: answered.sentence.unwrap_or_default(),
        quarantine: answered.quarantine.map(|q| Containment {
            quarantine_id: q.id.clone(),
            reason: q.reason.clone(),
            expire_date: Some(wire::timestamp(UnixMillis(q.until))),
        }),
    }
}

fn missing() -> Status {
    refuse(ServiceError::new(Reason::ValidationError, "the request holds no question"))
}

fn decide_one(
    core: &Core,
    view: &View,
    caller: &Caller,
    q: &WireQuestion,
) -> Result<Answer, Status> {
    let _in_span = tracing::info_span!("decision", node = %core.me).entered();
    let start = core.platform.monotonic();
    let now = core.platform.wall();
    let answered = decide(view, caller, &question(q), now).map_err(refuse)?;
    // Names of services are in lower case all but always; what is not is passed over when it is written.
    if let Some((service, _)) = q.action.split_once(':') {
        core.uses.accesses.note(&answered.subject.principal, service, now);
    }
    core.metrics
        .decision_duration
        .observe((core.platform.monotonic().saturating_sub(start)).as_secs_f64());
    Ok(answer(core, answered))
}

/// Looks at the caller as it stands in this view: it must have the permission to ask at all.
fn renew(view: &View, caller: &mut Caller, core: &Core) -> Result<(), Status> {
    static AUTHORIZE: LazyLock<Result<Action, ActionError>> =
        LazyLock::new(|| Action::parse("tidegate:Authorize"));
    caller.renew(view, core.platform.wall()).map_err(refuse)?;
    let action = AUTHORIZE
        .as_ref()
        .map_err(|e| refuse(ServiceError::new(Reason::Internal, e.to_string())))?;
    check_action(caller, action, &caller.resolved.principal.arn).map_err(refuse)
}

impl DecisionHandler {
    async fn one(
        &self,
        caller: &mut Caller,
        request: &AuthorizeStreamRequest,
    ) -> Result<AuthorizeStreamResponse, Status> {
        let core = &self.0;
        let groups = [GroupId::DIRECTORY, caller.group];
        let view = wire::view(core, request.consistency.as_ref(), &groups).await?;
        renew(&view, caller, core)?;
        let question = request.question.as_ref().ok_or_else(missing)?;
        let answer = decide_one(core, &view, caller, question)?;
        let evidence = wire::evidence(core, &view, &groups)?;
        Ok(AuthorizeStreamResponse {
            correlation_id: request.correlation_id,
            answer: Some(answer),
            evidence: Some(evidence),
        })
    }
}

#[tonic::async_trait]
impl DecisionService for DecisionHandler {
    async fn authorize(
        &self,
        mut request: Request<AuthorizeRequest>,
    ) -> Result<Response<AuthorizeResponse>, Status> {
        let mut caller = wire::take_caller(&mut request)?;
        let AuthorizeRequest { question, consistency } = request.into_inner();
        let asked = AuthorizeStreamRequest { correlation_id: 0, question, consistency };
        let AuthorizeStreamResponse { answer, evidence, .. } =
            self.one(&mut caller, &asked).await?;
        Ok(Response::new(AuthorizeResponse { answer, evidence }))
    }

    async fn batch_authorize(
        &self,
        mut request: Request<BatchAuthorizeRequest>,
    ) -> Result<Response<BatchAuthorizeResponse>, Status> {
        let mut caller = wire::take_caller(&mut request)?;
        let request = request.into_inner();
        if request.questions.len() > QUESTIONS_MAX {
            let message =
                format!("{} questions are more than {QUESTIONS_MAX}", request.questions.len());
            return Err(refuse(ServiceError::new(Reason::TooLarge, message)));
        }
        let core = &self.0;
        let groups = [GroupId::DIRECTORY, caller.group];
        let view = wire::view(core, request.consistency.as_ref(), &groups).await?;
        renew(&view, &mut caller, core)?;
        let answers = request
            .questions
            .iter()
            .map(|q| decide_one(core, &view, &caller, q))
            .collect::<Result<_, _>>()?;
        let evidence = Some(wire::evidence(core, &view, &groups)?);
        Ok(Response::new(BatchAuthorizeResponse { answers, evidence }))
    }

    type AuthorizeStreamStream =
        Pin<Box<dyn Stream<Item = Result<AuthorizeStreamResponse, Status>> + Send>>;

    async fn authorize_stream(
        &self,
        mut request: Request<Streaming<AuthorizeStreamRequest>>,
    ) -> Result<Response<Self::AuthorizeStreamStream>, Status> {
        let mut caller = wire::take_caller(&mut request)?;
        let mut questions = request.into_inner();
        let handler = self.clone();
        // The caller is looked at again for every question, and while none comes: who loses the right loses the stream.
        let answers = async_stream::try_stream! {
            loop {
                match tokio::time::timeout(RECHECK_EVERY, questions.message()).await {
                    Ok(question) => match question? {
                        Some(question) => yield handler.one(&mut caller, &question).await?,
                        None => return,
                    },
                    Err(_silent) => renew(&handler.0.views.load(), &mut caller, &handler.0)?,
                }
            }
        };
        Ok(Response::new(Box::pin(answers)))
    }

    async fn explain(
        &self,
        request: Request<ExplainRequest>,
    ) -> Result<Response<ExplainResponse>, Status> {
        let caller = wire::caller(&request)?;
        let request = request.into_inner();
        let core = &self.0;
        let groups = [GroupId::DIRECTORY, caller.group];
        let view = wire::view(core, request.consistency.as_ref(), &groups).await?;
        let caller = wire::still(core, &view, &caller)?;
        check(&caller, "tidegate:Explain", &caller.resolved.principal.arn).map_err(refuse)?;
        let asked = request.question.as_ref().ok_or_else(missing)?;
        let (answered, explanation) =
            explain_question(&view, &caller, &question(asked), core.platform.wall())
                .map_err(refuse)?;
        let contained = answered.quarantine.is_some().then(|| answered.sentence.clone());
        let contained = contained.flatten().map(|s| format!("{s}\n\nWithout that:\n\n"));
        Ok(Response::new(ExplainResponse {
            answer: Some(answer(core, answered)),
            text: format!("{}{explanation}", contained.unwrap_or_default()),
            missing_keys: explanation.missing_keys.iter().map(ToString::to_string).collect(),
            evidence: Some(wire::evidence(core, &view, &groups)?),
        }))
    }
}
