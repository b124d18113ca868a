//! From text to a policy, by the grammar of its kind (AWS, "Grammar of the IAM JSON policy language").

use std::collections::BTreeSet;

use crate::{
    LintCode, Operator, PolicyError,
    document::{
        ActionBlock, ConditionEntry, PolicyDocument, PolicyKind, PrincipalBlock, PrincipalPair,
        ResourceBlock, Span, Statement, StatementEffect, Version, line_and_column,
    },
    json::{self, Json, JsonError, Located, Member},
};

/// Largest document that is read, in bytes. The API takes 131,072; AWS's own managed policies go past it.
const DOCUMENT_MAX: usize = 1 << 20;

/// More of what was found is not repeated in an error, in characters.
const FOUND_MAX: usize = 120;

/// A mistake, and where it is.
struct Wrong {
    code: LintCode,
    span: Span,
    expected: String,
    found: String,
}

impl From<JsonError> for Wrong {
    fn from(e: JsonError) -> Self {
        let code =
            if e.duplicate_key { LintCode::DuplicateKeys } else { LintCode::JsonSyntaxError };
        let span = Span { start: e.offset, end: e.offset };
        Self { code, span, expected: e.expected, found: e.found }
    }
}

fn wrong<T>(
    code: LintCode,
    span: Span,
    expected: impl Into<String>,
    found: impl Into<String>,
) -> Result<T, Wrong> {
    Err(Wrong { code, span, expected: expected.into(), found: found.into() })
}

pub(crate) fn document(text: &str, kind: PolicyKind) -> Result<PolicyDocument, PolicyError> {
    read(text, kind).map_err(|e| {
        let (line, column) = line_and_column(text, e.span.start);
        PolicyError {
            lint_code: e.code,
            span: e.span,
            line,
            column,
            expected: e.expected,
            found: e.found.chars().take(FOUND_MAX).collect(),
        }
    })
}

fn read(text: &str, kind: PolicyKind) -> Result<PolicyDocument, Wrong> {
    if text.len() > DOCUMENT_MAX {
        let found = format!("{} bytes", text.len());
        return wrong(
            LintCode::DocumentTooLarge,
            Span::default(),
            format!("at most {DOCUMENT_MAX} bytes"),
            found,
        );
    }
    let foreign =
        text.char_indices().find(|(_, c)| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}'));
    if let Some((offset, c)) = foreign {
        let span = Span { start: offset, end: offset };
        return wrong(
            LintCode::UnsupportedCharacter,
            span,
            "characters up to U+00FF",
            format!("`{}`", c.escape_unicode()),
        );
    }
    let root = json::read(text)?;
    let members = object(&root, "a policy as an object")?;
    let mut document = PolicyDocument {
        source: text.into(),
        kind,
        version: Version::V2008,
        id: None,
        statements: Vec::new(),
    };
    let mut seen_statement = false;
    for member in members {
        match &*member.key {
            "Version" => document.version = version(&member.value)?,
            "Id" if !kind.names_principals() => {
                return wrong(
                    LintCode::InvalidPolicyElement,
                    member.key_span,
                    "no `Id` in this kind of policy",
                    "`Id`",
                );
            }
            "Id" => document.id = Some(string(&member.value, "a string")?.into()),
            "Statement" => {
                seen_statement = true;
                document.statements = statements(&member.value, kind)?;
            }
            other => {
                return wrong(
                    LintCode::InvalidPolicyElement,
                    member.key_span,
                    "`Version`, `Id` or `Statement`",
                    format!("`{other}`"),
                );
            }
        }
    }
    if !seen_statement {
        return wrong(LintCode::MissingStatement, root.span, "a `Statement`", "none");
    }
    Ok(document)
}

fn object<'a>(at: &'a Located, expected: &str) -> Result<&'a [Member], Wrong> {
    match &at.value {
        Json::Object(members) => Ok(members),
        other => wrong(LintCode::DataTypeMismatch, at.span, expected, other.kind()),
    }
}

fn string<'a>(at: &'a Located, expected: &str) -> Result<&'a str, Wrong> {
    match &at.value {
        Json::String(text) => Ok(text),
        other => wrong(LintCode::DataTypeMismatch, at.span, expected, other.kind()),
    }
}

