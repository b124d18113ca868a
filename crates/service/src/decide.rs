//! Decisions about any principal of the view.

use std::{borrow::Cow, sync::Arc};

use tidegate_model::{
    Resolved,
    region::{Quarantine, Subject},
};
use tidegate_policy::{
    Action, Arn, Context, Decision, Effect, Explanation, Principal, Request, SessionContext,
    UnixMillis, explain,
};
use tidegate_replica::GroupId;

use crate::{
    Caller, Reason, ServiceError, View,
    authenticate::check,
    standing::{contained, sentence},
};

/// Questions in one batch.
pub const QUESTIONS_MAX: usize = 1_000;

/// Who wants to do what to what.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// ARN of the principal; empty: the caller.
    pub principal: &'a str,
    /// The action.
    pub action: &'a str,
    /// The resource.
    pub resource: &'a str,
    /// Condition keys.
    pub context: Context,
}

/// A decision, the sentence for a deny, what contains the principal, and the group that it rests on.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The decision.
    pub decision: Decision,
    /// AWS's sentence, for a deny.
    pub sentence: Option<String>,
    /// The quarantine that the principal is in: it denies before any policy is asked.
    pub quarantine: Option<Arc<Quarantine>>,
    /// The group of the principal's account.
    pub group: GroupId,
    /// The principal, as it was looked up.
    pub subject: Arc<Resolved>,
}

fn invalid(message: String) -> ServiceError {
    ServiceError::new(Reason::ValidationError, message)
}

fn no_principal(arn: &str) -> ServiceError {
    ServiceError::new(
        Reason::NoSuchEntity,
        format!("the principal {arn} is not known at this node; it may not have arrived yet"),
    )
}

/// The principal that a question is about. Asking about another than oneself needs a permission.
fn subject(
    view: &View,
    caller: &Caller,
    principal: &str,
    permission: &str,
) -> Result<(Arc<Resolved>, GroupId), ServiceError> {
    if principal.is_empty() || *principal == *caller.resolved.principal.arn {
        return Ok((Arc::clone(&caller.resolved), caller.group));
    }
    let arn = Arn::parse(principal).map_err(|e| invalid(e.to_string()))?;
    let account = arn
        .account_id()
        .ok_or_else(|| invalid(format!("the principal {principal} names no account")))?;
    check(caller, permission, principal)?;
    if account != caller.account {
        let message = format!("the principal {principal} is of another account than the caller's");
        return Err(ServiceError::new(Reason::AccessDenied, message));
    }
    let state = view.account(account)?;
    let resolved = match (arn.service(), arn.resource().split('/').collect::<Vec<_>>().as_slice()) {
        ("iam", ["root"]) => Some(state.root()),
        ("iam", ["user", .., name]) => state
            .user_resolved(&name.to_ascii_lowercase())
            .filter(|r| *r.principal.arn == *principal),
        ("iam", ["role", .., name]) => {
            let role = state.role(name).ok_or_else(|| no_principal(principal))?;
            state
                .role_resolved(&role.value.id, "decision")
                .filter(|r| *r.principal.principal_arn == *principal)
        }
        ("sts", ["assumed-role", role, session]) => {
            let role = state.role(role).ok_or_else(|| no_principal(principal))?;
            state.role_resolved(&role.value.id, session)
        }
        _ => return Err(invalid(format!("{principal} is not a user, role, session or root user"))),
    };
    Ok((resolved.ok_or_else(|| no_principal(principal))?, view.group_of(account)?))
}

/// The principal as the question describes it. Who may ask about another also says what its temporary credentials know, such as
/// `aws:MultiFactorAuthPresent`; the caller's own are known.
fn described<'a>(
    subject: &'a Arc<Resolved>,
    caller: &Caller,
    context: &Context,
) -> Cow<'a, Principal> {
    let session = if Arc::ptr_eq(subject, &caller.resolved) {
        None
    } else {
        SessionContext::from_context(context)
    };
    match session {
        Some(session) => Cow::Owned(subject.principal.clone().with_session(session)),
        None => Cow::Borrowed(&subject.principal),
    }
}

impl Answered {
    /// The answer, unless the principal is contained at `now`: then a deny.
    fn unless_contained(
        mut self,
        view: &View,
        caller: &Caller,
        subject: &Arc<Resolved>,
        now: UnixMillis,
    ) -> Self {
        // Whoever asks about himself was looked up already.
        let own = Arc::ptr_eq(subject, &caller.resolved);
        let account = || subject.principal.account.and_then(|a| view.account(a).ok());
        let Some(state) = (if own { Some(&caller.state) } else { account() }) else { return self };
        let number = state.id().as_u64();
        if let Some(quarantine) = contained(view, state, &Subject::principal(number, subject), now)
        {
            self.decision.effect = Effect::ExplicitDeny;
            self.decision.policy_type = None;
            self.decision.statements.clear();
            self.sentence = Some(sentence(quarantine));
            self.quarantine = Some(Arc::clone(quarantine));
        }
        self
    }
}

/// Decides one question on a view at the time `now`. A deny is an answer.
pub fn decide(
    view: &View,
    caller: &Caller,
    question: &Question<'_>,
    now: UnixMillis,
) -> Result<Answered, ServiceError> {
    let (subject, group) = subject(view, caller, question.principal, "tidegate:Authorize")?;
    let action = Action::parse(question.action).map_err(|e| invalid(e.to_string()))?;
    let principal = described(&subject, caller, &question.context);
    let request = Request::new(&principal, &action, question.resource, &question.context);
    let decision = subject.authorize(&request);
    let sentence = decision.denied_sentence(&request);
    let about = Arc::clone(&subject);
    let answered = Answered { decision, sentence, quarantine: None, group, subject: about };
    Ok(answered.unless_contained(view, caller, &subject, now))
}

/// Decides one question and says why: what the policies say, also of somebody who is contained.
pub fn explain_question(
    view: &View,
    caller: &Caller,
    question: &Question<'_>,
    now: UnixMillis,
) -> Result<(Answered, Explanation), ServiceError> {
    let (subject, group) = subject(view, caller, question.principal, "tidegate:Explain")?;
    let action = Action::parse(question.action).map_err(|e| invalid(e.to_string()))?;
    let principal = described(&subject, caller, &question.context);
    let request = Request::new(&principal, &action, question.resource, &question.context);
    let explanation = explain(&subject.policies, &request);
    let answered = Answered {
        decision: explanation.decision.clone(),
        sentence: explanation.sentence.clone(),
        quarantine: None,
        group,
        subject: Arc::clone(&subject),
    };
    Ok((answered.unless_contained(view, caller, &subject, now), explanation))
}
