//! One case, decided in every way that there is.

use tidegate_policy::{
    ComposedPolicies, Decision, Effect, PolicySet, PolicySource, authorize, explain,
};

use super::{
    case::{Ask, Texts, compile_all},
    oracle::{self, Verdict},
};

/// What the evaluator's decision says in the oracle's words.
fn verdict(decision: &Decision) -> String {
    let by = decision.policy_type.map(|t| t.to_string()).unwrap_or_default();
    match decision.effect {
        Effect::Allow => "Allow".to_owned(),
        Effect::ImplicitDeny => format!("Silence({by:?})"),
        Effect::ExplicitDeny => format!("Deny({by:?})"),
    }
}

/// What a trust policy allowed must be named by it: those who assume roles look for that.
fn names_the_trust_policy(texts: &Texts, decision: &Decision) -> bool {
    let trusted =
        |s: &tidegate_policy::StatementRef| matches!(s.policy.source(), PolicySource::Trust(_));
    !texts.trust || !decision.is_allowed() || decision.statements.iter().any(trusted)
}

/// How the first ask for which two ways to decide differ is decided in each; `None` when all agree.
pub(crate) fn difference(texts: &Texts, asks: &[Ask]) -> Option<String> {
    let set = compile_all(texts);
    let composed = ComposedPolicies::new(set.clone());
    let sessionless = ComposedPolicies::new(PolicySet { session: None, ..set.clone() });
    let elsewhere = ComposedPolicies::new(PolicySet {
        resource: None,
        // Such as would deny: they must have no say.
        resource_control: vec![Vec::new()],
        ..set.clone()
    });
    let again = set.session.clone().map(|session| sessionless.with_session(session));
    asks.iter().find_map(|ask| {
        let asked = ask.asked();
        let request = asked.request();
        let expected: Verdict = oracle::decide(texts, ask);
        let expected = format!("{expected:?}");
        let plain = authorize(&set, &request);
        let ways = [
            ("plain", verdict(&plain)),
            ("composed", verdict(&composed.authorize(&request))),
            (
                "across",
                verdict(&elsewhere.authorize_across(
                    set.resource.as_ref(),
                    &set.resource_control,
                    &request,
                )),
            ),
            ("explained", verdict(&explain(&set, &request).decision)),
            (
                "limited",
                again
                    .as_ref()
                    .map_or_else(|| expected.clone(), |c| verdict(&c.authorize(&request))),
            ),
        ];
        let differs = ways.iter().any(|(_, found)| *found != expected)
            || composed.effect(&request) != plain.effect;
        (differs || !names_the_trust_policy(texts, &plain))
            .then(|| format!("oracle: {expected}, {ways:?}\n{ask:#?}\n{texts:#?}"))
    })
}
