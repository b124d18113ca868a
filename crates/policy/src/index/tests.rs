//! The index against asking each statement, where many share their heads.

use core::ops::ControlFlow;
use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use serde_json::json;

use crate::{
    Action, CompiledPolicy, Context, PolicyDocument, PolicyKind, PolicySource, Principal, Request,
};

/// Statements that share their heads and the text behind them, many more than are looked through one by one.
fn statements() -> impl Strategy<Value = Vec<serde_json::Value>> {
    let action = prop::sample::select(vec![
        "*",
        "s3:*",
        "s3:Get*",
        "s3:*Object",
        "s3:G?tObject",
        "s3:GetObject",
        "s3:PutObject",
        "*:Get*",
    ]);
    let resource = "\\*|arn:aws:s3:::(\\*|\\?|[ab]{1,5})(\\*|/team[ab]{1,2}/|\\$\\{aws:username\\}|[ab]{4}){0,3}\\*?";
    let element = |not: bool, name: &str| format!("{}{name}", if not { "Not" } else { "" });
    let rarely = || prop::bool::weighted(0.03);
    let actions = prop::collection::vec(action, 1..3);
    let statement = (rarely(), actions, rarely(), prop::collection::vec(resource, 1..3)).prop_map(
        move |(not_action, actions, not_resource, resources)| {
            json!({
                "Effect": "Allow",
                element(not_action, "Action"): actions,
                element(not_resource, "Resource"): resources,
            })
        },
    );
    prop::collection::vec(statement, 1..80)
}

fn compiled(statements: &[serde_json::Value]) -> Arc<CompiledPolicy> {
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let document = PolicyDocument::parse(&text, PolicyKind::Identity).unwrap();
    Arc::new(CompiledPolicy::compile(PolicySource::Session(0), &document))
}

proptest! {
    #[test]
    fn the_index_finds_just_the_statements_that_cover_action_and_resource(
        statements in statements(),
        resources in prop::collection::vec("arn:aws:s3:::([ab]{1,6}|/team[ab]{1,2}/|ada){0,4}", 1..20),
    ) {
        let policy = compiled(&statements);
        let ada = Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAADA");
        let context = Context::default();
        for (action, resource) in resources.iter().flat_map(|r| [("s3:GetObject", r), ("s3:PutObject", r)]) {
            let action = Action::parse(action).unwrap();
            let request = Request::new(&ada, &action, resource, &context);
            let mut found = BTreeSet::new();
            let end = CompiledPolicy::covering(&policy, &request, |candidate| {
                found.insert(candidate.number);
                ControlFlow::Continue(())
            });
            prop_assert_eq!(end, ControlFlow::Continue(()));
            let covers = |number: &usize| {
                let statement = &policy.statements()[*number];
                statement.covers_action(&request) && statement.covers_resource(&request)
            };
            let expected: BTreeSet<usize> = (0..policy.len()).filter(covers).collect();
            prop_assert_eq!(found, expected, "{}", resource);
        }
    }
}

#[test]
fn crowds_are_found_by_their_grams() {
    let statements: Vec<_> = (0..50)
        .map(|n| json!({ "Effect": "Allow", "Action": "s3:*", "Resource": format!("arn:aws:s3:::*-team{n}-share/*") }))
        .collect();
    assert!(compiled(&statements).index().by_gram.is_some());
    assert!(compiled(&statements[..10]).index().by_gram.is_none());
}
