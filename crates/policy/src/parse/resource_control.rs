//! What a resource control policy may say (AWS, "RCP syntax").

use super::{Wrong, wrong};
use crate::{
    LintCode,
    document::{ActionBlock, PrincipalBlock, ResourceBlock, Statement, StatementEffect},
};

/// Refuses a statement that a resource control policy can't hold: it denies, and everyone (`"Principal": "*"`), by listing actions of
/// a service each. The one that allows is AWS's own `RCPFullAWSAccess`, which allows everything to everyone.
pub(super) fn check(statement: &Statement) -> Result<(), Wrong> {
    let everyone = |list: &[(Box<str>, Box<str>)]| matches!(list, [(_, value)] if &**value == "*");
    let (span, Statement { principals, actions, resources, .. }) = (statement.span, statement);
    match principals {
        PrincipalBlock::Principal(list) if everyone(list) => {}
        _ => {
            return wrong(
                LintCode::RcpSyntaxErrorPrincipal,
                span,
                "`\"Principal\": \"*\"` in a resource control policy",
                "another",
            );
        }
    }
    let ActionBlock::Action(actions) = actions else {
        return wrong(
            LintCode::RcpSyntaxErrorNotAction,
            span,
            "`Action` in a resource control policy",
            "`NotAction`",
        );
    };
    let every_action = actions.iter().any(|action| action.bytes().all(|b| b == b'*'));
    if statement.effect == StatementEffect::Deny {
        return if every_action {
            wrong(
                LintCode::RcpSyntaxErrorAction,
                span,
                "actions of a service in a resource control policy",
                "`*`",
            )
        } else {
            Ok(())
        };
    }
    let every_resource =
        matches!(resources, ResourceBlock::Resource(list) if list.iter().all(|r| &**r == "*"));
    if every_action && every_resource && statement.conditions.is_empty() {
        return Ok(());
    }
    wrong(
        LintCode::RcpSyntaxErrorAllow,
        span,
        "`Deny`, or `Allow` of everything, in a resource control policy",
        "`Allow`",
    )
}