fn version(at: &Located) -> Result<Version, Wrong> {
    match string(at, "`2012-10-17` or `2008-10-17`")? {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        other => wrong(
            LintCode::InvalidVersion,
            at.span,
            "`2012-10-17` or `2008-10-17`",
            format!("`{other}`"),
        ),
    }
}

fn one_or_many(at: &Located) -> &[Located] {
    match &at.value {
        Json::Array(items) => items,
        _ => core::slice::from_ref(at),
    }
}

fn statements(at: &Located, kind: PolicyKind) -> Result<Vec<Statement>, Wrong> {
    let items = one_or_many(at);
    if items.is_empty() {
        return wrong(
            LintCode::MissingStatement,
            at.span,
            "at least one statement",
            "an empty array",
        );
    }
    let mut sids = BTreeSet::new();
    let mut statements: Vec<Statement> = Vec::with_capacity(items.len());
    for item in items {
        let read = statement(item, kind)?;
        match &read.sid {
            Some(sid) if !sids.insert(sid.clone()) => {
                return wrong(
                    LintCode::UniqueSidsRequired,
                    item.span,
                    "each `Sid` once",
                    format!("`{sid}` again"),
                );
            }
            _ => statements.push(read),
        }
    }
    Ok(statements)
}

/// The elements of a statement as they are found; each at most once, and only one of `Action` and `NotAction` and the like.
#[derive(Default)]
struct Elements {
    sid: Option<Box<str>>,
    effect: Option<StatementEffect>,
    principals: Option<PrincipalBlock>,
    actions: Option<ActionBlock>,
    resources: Option<ResourceBlock>,
    conditions: Vec<ConditionEntry>,
}

fn statement(at: &Located, kind: PolicyKind) -> Result<Statement, Wrong> {
    let mut found = Elements::default();
    for member in object(at, "a statement as an object")? {
        element(&mut found, member, kind)?;
    }
    let Elements { sid, effect, principals, actions, resources, conditions } = found;
    let Some(effect) = effect else {
        return wrong(LintCode::MissingEffect, at.span, "an `Effect` in the statement", "none");
    };
    let Some(actions) = actions else {
        return wrong(
            LintCode::MissingAction,
            at.span,
            "an `Action` or `NotAction` in the statement",
            "none",
        );
    };
    if kind.names_principals() && principals.is_none() {
        return wrong(
            LintCode::MissingPrincipal,
            at.span,
            "a `Principal` in the statement",
            "none",
        );
    }
    if resources.is_none() && !matches!(kind, PolicyKind::Trust | PolicyKind::Resource) {
        return wrong(
            LintCode::MissingResource,
            at.span,
            "a `Resource` or `NotResource` in the statement",
            "none",
        );
    }
    let principals = principals.unwrap_or(PrincipalBlock::None);
    let resources = resources.unwrap_or(ResourceBlock::None);
    Ok(Statement { sid, effect, principals, actions, resources, conditions, span: at.span })
}

