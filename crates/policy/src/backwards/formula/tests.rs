//! Formulas stay small.

use std::sync::Arc;

use super::*;
use crate::{CompiledPolicy, PolicyDocument, PolicyKind, PolicySource};

fn action(pattern: &str) -> Formula {
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let document = PolicyDocument::parse(text, PolicyKind::Identity).unwrap();
    let policy = Arc::new(CompiledPolicy::compile(PolicySource::Session(0), &document));
    let statement = StatementRef { policy, index: 0 };
    let asks = Asks::Action(pattern.into());
    Formula::Is(Literal { asks, statement, place: 0, needed: Truth::True })
}

#[test]
fn what_is_needless_is_left_out() {
    let (a, b, c) = (action("a:*"), action("b:*"), action("c:*"));
    assert_eq!(Formula::all([]), Formula::True);
    assert_eq!(Formula::any([]), Formula::False);
    assert_eq!(Formula::all([a.clone(), Formula::True, a.clone()]), a);
    assert_eq!(Formula::all([a.clone(), a.clone().negated()]), Formula::False);
    assert_eq!(Formula::any([a.clone(), a.clone().negated()]), Formula::True);
    assert_eq!(Formula::any([a.clone(), Formula::all([a.clone(), b.clone()])]), a);
    assert_eq!(Formula::all([a.clone(), Formula::any([b.clone(), a.clone()])]), a);
    let nested = Formula::all([a.clone(), Formula::all([b.clone(), c.clone()])]);
    assert_eq!(nested, Formula::All(vec![a.clone(), b.clone(), c.clone()]));
    assert_eq!(nested.literals().len(), 3);
    let text = Formula::any([Formula::all([a, b]), c.negated()]).to_string();
    assert_eq!(text, "(action `a:*` and action `b:*`) or not action `c:*`");
}

#[test]
fn twice_negated_is_the_same() {
    let formula = Formula::any([Formula::all([action("a:*"), action("b:*")]), action("c:*")]);
    assert_eq!(formula.clone().negated().negated(), formula);
}
