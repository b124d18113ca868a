//! What policies would decide, and what they ask about: the simulator of the policy engine, under AWS's names.

use tidegate_model::AccountState;
use tidegate_policy::{
    Arn, PolicySet,
    simulate::{
        self, SimulationAnswer, SimulationError, SimulationRequest, SimulationSource, context_keys,
        principal_context_keys,
    },
};
use tidegate_query::{Code, Fields, Refusal, Value};

use crate::{
    aws::{
        answer::{Outcome, internal},
        call::{Call, no_such},
    },
    operations::Subject,
};

/// The member that names whose policies are simulated, which the engine takes beside its request.
const SOURCE: &str = "PolicySourceArn";
/// The name of the session in which a role's policies are simulated.
const SESSION: &str = "simulation";

fn refused(error: &SimulationError) -> Refusal {
    let code = match error.code() {
        "PolicyEvaluation" => Code::PolicyEvaluation,
        _ => Code::InvalidInput,
    };
    Refusal::new(code, error.to_string())
}

fn request(call: &Call<'_>) -> Result<SimulationRequest, Refusal> {
    let mut json = call.input.to_json();
    if let Some(members) = json.as_object_mut() {
        members.remove(SOURCE);
    }
    serde_json::from_value(json).map_err(|e| Refusal::new(Code::InvalidInput, e.to_string()))
}

fn output(answer: &SimulationAnswer) -> Result<Fields, Refusal> {
    Ok(Fields::from_json(&serde_json::to_value(answer).map_err(|e| internal(&e))?))
}

/// The user, group or role of an ARN with its policies.
fn source(account: &AccountState, arn: &str) -> Result<SimulationSource, Refusal> {
    let invalid = || Refusal::new(Code::InvalidInput, format!("Invalid Entity Arn: {arn}"));
    let parsed = Arn::parse(arn).map_err(|_| invalid())?;
    if parsed.account_id() != Some(account.id()) || parsed.service() != "iam" {
        return Err(invalid());
    }
    let (kind, path) = parsed.resource().split_once('/').ok_or_else(invalid)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    let resolved = match kind {
        "user" => account.user_resolved(&name.to_ascii_lowercase()),
        "role" => account.role(name).and_then(|r| account.role_resolved(&r.value.id, SESSION)),
        "group" => {
            let identity = account.group_policies(name).ok_or_else(|| no_such(kind, name))?;
            let policies = PolicySet { identity, ..PolicySet::default() };
            return Ok(SimulationSource { principal: None, policies });
        }
        _ => return Err(invalid()),
    };
    let resolved = resolved.ok_or_else(|| no_such(kind, name))?;
    Ok(SimulationSource {
        principal: Some(resolved.principal.clone()),
        policies: resolved.policies.clone(),
    })
}

pub(super) async fn custom(call: &Call<'_>) -> Outcome {
    let (seen, _) = call.read(Subject::Account).await?;
    let answer = simulate::custom(&request(call)?).map_err(|e| refused(&e))?;
    call.seen(&seen, output(&answer)?)
}

pub(super) async fn principal(call: &Call<'_>) -> Outcome {
    let arn = call.text(SOURCE);
    let (seen, account) = call.read(Subject::Arn(&arn)).await?;
    let source = source(&account, &arn)?;
    let answer = simulate::principal(&request(call)?, &source).map_err(|e| refused(&e))?;
    call.seen(&seen, output(&answer)?)
}

fn keys(names: Vec<String>) -> Fields {
    Fields::new().with("ContextKeyNames", names.into_iter().collect::<Value>())
}

pub(super) async fn custom_keys(call: &Call<'_>) -> Outcome {
    let (seen, _) = call.read(Subject::Account).await?;
    let names = context_keys(&call.input.texts("PolicyInputList")).map_err(|e| refused(&e))?;
    call.seen(&seen, keys(names))
}

pub(super) async fn principal_keys(call: &Call<'_>) -> Outcome {
    let arn = call.text(SOURCE);
    let (seen, account) = call.read(Subject::Arn(&arn)).await?;
    let source = source(&account, &arn)?;
    let names = principal_context_keys(&source, &call.input.texts("PolicyInputList"));
    call.seen(&seen, keys(names.map_err(|e| refused(&e))?))
}
