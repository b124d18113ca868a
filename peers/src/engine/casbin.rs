//! casbin: one rule a statement, its lists in one field each, compared by functions written in Rust.

use std::{error::Error, net::Ipv4Addr};

use casbin::{
    CoreApi, DefaultModel, Enforcer, MgmtApi, function_map::OperatorFunction,
    function_map::dynamic_to_str, rhai::Dynamic,
};
use pollster::block_on;
use tidegate_policy::wildcard_matches;

use super::Engine;
use crate::{
    policy::{Effect, Policy, Statement},
    workload::Question,
};

/// An empty field is a condition that is not there.
const MODEL: &str = "
[request_definition]
r = action, resource, region, address, mfa
[policy_definition]
p = action, resource, region, address, mfa, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = anyOf(r.mfa, p.mfa) && anyLike(r.action, p.action) && anyLike(r.resource, p.resource) && anyOf(r.region, p.region) && inAny(r.address, p.address)
";

/// Its enforcer without an adapter: rules live in the model.
pub(super) struct Casbin {
    enforcer: Enforcer,
}

fn any(text: &Dynamic, list: &Dynamic, holds: impl Fn(&str, &str) -> bool) -> Dynamic {
    let (text, list) = (dynamic_to_str(text), dynamic_to_str(list));
    (list.is_empty() || list.split('|').any(|one| holds(&text, one))).into()
}

fn in_network(address: &str, network: &str) -> bool {
    let Some((base, length)) = network.split_once('/') else { return false };
    let (Ok(base), Ok(length), Ok(address)) =
        (base.parse::<Ipv4Addr>(), length.parse::<u32>(), address.parse::<Ipv4Addr>())
    else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    base.to_bits() & mask == address.to_bits() & mask
}

fn rule(statement: &Statement) -> Vec<String> {
    let condition = &statement.condition;
    let joined = |list: Option<&[String]>| list.unwrap_or_default().join("|");
    vec![
        statement.action.join("|"),
        statement.resource.join("|"),
        joined(condition.regions()),
        joined(condition.networks()),
        condition.mfa().map(|mfa| mfa.to_string()).unwrap_or_default(),
        if statement.effect == Effect::Deny { "deny" } else { "allow" }.to_owned(),
    ]
}

impl Engine for Casbin {
    const NAME: &'static str = "casbin 2.20";
    type Source = Vec<Vec<String>>;
    type Request = Vec<Dynamic>;

    fn translate(policies: &[Policy]) -> Vec<Vec<String>> {
        policies.iter().flat_map(|policy| &policy.statement).map(rule).collect()
    }

    fn load(source: &Vec<Vec<String>>) -> Result<Self, Box<dyn Error>> {
        block_on(async {
            let model = DefaultModel::from_str(MODEL).await?;
            let mut enforcer = Enforcer::new(model, ()).await?;
            enforcer.add_function(
                "anyOf",
                OperatorFunction::Arg2(|text, list| any(&text, &list, |text, one| text == one)),
            );
            enforcer.add_function(
                "anyLike",
                OperatorFunction::Arg2(|text, list| {
                    any(&text, &list, |text, one| wildcard_matches(one, text))
                }),
            );
            enforcer.add_function(
                "inAny",
                OperatorFunction::Arg2(|text, list| any(&text, &list, in_network)),
            );
            enforcer.add_policies(source.clone()).await?;
            Ok(Self { enforcer })
        })
    }

    fn request(&self, question: &Question) -> Vec<Dynamic> {
        vec![
            question.action.into(),
            question.resource.clone().into(),
            question.region.into(),
            question.address.clone().into(),
            question.mfa.to_string().into(),
        ]
    }

    fn decide(&mut self, request: &Vec<Dynamic>) -> bool {
        self.enforcer.enforce(request.clone()).expect("the matcher can't fail")
    }
}