fn element(found: &mut Elements, member: &Member, kind: PolicyKind) -> Result<(), Wrong> {
    let (key, value) = (&*member.key, &member.value);
    let misplaced =
        |code: LintCode, expected: &str| wrong(code, member.key_span, expected, format!("`{key}`"));
    match key {
        "Sid" => found.sid = Some(sid(value, kind)?),
        "Effect" => found.effect = Some(effect(value)?),
        "Action" | "NotAction" if found.actions.is_some() => {
            return misplaced(
                LintCode::UnsupportedElementCombination,
                "either `Action` or `NotAction`",
            );
        }
        "Action" => found.actions = Some(ActionBlock::Action(actions(value)?)),
        "NotAction" => found.actions = Some(ActionBlock::NotAction(actions(value)?)),
        "Resource" | "NotResource" if kind == PolicyKind::Trust => {
            return misplaced(
                LintCode::RoleTrustPolicySyntaxErrorResource,
                "no resource in a trust policy",
            );
        }
        "Resource" | "NotResource" if found.resources.is_some() => {
            return misplaced(
                LintCode::UnsupportedElementCombination,
                "either `Resource` or `NotResource`",
            );
        }
        "Resource" => found.resources = Some(ResourceBlock::Resource(resources(value)?)),
        "NotResource" => found.resources = Some(ResourceBlock::NotResource(resources(value)?)),
        "Principal" | "NotPrincipal" if !kind.names_principals() => {
            let code = match kind {
                PolicyKind::ServiceControl => LintCode::ScpSyntaxErrorPrincipal,
                _ => LintCode::UnsupportedPrincipal,
            };
            return misplaced(code, "no principal in this kind of policy");
        }
        "NotPrincipal" if kind == PolicyKind::Trust => {
            return misplaced(
                LintCode::RoleTrustPolicySyntaxErrorNotPrincipal,
                "`Principal` in a trust policy",
            );
        }
        "Principal" | "NotPrincipal" if found.principals.is_some() => {
            return misplaced(
                LintCode::UnsupportedElementCombination,
                "either `Principal` or `NotPrincipal`",
            );
        }
        "Principal" => found.principals = Some(PrincipalBlock::Principal(principals(value)?)),
        "NotPrincipal" => found.principals = Some(PrincipalBlock::NotPrincipal(principals(value)?)),
        "Condition" => found.conditions = conditions(value)?,
        _ => {
            return misplaced(
                LintCode::InvalidPolicyElement,
                "one of `Sid`, `Effect`, `Principal`, `Action`, `Resource` (or their `Not` forms) and `Condition`",
            );
        }
    }
    Ok(())
}

fn sid(at: &Located, kind: PolicyKind) -> Result<Box<str>, Wrong> {
    let text = string(at, "a string")?;
    let alphanumeric = text.bytes().all(|b| b.is_ascii_alphanumeric());
    if !alphanumeric && kind != PolicyKind::Resource {
        return wrong(
            LintCode::UnsupportedSid,
            at.span,
            "a `Sid` of letters and digits",
            format!("`{text}`"),
        );
    }
    Ok(text.into())
}

fn effect(at: &Located) -> Result<StatementEffect, Wrong> {
    match string(at, "`Allow` or `Deny`")? {
        "Allow" => Ok(StatementEffect::Allow),
        "Deny" => Ok(StatementEffect::Deny),
        other => wrong(LintCode::InvalidEffect, at.span, "`Allow` or `Deny`", format!("`{other}`")),
    }
}

fn actions(at: &Located) -> Result<Vec<Box<str>>, Wrong> {
    let expected = "an action as `service:Name`, or `*`";
    let mut actions = Vec::new();
    for item in one_or_many(at) {
        let text = string(item, expected)?;
        let well_formed = text == "*"
            || text.split_once(':').is_some_and(|(service, name)| {
                !service.is_empty()
                    && !name.is_empty()
                    && !name.contains(':')
                    && !text.contains(char::is_whitespace)
            });
        if !well_formed {
            return wrong(LintCode::InvalidAction, item.span, expected, format!("`{text}`"));
        }
        actions.push(text.into());
    }
    Ok(actions)
}

fn resources(at: &Located) -> Result<Vec<Box<str>>, Wrong> {
    let expected = "a resource as an ARN, or `*`";
    let mut resources = Vec::new();
    for item in one_or_many(at) {
        let text = string(item, expected)?;
        let only_stars = !text.is_empty() && text.bytes().all(|b| b == b'*');
        // An ARN of fewer parts is completed by its last star.
        let arn =
            text.starts_with("arn:") && (text.splitn(6, ':').count() == 6 || text.ends_with('*'));
        if !only_stars && !arn {
            let code = if text.starts_with("arn:") {
                LintCode::MissingArnField
            } else {
                LintCode::InvalidArnPrefix
            };
            return wrong(code, item.span, expected, format!("`{text}`"));
        }
        resources.push(text.into());
    }
    Ok(resources)
}

