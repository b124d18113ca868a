//! Lists and objects of a statement that are written and hold nothing. The parsed statement has lost them, so the JSON is looked at.

use super::{
    LintCode, Notes,
    view::{member, members},
};
use crate::json::{Json, Located, Member};

pub(super) fn check(statement: &Located, notes: &mut Notes) {
    for member in members(statement) {
        match &*member.key {
            "Action" | "NotAction" => array(member, LintCode::EmptyArrayAction, notes),
            "Resource" | "NotResource" => array(member, LintCode::EmptyArrayResource, notes),
            "Principal" | "NotPrincipal" => {
                object(member, LintCode::EmptyObjectPrincipal, notes);
                for kind in members(&member.value) {
                    array(kind, LintCode::EmptyArrayPrincipal, notes);
                }
            }
            "Condition" => conditions(member, notes),
            _ => {}
        }
    }
    if let Some(sid) = member(statement, "Sid")
        && matches!(&sid.value.value, Json::String(text) if text.is_empty())
    {
        notes.add(LintCode::EmptySidValue, sid.value.span, "");
    }
}

fn conditions(condition: &Member, notes: &mut Notes) {
    object(condition, LintCode::EmptyObjectCondition, notes);
    for operator in members(&condition.value) {
        object(operator, LintCode::EmptyObjectCondition, notes);
        for key in members(&operator.value) {
            array(key, LintCode::EmptyArrayCondition, notes);
        }
    }
}

fn array(member: &Member, code: LintCode, notes: &mut Notes) {
    if matches!(&member.value.value, Json::Array(items) if items.is_empty()) {
        notes.add(code, member.value.span, &member.key);
    }
}

fn object(member: &Member, code: LintCode, notes: &mut Notes) {
    if matches!(&member.value.value, Json::Object(members) if members.is_empty()) {
        notes.add(code, member.value.span, &member.key);
    }
}
