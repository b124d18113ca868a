//! From text to a policy, by the grammar of its kind (AWS, "Grammar of the IAM JSON policy language").

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::{
    LintCode, Operator, PolicyError,
    document::{
        ActionBlock, ConditionEntry, PolicyDocument, PolicyKind, PrincipalBlock, ResourceBlock,
        Span, Statement, StatementEffect, Version, line_and_column,
    },
    json::{self, Children, Json, JsonError, Located},
};

/// Largest document that is read, in bytes. The API takes 131,072; AWS's own managed policies go past it.
const DOCUMENT_MAX: usize = 1 << 20;

/// As many names as are compared one by one, without a copy of each; the time for many grows no faster than they do.
const FEW: usize = 32;

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
    // AWS's API takes a text of these characters (`PolicyDocument`, pattern `[\u0009\u000A\u000D\u0020-\u00FF]+`). It says nothing
    // of the strings in it, so that an escape may stand for any other character; it is printed as one, too.
    let plain = |b: u8| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..0x80);
    // Without an early end this runs on many bytes at once.
    let foreign = if text.bytes().fold(true, |all, b| all & plain(b)) {
        None
    } else {
        text.char_indices().find(|(_, c)| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}'))
    };
    if let Some((offset, c)) = foreign {
        let span = Span { start: offset, end: offset };
        return wrong(
            LintCode::UnsupportedCharacter,
            span,
            "characters up to U+00FF",
            format!("`{}`", c.escape_unicode()),
        );
    }
    let read = json::read(text)?;
    let Some(root) = read.root() else {
        return wrong(
            LintCode::DataTypeMismatch,
            Span::default(),
            "a policy as an object",
            "nothing",
        );
    };
    let members = object(root, "a policy as an object")?;
    let stated = members.clone().find(|member| member.key() == "Version");
    let version = stated.map_or(Ok(Version::V2008), version)?;
    let mut document =
        PolicyDocument { source: text.into(), kind, version, id: None, statements: Vec::new() };
    let mut seen_statement = false;
    for member in members {
        match member.key() {
            "Version" => {}
            "Id" if !kind.names_principals() => {
                return wrong(
                    LintCode::InvalidPolicyElement,
                    member.key_span(),
                    "no `Id` in this kind of policy",
                    "`Id`",
                );
            }
            "Id" => document.id = Some(string(member, "a string")?.into()),
            "Statement" => {
                seen_statement = true;
                document.statements = statements(member, kind, version)?;
            }
            other => {
                return wrong(
                    LintCode::InvalidPolicyElement,
                    member.key_span(),
                    "`Version`, `Id` or `Statement`",
                    format!("`{other}`"),
                );
            }
        }
    }
    if !seen_statement {
        return wrong(LintCode::MissingStatement, root.span(), "a `Statement`", "none");
    }
    Ok(document)
}

fn object<'d, 't>(at: Located<'d, 't>, expected: &str) -> Result<Children<'d, 't>, Wrong> {
    match at.value() {
        Json::Object => Ok(at.children()),
        other => wrong(LintCode::DataTypeMismatch, at.span(), expected, other.kind()),
    }
}

fn string<'d>(at: Located<'d, '_>, expected: &str) -> Result<&'d str, Wrong> {
    match at.value() {
        Json::String(text) => Ok(text),
        other => wrong(LintCode::DataTypeMismatch, at.span(), expected, other.kind()),
    }
}

fn version(at: Located<'_, '_>) -> Result<Version, Wrong> {
    match string(at, "`2012-10-17` or `2008-10-17`")? {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        other => wrong(
            LintCode::InvalidVersion,
            at.span(),
            "`2012-10-17` or `2008-10-17`",
            format!("`{other}`"),
        ),
    }
}

