//! What could be left out.

use super::{LintCode, Notes};
use crate::{
    document::{ActionBlock, ResourceBlock, Statement},
    wildcard::wildcard_matches,
};

/// More values than this in one list are not compared with each other: the work is the square of their number.
const COMPARED_MAX: usize = 500;

pub(super) fn check(statement: &Statement, earlier: &[Statement], notes: &mut Notes) {
    let (ActionBlock::Action(actions) | ActionBlock::NotAction(actions)) = &statement.actions;
    let lower: Vec<Box<str>> =
        actions.iter().map(|action| action.to_ascii_lowercase().into()).collect();
    list(actions, &lower, LintCode::RedundantAction, notes);
    if let ResourceBlock::Resource(resources) | ResourceBlock::NotResource(resources) =
        &statement.resources
    {
        list(resources, resources, LintCode::RedundantResource, notes);
    }
    for condition in statement.conditions.iter().filter(|condition| condition.values.is_empty()) {
        notes.add(LintCode::EmptyArray, &condition.key);
    }
    let same = |other: &Statement| {
        statement.says_the_same(&Statement { sid: statement.sid.clone(), ..other.clone() })
    };
    if earlier.iter().take(COMPARED_MAX).any(same) {
        notes.add(LintCode::RedundantStatement, statement.sid.as_deref().unwrap_or_default());
    }
}

/// `compared` are the values in the form in which they are compared.
fn list(values: &[Box<str>], compared: &[Box<str>], code: LintCode, notes: &mut Notes) {
    if values.is_empty() {
        notes.add(
            LintCode::EmptyArray,
            if code == LintCode::RedundantAction { "Action" } else { "Resource" },
        );
    }
    let few = compared.get(..COMPARED_MAX).unwrap_or(compared);
    for ((place, one), written) in few.iter().enumerate().zip(values) {
        // A `?` of one pattern is a character to the other, so a covered pattern is always found to be covered. Of two that cover
        // each other the second is named.
        let covers = |(other_place, other): (usize, &str)| {
            other_place != place
                && !one.contains("${")
                && wildcard_matches(other, one)
                && (other_place < place || !wildcard_matches(one, other))
        };
        if few.iter().map(|other| &**other).enumerate().any(covers) {
            notes.add(code, written);
        }
    }
}
