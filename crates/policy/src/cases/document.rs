//! Policies as cases write them: JSON in a text, the same elements as YAML, or a reference.

use core::fmt::Write as _;
use std::sync::Arc;

use serde_yaml_ng::Value as Yaml;

use super::schema::{KindSpec, Named};
use crate::{
    Arn, CompiledPolicy, PolicyDocument, PolicyKind, PolicySource, Principal, aws_managed,
};

/// Fetches what a file of cases refers to, by the name that stands there. The error says why it can't, for people.
pub type Loader<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Where AWS's own policies are.
const AWS_MANAGED: &str = "arn:aws:iam::aws:policy/";
/// Deepest nesting of a policy that is printed as JSON; the parser refuses more than this anyway.
const DEPTH_MAX: usize = 32;

impl KindSpec {
    pub(crate) fn kind(self) -> PolicyKind {
        match self {
            Self::Identity => PolicyKind::Identity,
            Self::Boundary => PolicyKind::Boundary,
            Self::Session => PolicyKind::Session,
            Self::Resource => PolicyKind::Resource,
            Self::Trust => PolicyKind::Trust,
            Self::Scp => PolicyKind::ServiceControl,
            Self::Rcp => PolicyKind::ResourceControl,
        }
    }
}

/// A policy found: what it is called and its JSON.
pub(crate) struct Written {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Finds the policy that stands in a field. `unnamed` is what it is called where it has no name.
pub(crate) fn find(
    policies: &Named<Yaml>,
    value: &Yaml,
    unnamed: &str,
    loader: Loader<'_>,
) -> Result<Written, String> {
    let Yaml::String(text) = value else {
        let file = value.get("file").and_then(Yaml::as_str);
        return whole(value, file.unwrap_or(unnamed), loader);
    };
    if text.trim_start().starts_with('{') {
        return Ok(Written { name: unnamed.to_owned(), text: text.clone() });
    }
    if text.starts_with(AWS_MANAGED) {
        let found =
            aws_managed::find(text).ok_or_else(|| format!("AWS publishes no policy `{text}`"))?;
        return Ok(Written { name: text.clone(), text: found.document.to_string() });
    }
    match policies.get(text) {
        Some(named) => whole(named, text, loader),
        None => Err(format!("no policy is called `{text}`")),
    }
}

/// A policy that is no name: JSON, YAML or `{file: …}`.
fn whole(value: &Yaml, name: &str, loader: Loader<'_>) -> Result<Written, String> {
    let mut value = value.clone();
    value.apply_merge().map_err(|e| e.to_string())?;
    let text = match &value {
        Yaml::String(text) => text.clone(),
        Yaml::Mapping(members) if members.len() == 1 && members.contains_key("file") => {
            let Some(Yaml::String(file)) = members.get("file") else {
                return Err("`file` must be the name of a file".to_owned());
            };
            policy_text(&loader(file)?)?
        }
        Yaml::Mapping(_) => json(&value)?,
        _ => return Err("a policy is a name, a mapping, or JSON in a text".to_owned()),
    };
    Ok(Written { name: name.to_owned(), text })
}

/// The JSON of a policy that a file holds, as JSON or as YAML.
///
/// # Errors
/// Where it is neither. What is JSON comes back as it is, whatever it says, so that an error of the policy names its own lines.
pub fn policy_text(file: &str) -> Result<String, String> {
    if file.trim_start().starts_with(['{', '[', '"']) {
        return Ok(file.to_owned());
    }
    let mut value: Yaml = serde_yaml_ng::from_str(file).map_err(|e| e.to_string())?;
    value.apply_merge().map_err(|e| e.to_string())?;
    match value {
        Yaml::Mapping(_) => json(&value),
        _ => Err("it is neither JSON nor YAML of a policy".to_owned()),
    }
}

/// Parses and compiles. The error names the policy.
pub(crate) fn compile(
    written: &Written,
    kind: PolicyKind,
    source: PolicySource,
) -> Result<Arc<CompiledPolicy>, String> {
    let document = PolicyDocument::parse(&written.text, kind)
        .map_err(|e| format!("policy `{}` can't be read: {e}", written.name))?;
    Ok(Arc::new(CompiledPolicy::compile(source, &document)))
}

/// What an identity's own policy is called: by its ARN, or inline in whoever has it.
pub(crate) fn identity_source(name: &str, principal: &Principal) -> PolicySource {
    if let Ok(arn) = Arn::parse(name) {
        return PolicySource::Managed(arn);
    }
    let owner: Arc<str> = principal.principal_arn.rsplit('/').next().unwrap_or_default().into();
    let name: Arc<str> = name.into();
    if principal.principal_arn.contains(":role/") {
        PolicySource::RoleInline { role: owner, name }
    } else {
        PolicySource::UserInline { user: owner, name }
    }
}

/// The ARN under which a policy of a file stands as a boundary.
pub(crate) fn boundary_source(name: &str, principal: &Principal) -> Result<PolicySource, String> {
    let account = principal.account.map(|a| a.to_string()).unwrap_or_default();
    let text = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        format!("arn:aws:iam::{account}:policy/{name}")
    };
    Arn::parse(&text).map(PolicySource::Boundary).map_err(|e| e.to_string())
}

/// YAML as JSON on one line, members in their order.
pub(crate) fn json(value: &Yaml) -> Result<String, String> {
    let mut out = String::new();
    write_json(&mut out, value, 0)?;
    Ok(out)
}

fn write_json(out: &mut String, value: &Yaml, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err("the policy is nested too deep".to_owned());
    }
    match value {
        Yaml::Null => out.push_str("null"),
        Yaml::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Yaml::Number(number) => out.push_str(&number.to_string()),
        Yaml::String(text) => write_text(out, text),
        Yaml::Sequence(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                write_json(out, item, depth + 1)?;
            }
            out.push(']');
        }
        Yaml::Mapping(members) => {
            out.push('{');
            for (n, (key, item)) in members.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { ", " });
                let Yaml::String(key) = key else {
                    return Err("a member of a policy must be named by a text".to_owned());
                };
                write_text(out, key);
                out.push_str(": ");
                write_json(out, item, depth + 1)?;
            }
            out.push('}');
        }
        Yaml::Tagged(_) => return Err("a policy has no YAML tags".to_owned()),
    }
    Ok(())
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                // Writing into a text can't fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A scalar of a condition key as text.
pub(crate) fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::Bool(value) => Some(value.to_string()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::String(text) => Some(text.clone()),
        _ => None,
    }
}
