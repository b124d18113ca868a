//! What is known of a request besides who, what and on what: condition keys and their values.
//!
//! Values are text in the form in which policies write them; the operator of a condition gives them their type. That is AWS's model:
//! a key has no type of its own when a decision is made.

use smallvec::SmallVec;

/// The value or values of one condition key, as text: numbers, booleans and dates in the form that policies write them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A single-valued key.
    One(String),
    /// A multivalued key, possibly of no value.
    Many(Vec<String>),
}

impl Value {
    /// All values.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(value) => core::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::One(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::One(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::One(value.to_string())
    }
}

impl From<Vec<String>> for Value {
    fn from(values: Vec<String>) -> Self {
        Self::Many(values)
    }
}

/// Condition keys with their values. Keys are compared without regard to case, tag keys too. The few keys of a usual request are
/// stored in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    entries: SmallVec<[(Box<str>, Value); 4]>,
    /// Whether it speaks before the principal and the resource do, as only a simulation's does.
    first: bool,
}

impl Context {
    /// Sets `key`, in place of an earlier value.
    pub fn insert(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.entries.iter_mut().find(|(k, _)| k.eq_ignore_ascii_case(key)) {
            Some((_, old)) => *old = value,
            None => self.entries.push((key.to_ascii_lowercase().into(), value)),
        }
    }

    /// The context with `key` set.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.insert(key, value);
        self
    }

    /// The values of `key`; `None` when the request has no such key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v)
    }

    /// The values of a key that is in lower case already.
    pub(crate) fn get_lower(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(k, _)| **k == *key).map(|(_, v)| v)
    }

    /// The same for a simulation: what it says of a key goes before what follows from the principal or the resource. No request that
    /// somebody makes is ever decided with such a context.
    #[must_use]
    pub(crate) fn speaking_first(mut self) -> Self {
        self.first = true;
        self
    }

    /// Whether it speaks before the principal and the resource do.
    pub(crate) fn speaks_first(&self) -> bool {
        self.first
    }

    /// All keys in lower case with their values, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(k, v)| (&**k, v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_one_whatever_their_case_and_the_last_value_stays() {
        let mut context = Context::default()
            .with("aws:SourceIp", "10.0.0.1")
            .with("s3:TagKeys", vec!["a".to_owned()]);
        context.insert("AWS:sourceip", "10.0.0.2");
        assert_eq!(context.get("aws:SOURCEIP"), Some(&Value::from("10.0.0.2")));
        assert_eq!(context.get("s3:tagkeys").map(Value::as_slice), Some(&["a".to_owned()][..]));
        assert_eq!(context.get("aws:username"), None);
        assert_eq!(
            context.iter().map(|(k, _)| k).collect::<Vec<_>>(),
            ["aws:sourceip", "s3:tagkeys"]
        );
    }
}
