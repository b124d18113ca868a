//! The published constraints on values, and AWS's sentences about those that are broken.

use crate::{Code, Refusal, Value, api::Shape};

/// Characters of a value that an error shows.
const SHOWN_MAX: usize = 1_024;
/// Broken constraints that one error names.
const NAMED_MAX: usize = 16;
/// The pattern of names, of which IAM speaks in words of its own.
const NAME_PATTERN: &str = r"[\w+=,.@-]+";

/// What is wrong with an input, in the order in which it was found.
#[derive(Debug, Default)]
pub(super) struct Violations {
    sentences: Vec<String>,
    /// Names of parameters that are no well-formed names.
    names: Vec<String>,
}

fn shown(shape: &Shape, value: &Value) -> String {
    let text = match value {
        _ if shape.sensitive => "***Sensitive***".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|i| shown(shape, i)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(_) | Value::Structure(_) => "{…}".to_owned(),
        Value::Boolean(_) | Value::Time(_) | Value::Blob(_) => String::new(),
    };
    text.chars().take(SHOWN_MAX).collect()
}

/// What `min` and `max` bound, and how AWS calls it.
fn measured(value: &Value) -> Option<(&'static str, i64)> {
    let length = |n: usize| Some(("length", i64::try_from(n).unwrap_or(i64::MAX)));
    match value {
        Value::Text(text) => length(text.chars().count()),
        Value::Blob(bytes) => length(bytes.len()),
        Value::List(items) => length(items.len()),
        Value::Map(entries) => length(entries.len()),
        Value::Integer(number) => Some(("value", *number)),
        Value::Boolean(_) | Value::Time(_) | Value::Structure(_) => None,
    }
}

impl Violations {
    fn add(&mut self, value: &str, path: &str, constraint: &str) {
        if self.sentences.len() < NAMED_MAX {
            self.sentences.push(format!(
                "Value {value} at '{path}' failed to satisfy constraint: Member must {constraint}"
            ));
        }
    }

    /// A required member is not there.
    pub(super) fn missing(&mut self, path: &str) {
        self.add("null", path, "not be null");
    }

    /// Checks one value against its shape; what is inside it is checked on its own.
    pub(super) fn check(&mut self, shape: &Shape, value: &Value, path: &str) {
        let quoted = || format!("'{}'", shown(shape, value));
        if let Some((what, n)) = measured(value) {
            if let Some(max) = shape.max.filter(|max| n > *max) {
                self.add(&quoted(), path, &format!("have {what} less than or equal to {max}"));
            }
            if let Some(min) = shape.min.filter(|min| n < *min) {
                self.add(&quoted(), path, &format!("have {what} greater than or equal to {min}"));
            }
        }
        let Value::Text(text) = value else { return };
        if !shape.allowed.is_empty() && !shape.allowed.contains(text) {
            let allowed = shape.allowed.join(", ");
            self.add(&quoted(), path, &format!("satisfy enum value set: [{allowed}]"));
        }
        if let Some(pattern) = shape.pattern.as_ref().filter(|p| !p.fits(text)) {
            if pattern.written() == NAME_PATTERN && !text.is_empty() {
                self.names.push(path.to_owned());
            } else {
                let wanted = format!("satisfy regular expression pattern: {}", pattern.written());
                self.add(&quoted(), path, &wanted);
            }
        }
    }

    /// Refuses where something is wrong.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        let message = match (self.sentences.as_slice(), self.names.first()) {
            ([], None) => return Ok(()),
            ([], Some(path)) => format!(
                "The specified value for {path} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
            ),
            ([one], _) => format!("1 validation error detected: {one}"),
            (all, _) => format!("{} validation errors detected: {}", all.len(), all.join("; ")),
        };
        Err(Refusal::new(Code::ValidationError, message))
    }
}