fn statements(
    at: Located<'_, '_>,
    kind: PolicyKind,
    version: Version,
) -> Result<Vec<Statement>, Wrong> {
    let items = at.one_or_many();
    let count = items.clone().count();
    if count == 0 {
        return wrong(
            LintCode::MissingStatement,
            at.span(),
            "at least one statement",
            "an empty array",
        );
    }
    let mut sids = BTreeSet::new();
    let mut statements: Vec<Statement> = Vec::with_capacity(count);
    for item in items {
        let read = statement(item, kind, version)?;
        if let Some(sid) = &read.sid {
            let repeated = if count <= FEW {
                statements.iter().any(|earlier| earlier.sid == read.sid)
            } else {
                !sids.insert(sid.clone())
            };
            if repeated {
                return wrong(
                    LintCode::UniqueSidsRequired,
                    item.span(),
                    "each `Sid` once",
                    format!("`{sid}` again"),
                );
            }
        }
        statements.push(read);
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

fn statement(at: Located<'_, '_>, kind: PolicyKind, version: Version) -> Result<Statement, Wrong> {
    let mut found = Elements::default();
    for member in object(at, "a statement as an object")? {
        element(&mut found, member, kind, version)?;
    }
    let Elements { sid, effect, principals, actions, resources, conditions } = found;
    let Some(effect) = effect else {
        return wrong(LintCode::MissingEffect, at.span(), "an `Effect` in the statement", "none");
    };
    let Some(actions) = actions else {
        return wrong(
            LintCode::MissingAction,
            at.span(),
            "an `Action` or `NotAction` in the statement",
            "none",
        );
    };
    if kind.names_principals() && principals.is_none() {
        return wrong(
            LintCode::MissingPrincipal,
            at.span(),
            "a `Principal` in the statement",
            "none",
        );
    }
    if resources.is_none() && !matches!(kind, PolicyKind::Trust | PolicyKind::Resource) {
        return wrong(
            LintCode::MissingResource,
            at.span(),
            "a `Resource` or `NotResource` in the statement",
            "none",
        );
    }
    let principals = principals.unwrap_or(PrincipalBlock::None);
    let resources = resources.unwrap_or(ResourceBlock::None);
    let read =
        Statement { sid, effect, principals, actions, resources, conditions, span: at.span() };
    if kind == PolicyKind::ResourceControl {
        resource_control::check(&read)?;
    }
    Ok(read)
}

fn element(
    found: &mut Elements,
    member: Located<'_, '_>,
    kind: PolicyKind,
    version: Version,
) -> Result<(), Wrong> {
    let (key, value) = (member.key(), member);
    let misplaced = |code: LintCode, expected: &str| {
        wrong(code, member.key_span(), expected, format!("`{key}`"))
    };
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
        "Resource" => found.resources = Some(ResourceBlock::Resource(resources(value, version)?)),
        "NotResource" => {
            found.resources = Some(ResourceBlock::NotResource(resources(value, version)?));
        }
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
        "Principal" => {
            found.principals =
                Some(PrincipalBlock::Principal(principals::principals(value, kind)?));
        }
        "NotPrincipal" => {
            found.principals =
                Some(PrincipalBlock::NotPrincipal(principals::principals(value, kind)?));
        }
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

fn sid(at: Located<'_, '_>, kind: PolicyKind) -> Result<Box<str>, Wrong> {
    let text = string(at, "a string")?;
    let alphanumeric = text.bytes().all(|b| b.is_ascii_alphanumeric());
    if !alphanumeric && kind != PolicyKind::Resource {
        return wrong(
            LintCode::UnsupportedSid,
            at.span(),
            "a `Sid` of letters and digits",
            format!("`{text}`"),
        );
    }
    Ok(text.into())
}

fn effect(at: Located<'_, '_>) -> Result<StatementEffect, Wrong> {
    match string(at, "`Allow` or `Deny`")? {
        "Allow" => Ok(StatementEffect::Allow),
        "Deny" => Ok(StatementEffect::Deny),
        other => {
            wrong(LintCode::InvalidEffect, at.span(), "`Allow` or `Deny`", format!("`{other}`"))
        }
    }
}

fn actions(at: Located<'_, '_>) -> Result<Vec<Box<str>>, Wrong> {
    let expected = "an action as `service:Name`, or `*`";
    let items = at.one_or_many();
    let mut actions = Vec::with_capacity(items.clone().count());
    for item in items {
        let text = string(item, expected)?;
        // One colon with something on either side, and no white space. (Beyond ASCII, U+0085 and U+00A0 are white space.)
        let bytes = text.as_bytes();
        let colons = text.matches(':').count();
        let spaced = !text.is_ascii() && text.contains(char::is_whitespace)
            || bytes.iter().any(u8::is_ascii_whitespace);
        let named = colons == 1 && !text.starts_with(':') && !text.ends_with(':') && !spaced;
        if text != "*" && !named {
            return wrong(LintCode::InvalidAction, item.span(), expected, format!("`{text}`"));
        }
        actions.push(text.into());
    }
    Ok(actions)
}

fn resources(at: Located<'_, '_>, version: Version) -> Result<Vec<Box<str>>, Wrong> {
    let expected = "a resource as an ARN, or `*`";
    let items = at.one_or_many();
    let mut resources = Vec::with_capacity(items.clone().count());
    for item in items {
        let text = string(item, expected)?;
        let only_stars = !text.is_empty() && text.bytes().all(|b| b == b'*');
        // An ARN of fewer parts is completed by its last star.
        let arn =
            text.starts_with("arn:") && (text.matches(':').count() >= 5 || text.ends_with('*'));
        if !only_stars && !arn {
            let code = if text.starts_with("arn:") {
                LintCode::MissingArnField
            } else {
                LintCode::InvalidArnPrefix
            };
            return wrong(code, item.span(), expected, format!("`{text}`"));
        }
        let variables = version == Version::V2012 && text.contains('$');
        if variables && !variables_stand_where_they_may(text) {
            return wrong(
                LintCode::VariableUnsupportedInElement,
                item.span(),
                "variables only behind the fifth colon of a resource",
                format!("`{text}`"),
            );
        }
        resources.push(text.into());
    }
    Ok(resources)
}

/// The first five parts of an ARN say where a resource is. A request must not choose that (AWS, "Where you can use policy
/// variables"), so that only the caller's and the resource's account may stand there: a policy of AWS's own,
/// `AmazonTimestreamInfluxDBServiceRolePolicy`, has `arn:*:kms:*:${aws:PrincipalAccount}:key/*`, whatever that page says.
fn variables_stand_where_they_may(resource: &str) -> bool {
    let (mut colons, mut rest) = (0, resource);
    while let Some((before, behind)) = rest.split_once("${") {
        colons += before.bytes().filter(|b| *b == b':').count();
        let (key, after) = behind.split_once('}').unwrap_or((behind, ""));
        let known = ["aws:PrincipalAccount", "aws:ResourceAccount"];
        if colons < 5 && !known.iter().any(|known| known.eq_ignore_ascii_case(key)) {
            return false;
        }
        rest = after;
    }
    true
}

fn conditions(at: Located<'_, '_>) -> Result<Vec<ConditionEntry>, Wrong> {
    // There are few operators, so that few are ever listed.
    let mut operators: SmallVec<[Operator; 8]> = SmallVec::new();
    let blocks = object(at, "conditions as an object of operators")?;
    let mut entries = Vec::with_capacity(blocks.clone().count());
    for block in blocks {
        let Some(operator) = Operator::parse(block.key()) else {
            let (code, found) = (operator_code(block.key()), format!("`{}`", block.key()));
            return wrong(code, block.key_span(), "a condition operator", found);
        };
        if operators.contains(&operator) {
            let code = LintCode::DuplicateKeysWithDifferentCase;
            let found = format!("`{operator}` again");
            return wrong(code, block.key_span(), "each operator once", found);
        }
        operators.push(operator);
        let keys = object(block, "an object of condition keys")?;
        let (count, mut lower) = (keys.clone().count(), BTreeSet::new());
        for (number, member) in keys.clone().enumerate() {
            let key = member.key();
            if !is_condition_key(key) {
                let code = LintCode::InvalidConditionKeyFormat;
                let expected = "a condition key as `service:key`";
                return wrong(code, member.key_span(), expected, format!("`{key}`"));
            }
            let repeated = if count <= FEW {
                keys.clone().take(number).any(|earlier| earlier.key().eq_ignore_ascii_case(key))
            } else {
                !lower.insert(key.to_ascii_lowercase())
            };
            if repeated {
                let code = LintCode::DuplicateKeysWithDifferentCase;
                let expected = "each key once, whatever its case";
                return wrong(code, member.key_span(), expected, format!("`{key}` again"));
            }
            let mut values = Vec::with_capacity(member.one_or_many().count());
            for value in member.one_or_many() {
                values.push(scalar(value)?);
            }
            entries.push(ConditionEntry { operator, key: key.into(), values });
        }
    }
    Ok(entries)
}

/// Whether a text is written `service:key`. Tag keys, which stand behind a slash, may hold spaces.
fn is_condition_key(text: &str) -> bool {
    let parts = text.split_once(':');
    parts.is_some_and(|(service, key)| !service.is_empty() && !key.is_empty())
        && (text.contains('/') || !text.contains(char::is_whitespace))
}

/// Why a text is no operator: `Null` takes no suffix.
fn operator_code(text: &str) -> LintCode {
    let name = text.rsplit(':').next().unwrap_or_default();
    if name.eq_ignore_ascii_case("NullIfExists") {
        LintCode::NullWithIfExists
    } else {
        LintCode::InvalidConditionOperator
    }
}

fn scalar(at: Located<'_, '_>) -> Result<Box<str>, Wrong> {
    match at.value() {
        Json::String(text) => Ok((**text).into()),
        Json::Number(text) => Ok((*text).into()),
        Json::Bool(value) => Ok(if *value { "true" } else { "false" }.into()),
        other => wrong(
            LintCode::DataTypeMismatch,
            at.span(),
            "a string, number or boolean",
            other.kind(),
        ),
    }
}

mod principals;
mod resource_control;

#[cfg(test)]
mod tests;
