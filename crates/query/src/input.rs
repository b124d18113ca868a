//! From a form to the typed input of an operation, with everything checked that AWS publishes about it.

mod constraint;

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tidegate_policy::{UnixMillis, parse_date};

use self::constraint::Violations;
use crate::{
    Code, Fields, Form, Refusal, Value,
    api::{Api, Kind, Operation, Shape},
};

/// Reads the input of an operation. What is not among its parameters is passed over, as AWS does.
///
/// # Errors
/// `MalformedInput` where a value is not of its type, `ValidationError` where values break constraints: all of them, in one sentence.
pub(crate) fn read(api: &Api, operation: &Operation, form: &Form) -> Result<Fields, Refusal> {
    let Some(shape) = operation.input.and_then(|i| api.shape(i)) else {
        return Ok(Fields::new());
    };
    let mut violations = Violations::default();
    let fields = structure(api, shape, form, "", &mut violations)?;
    violations.finish()?;
    Ok(fields)
}

/// `UserName` as AWS's messages write it: `userName`.
fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |c| c.to_lowercase().chain(letters).collect())
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn structure(
    api: &Api,
    shape: &Shape,
    form: &Form,
    path: &str,
    violations: &mut Violations,
) -> Result<Fields, Refusal> {
    let Kind::Structure(members) = &shape.kind else { return Ok(Fields::new()) };
    let mut fields = Fields::new();
    for member in members {
        let Some(of) = api.shape(member.shape) else { continue };
        let path = below(path, &lower_first(&member.name));
        match form.get(&member.name) {
            Some(given) => {
                if let Some(value) = value(api, of, given, &path, violations)? {
                    fields.set(&member.name, value);
                } else if member.required {
                    violations.missing(&path);
                }
            }
            None if member.required => violations.missing(&path),
            None => {}
        }
    }
    Ok(fields)
}

fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new(Code::MalformedInput, message)
}

/// A value of a shape; `None` where only parameters that mean nothing stand there.
fn value(
    api: &Api,
    shape: &Shape,
    form: &Form,
    path: &str,
    violations: &mut Violations,
) -> Result<Option<Value>, Refusal> {
    let value = match &shape.kind {
        Kind::Structure(_) => {
            Some(Value::Structure(structure(api, shape, form, path, violations)?))
        }
        Kind::List(item) => list(api, *item, form, path, violations)?.map(Value::List),
        Kind::Map(_, item) => map(api, *item, form, path, violations)?.map(Value::Map),
        scalar => form.value().map(|text| read_scalar(scalar, text)).transpose()?,
    };
    if let Some(value) = &value {
        violations.check(shape, value, path);
    }
    Ok(value)
}

fn list(
    api: &Api,
    item: usize,
    form: &Form,
    path: &str,
    violations: &mut Violations,
) -> Result<Option<Vec<Value>>, Refusal> {
    let (Some(shape), Some(members)) = (api.shape(item), form.get("member")) else {
        return Ok(form.is_empty().then(Vec::new));
    };
    let mut items = Vec::new();
    for (n, given) in members.numbered() {
        let path = format!("{path}.{n}.member");
        items.extend(value(api, shape, given, &path, violations)?);
    }
    Ok(Some(items))
}

fn map(
    api: &Api,
    item: usize,
    form: &Form,
    path: &str,
    violations: &mut Violations,
) -> Result<Option<BTreeMap<String, Value>>, Refusal> {
    let (Some(shape), Some(entries)) = (api.shape(item), form.get("entry")) else {
        return Ok(form.is_empty().then(BTreeMap::new));
    };
    let mut map = BTreeMap::new();
    for (n, entry) in entries.numbered() {
        let key = entry.text("key").ok_or_else(|| malformed("an entry of a map has no key"))?;
        let given = entry.get("value").unwrap_or(entry);
        if let Some(value) = value(api, shape, given, &format!("{path}.{n}.value"), violations)? {
            map.insert(key.to_owned(), value);
        }
    }
    Ok(Some(map))
}

fn read_scalar(kind: &Kind, text: &str) -> Result<Value, Refusal> {
    Ok(match kind {
        Kind::Integer => {
            let number: i32 =
                text.parse().map_err(|_| malformed(format!("For input string: \"{text}\"")))?;
            Value::Integer(number.into())
        }
        Kind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            _ => return Err(malformed(format!("boolean must follow xsd1.1 definition: {text}"))),
        },
        Kind::Timestamp => {
            let millis = parse_date(text).and_then(|t| u64::try_from(t).ok());
            let millis = millis.ok_or_else(|| malformed(format!("Invalid timestamp: {text}")))?;
            Value::Time(UnixMillis(millis))
        }
        Kind::Blob => Value::Blob(
            STANDARD.decode(text).map_err(|_| malformed("a blob must be encoded in base64"))?,
        ),
        Kind::Text | Kind::List(_) | Kind::Map(..) | Kind::Structure(_) => {
            Value::Text(text.to_owned())
        }
    })
}

#[cfg(test)]
mod tests;
