//! From JSON to a policy and back, with the grammar rules of each kind.

use serde_json::{Map, Value, json};

use crate::{
    Operator,
    document::{
        ActionBlock, ConditionEntry, PolicyDocument, PolicyKind, PrincipalBlock, ResourceBlock, Span,
        Statement, StatementEffect, Version,
    },
    json::{self, Json, JsonError, Located, Member},
};

/// Why a text is no policy. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: expected {expected}, found {found}")]
pub struct PolicyError {
    line: usize,
    column: usize,
    expected: String,
    found: String,
}

impl PolicyError {
    /// Line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Column, from 1, in characters.
    pub fn column(&self) -> usize {
        self.column
    }

    /// The stable code of this error in AWS's words.
    pub fn code(&self) -> &'static str {
        "MalformedPolicyDocument"
    }
}

/// Largest document that is read, in bytes. The API takes 131,072; AWS's own managed policies go past it.
const DOCUMENT_MAX: usize = 1 << 20;

pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

struct Wrong {
    offset: usize,
    expected: String,
    found: String,
}

impl From<JsonError> for Wrong {
    fn from(e: JsonError) -> Self {
        Self { offset: e.offset, expected: e.expected, found: e.found }
    }
}

fn wrong<T>(span: Span, expected: impl Into<String>, found: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { offset: span.start, expected: expected.into(), found: found.into() })
}

pub(crate) fn document(text: &str, kind: PolicyKind) -> Result<PolicyDocument, PolicyError> {
    read(text, kind).map_err(|e| {
        let (line, column) = line_and_column(text, e.offset);
        PolicyError { line, column, expected: e.expected, found: e.found }
    })
}

fn read(text: &str, kind: PolicyKind) -> Result<PolicyDocument, Wrong> {
    if text.len() > DOCUMENT_MAX {
        let found = format!("{} bytes", text.len());
        return wrong(Span::default(), format!("at most {DOCUMENT_MAX} bytes"), found);
    }
    let foreign = text.char_indices().find(|(_, c)| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}'));
    if let Some((offset, c)) = foreign {
        let span = Span { start: offset, end: offset };
        return wrong(span, "characters up to U+00FF", format!("`{}`", c.escape_unicode()));
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
            "Id" => document.id = Some(string(&member.value, "a string")?.into()),
            "Statement" => {
                seen_statement = true;
                document.statements = statements(&member.value, kind)?;
            }
            other => return wrong(member.key_span, "`Version`, `Id` or `Statement`", format!("`{other}`")),
        }
    }
    if !seen_statement {
        return wrong(root.span, "a `Statement`", "none");
    }
    Ok(document)
}

fn object<'a>(at: &'a Located, expected: &str) -> Result<&'a [Member], Wrong> {
    match &at.value {
        Json::Object(members) => Ok(members),
        other => wrong(at.span, expected, other.kind()),
    }
}

fn string<'a>(at: &'a Located, expected: &str) -> Result<&'a str, Wrong> {
    match &at.value {
        Json::String(text) => Ok(text),
        other => wrong(at.span, expected, other.kind()),
    }
}

fn version(at: &Located) -> Result<Version, Wrong> {
    match string(at, "`2012-10-17` or `2008-10-17`")? {
        "2012-10-17" => Ok(Version::V2012),
        "2008-10-17" => Ok(Version::V2008),
        other => wrong(at.span, "`2012-10-17` or `2008-10-17`", format!("`{other}`")),
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
        return wrong(at.span, "at least one statement", "an empty array");
    }
    let mut statements: Vec<Statement> = Vec::with_capacity(items.len());
    for item in items {
        let read = statement(item, kind)?;
        if read.sid.is_some() && statements.iter().any(|s| s.sid == read.sid) {
            let sid = read.sid.unwrap_or_default();
            return wrong(item.span, "each `Sid` once", format!("`{sid}` again"));
        }
        statements.push(read);
    }
    Ok(statements)
}

