//! Lists and objects of a statement that are written and hold nothing. The parsed statement has lost them, so the JSON is looked at.

use super::{
    LintCode, Notes,
    view::{member, members},
};
use crate::json::{Json, Located};

pub(super) fn check(statement: Located<'_, '_>, notes: &mut Notes) {
    for member in members(statement) {
        match member.key() {
            "Action" | "NotAction" => array(member, LintCode::EmptyArrayAction, notes),
            "Resource" | "NotResource" => array(member, LintCode::EmptyArrayResource, notes),
            "Principal" | "NotPrincipal" => {
                object(member, LintCode::EmptyObjectPrincipal, notes);
                for kind in members(member) {
                    array(kind, LintCode::EmptyArrayPrincipal, notes);
                }
            }
            "Condition" => conditions(member, notes),
            _ => {}
        }
    }
    if let Some(sid) = member(statement, "Sid")
        && matches!(sid.value(), Json::String(text) if text.is_empty())
    {
        notes.add(LintCode::EmptySidValue, sid.span(), "");
    }
}

fn conditions(condition: Located<'_, '_>, notes: &mut Notes) {
    object(condition, LintCode::EmptyObjectCondition, notes);
    for operator in members(condition) {
        object(operator, LintCode::EmptyObjectCondition, notes);
        for key in members(operator) {
            array(key, LintCode::EmptyArrayCondition, notes);
        }
    }
}

fn array(member: Located<'_, '_>, code: LintCode, notes: &mut Notes) {
    if matches!(member.value(), Json::Array) && member.children().next().is_none() {
        notes.add(code, member.span(), member.key());
    }
}

fn object(member: Located<'_, '_>, code: LintCode, notes: &mut Notes) {
    if matches!(member.value(), Json::Object) && member.children().next().is_none() {
        notes.add(code, member.span(), member.key());
    }
}