fn principals(at: &Located) -> Result<Vec<PrincipalPair>, Wrong> {
    let expected = "`*`, or an object of `AWS`, `Service`, `Federated` or `CanonicalUser`";
    if let Json::String(text) = &at.value {
        return if &**text == "*" {
            Ok(vec![("*".into(), "*".into())])
        } else {
            wrong(LintCode::InvalidPrincipalFormat, at.span, expected, format!("`{text}`"))
        };
    }
    let mut all = Vec::new();
    for member in object(at, expected)? {
        let expected = match &*member.key {
            "AWS" => "an account id, an ARN without wildcards, a unique id, or `*`",
            "Service" => "a service such as `ec2.amazonaws.com`",
            "Federated" => "an identity provider's ARN or domain",
            "CanonicalUser" => "a canonical user id",
            other => {
                let code = LintCode::InvalidPrincipalKey;
                return wrong(code, member.key_span, expected, format!("`{other}`"));
            }
        };
        for item in one_or_many(&member.value) {
            let text = string(item, expected)?;
            if !names_a_principal(&member.key, text) {
                let code = match &*member.key {
                    _ if text.contains(['*', '?']) => LintCode::UnsupportedWildcardInPrincipal,
                    "Service" => LintCode::InvalidServicePrincipalFormat,
                    _ => LintCode::InvalidPrincipalFormat,
                };
                return wrong(code, item.span, expected, format!("`{text}`"));
            }
            all.push((member.key.clone(), text.into()));
        }
    }
    Ok(all)
}

/// Whether a text can name a principal of this kind. Wildcards inside a name can't: only the whole `*`.
fn names_a_principal(kind: &str, text: &str) -> bool {
    if text.is_empty() || text.contains(['*', '?']) || text.contains(char::is_whitespace) {
        return text == "*" && matches!(kind, "AWS" | "Service");
    }
    match kind {
        "AWS" => {
            let account = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
            let unique_id = text.starts_with('A')
                && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
            account || unique_id || crate::Arn::parse(text).is_ok()
        }
        "Service" => {
            text.contains('.')
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        }
        _ => true,
    }
}

fn conditions(at: &Located) -> Result<Vec<ConditionEntry>, Wrong> {
    let mut operators = BTreeSet::new();
    let mut entries = Vec::new();
    for block in object(at, "conditions as an object of operators")? {
        let Some(operator) = Operator::parse(&block.key) else {
            let found = format!("`{}`", block.key);
            return wrong(operator_code(&block.key), block.key_span, "a condition operator", found);
        };
        if !operators.insert(operator) {
            let code = LintCode::DuplicateKeysWithDifferentCase;
            let found = format!("`{operator}` again");
            return wrong(code, block.key_span, "each operator once", found);
        }
        let mut keys = BTreeSet::new();
        for member in object(&block.value, "an object of condition keys")? {
            // Tag keys may hold spaces.
            if member.key.is_empty()
                || member.key.contains(char::is_whitespace) && !member.key.contains('/')
            {
                let code = LintCode::InvalidConditionKeyFormat;
                let found = format!("`{}`", member.key);
                return wrong(code, member.key_span, "a condition key", found);
            }
            if !keys.insert(member.key.to_ascii_lowercase()) {
                return wrong(
                    LintCode::DuplicateKeysWithDifferentCase,
                    member.key_span,
                    "each key once, whatever its case",
                    format!("`{}` again", member.key),
                );
            }
            let values = one_or_many(&member.value).iter().map(scalar).collect::<Result<_, _>>()?;
            entries.push(ConditionEntry { operator, key: member.key.clone(), values });
        }
    }
    Ok(entries)
}

/// Why a text is no operator: `Null` takes neither suffix nor qualifier.
fn operator_code(text: &str) -> LintCode {
    let name = text.rsplit(':').next().unwrap_or_default();
    if name.eq_ignore_ascii_case("NullIfExists") {
        LintCode::NullWithIfExists
    } else if name.eq_ignore_ascii_case("Null") {
        LintCode::NullWithQualifier
    } else {
        LintCode::InvalidConditionOperator
    }
}

fn scalar(at: &Located) -> Result<Box<str>, Wrong> {
    match &at.value {
        Json::String(text) | Json::Number(text) => Ok(text.clone()),
        Json::Bool(value) => Ok(if *value { "true" } else { "false" }.into()),
        other => {
            let code = LintCode::DataTypeMismatch;
            wrong(code, at.span, "a string, number or boolean", other.kind())
        }
    }
}

#[cfg(test)]
mod tests;