fn statement(at: &Located, kind: PolicyKind) -> Result<Statement, Wrong> {
    let mut sid = None;
    let mut effect = None;
    let mut principals = PrincipalBlock::None;
    let mut actions = None;
    let mut resources = ResourceBlock::None;
    let mut conditions = Vec::new();
    for member in object(at, "a statement as an object")? {
        let value = &member.value;
        match &*member.key {
            "Sid" => sid = Some(self::sid(value, kind)?),
            "Effect" => effect = Some(self::effect(value)?),
            "Action" if actions.is_none() => actions = Some(ActionBlock::Action(self::actions(value)?)),
            "NotAction" if actions.is_none() => actions = Some(ActionBlock::NotAction(self::actions(value)?)),
            "Resource" | "NotResource" if kind == PolicyKind::Trust => {
                return wrong(member.key_span, "no resource in a trust policy", format!("`{}`", member.key));
            }
            "Resource" if resources == ResourceBlock::None => resources = ResourceBlock::Resource(self::resources(value)?),
            "NotResource" if resources == ResourceBlock::None => {
                resources = ResourceBlock::NotResource(self::resources(value)?);
            }
            "Principal" | "NotPrincipal" if !kind.names_principals() => {
                return wrong(member.key_span, "no principal in this kind of policy", format!("`{}`", member.key));
            }
            "NotPrincipal" if kind == PolicyKind::Trust => {
                return wrong(member.key_span, "`Principal` in a trust policy", "`NotPrincipal`");
            }
            "Principal" if principals == PrincipalBlock::None => {
                principals = PrincipalBlock::Principal(self::principals(value)?);
            }
            "NotPrincipal" if principals == PrincipalBlock::None => {
                principals = PrincipalBlock::NotPrincipal(self::principals(value)?);
            }
            "Condition" => conditions = self::conditions(value)?,
            other => {
                let expected = "one of `Sid`, `Effect`, `Principal`, `Action`, `Resource` (or their `Not` forms) and `Condition`";
                return wrong(member.key_span, expected, format!("`{other}`"));
            }
        }
    }
    let Some(effect) = effect else { return wrong(at.span, "an `Effect` in the statement", "none") };
    let Some(actions) = actions else { return wrong(at.span, "an `Action` or `NotAction` in the statement", "none") };
    if kind.names_principals() && principals == PrincipalBlock::None {
        return wrong(at.span, "a `Principal` in the statement", "none");
    }
    if resources == ResourceBlock::None && !matches!(kind, PolicyKind::Trust | PolicyKind::Resource) {
        return wrong(at.span, "a `Resource` or `NotResource` in the statement", "none");
    }
    Ok(Statement { sid, effect, principals, actions, resources, conditions, span: at.span })
}

fn sid(at: &Located, kind: PolicyKind) -> Result<Box<str>, Wrong> {
    let text = string(at, "a string")?;
    let alphanumeric = text.bytes().all(|b| b.is_ascii_alphanumeric());
    if !alphanumeric && kind != PolicyKind::Resource {
        return wrong(at.span, "a `Sid` of letters and digits", format!("`{text}`"));
    }
    Ok(text.into())
}

fn effect(at: &Located) -> Result<StatementEffect, Wrong> {
    match string(at, "`Allow` or `Deny`")? {
        "Allow" => Ok(StatementEffect::Allow),
        "Deny" => Ok(StatementEffect::Deny),
        other => wrong(at.span, "`Allow` or `Deny`", format!("`{other}`")),
    }
}

fn actions(at: &Located) -> Result<Vec<Box<str>>, Wrong> {
    let expected = "an action as `service:Name`, or `*`";
    let mut actions = Vec::new();
    for item in one_or_many(at) {
        let text = string(item, expected)?;
        let well_formed = text == "*"
            || text.split_once(':').is_some_and(|(service, name)| {
                !service.is_empty() && !name.is_empty() && !name.contains(':') && !text.contains(char::is_whitespace)
            });
        if !well_formed {
            return wrong(item.span, expected, format!("`{text}`"));
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
        let well_formed = text.contains('*') && !text.contains(':') && text.chars().all(|c| c == '*')
            || text.splitn(6, ':').count() == 6 && text.starts_with("arn:")
            || text.starts_with("arn:") && text.ends_with('*');
        if !well_formed {
            return wrong(item.span, expected, format!("`{text}`"));
        }
        resources.push(text.into());
    }
    Ok(resources)
}

fn principals(at: &Located) -> Result<Vec<(Box<str>, Box<str>)>, Wrong> {
    let expected = "`*`, or an object of `AWS`, `Service`, `Federated` or `CanonicalUser`";
    if let Json::String(text) = &at.value {
        return if &**text == "*" { Ok(vec![("*".into(), "*".into())]) } else { wrong(at.span, expected, format!("`{text}`")) };
    }
    let mut all = Vec::new();
    for member in object(at, expected)? {
        if !matches!(&*member.key, "AWS" | "Service" | "Federated" | "CanonicalUser") {
            return wrong(member.key_span, expected, format!("`{}`", member.key));
        }
        for item in one_or_many(&member.value) {
            let text = string(item, "a principal as a string")?;
            let inner_star = text != "*" && text.contains('*') && &*member.key == "AWS";
            if text.is_empty() || inner_star {
                return wrong(item.span, "a whole principal without wildcards, or `*`", format!("`{text}`"));
            }
            all.push((member.key.clone(), text.into()));
        }
    }
    Ok(all)
}

fn conditions(at: &Located) -> Result<Vec<ConditionEntry>, Wrong> {
    let mut entries = Vec::new();
    for block in object(at, "conditions as an object of operators")? {
        let Some(operator) = Operator::parse(&block.key) else {
            return wrong(block.key_span, "a condition operator", format!("`{}`", block.key));
        };
        for member in object(&block.value, "an object of condition keys")? {
            if member.key.is_empty() || member.key.contains(char::is_whitespace) && !member.key.contains('/') {
                return wrong(member.key_span, "a condition key", format!("`{}`", member.key));
            }
            let mut values = Vec::new();
            for item in one_or_many(&member.value) {
                values.push(scalar(item)?);
            }
            entries.push(ConditionEntry { operator, key: member.key.clone(), values });
        }
    }
    Ok(entries)
}

fn scalar(at: &Located) -> Result<Box<str>, Wrong> {
    match &at.value {
        Json::String(text) | Json::Number(text) => Ok(text.clone()),
        Json::Bool(value) => Ok(if *value { "true" } else { "false" }.into()),
        other => wrong(at.span, "a string, number or boolean", other.kind()),
    }
}

fn list(items: &[Box<str>]) -> Value {
    match items {
        [one] => json!(one),
        many => json!(many),
    }
}

fn print_principals(items: &[(Box<str>, Box<str>)]) -> Value {
    if items.iter().any(|(kind, _)| &**kind == "*") {
        return json!("*");
    }
    let mut map = Map::new();
    for (kind, value) in items {
        let entry = map.entry(kind.to_string()).or_insert_with(|| json!([]));
        if let Value::Array(values) = entry {
            values.push(json!(value));
        }
    }
    Value::Object(map)
}

/// Prints a policy: keys in AWS's usual order, single values bare.
pub(crate) fn print(document: &PolicyDocument) -> String {
    let mut statements = Vec::new();
    for s in &document.statements {
        let mut map = Map::new();
        if let Some(sid) = &s.sid {
            map.insert("Sid".into(), json!(sid));
        }
        map.insert("Effect".into(), json!(if s.effect == StatementEffect::Allow { "Allow" } else { "Deny" }));
        match &s.principals {
            PrincipalBlock::Principal(p) => drop(map.insert("Principal".into(), print_principals(p))),
            PrincipalBlock::NotPrincipal(p) => drop(map.insert("NotPrincipal".into(), print_principals(p))),
            PrincipalBlock::None => {}
        }
        match &s.actions {
            ActionBlock::Action(a) => map.insert("Action".into(), list(a)),
            ActionBlock::NotAction(a) => map.insert("NotAction".into(), list(a)),
        };
        match &s.resources {
            ResourceBlock::Resource(r) => drop(map.insert("Resource".into(), list(r))),
            ResourceBlock::NotResource(r) => drop(map.insert("NotResource".into(), list(r))),
            ResourceBlock::None => {}
        }
        if !s.conditions.is_empty() {
            let mut blocks = Map::new();
            for c in &s.conditions {
                let block = blocks.entry(c.operator.to_string()).or_insert_with(|| json!({}));
                if let Value::Object(keys) = block {
                    keys.insert(c.key.to_string(), list(&c.values));
                }
            }
            map.insert("Condition".into(), Value::Object(blocks));
        }
        statements.push(Value::Object(map));
    }
    let mut root = Map::new();
    let version = if document.version == Version::V2012 { "2012-10-17" } else { "2008-10-17" };
    root.insert("Version".into(), json!(version));
    if let Some(id) = &document.id {
        root.insert("Id".into(), json!(id));
    }
    root.insert("Statement".into(), Value::Array(statements));
    serde_json::to_string_pretty(&Value::Object(root)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
