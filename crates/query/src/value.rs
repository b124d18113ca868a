//! Values of requests and answers, once they have a type.

mod json;

use std::collections::BTreeMap;

use tidegate_policy::UnixMillis;

/// A value of a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// A point in time.
    Time(UnixMillis),
    /// Bytes: base64 on the wire.
    Blob(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A map, in order of its keys.
    Map(BTreeMap<String, Value>),
    /// A structure.
    Structure(Fields),
}

/// The members of a structure that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<String, Value>);

impl Fields {
    /// A structure of which nothing is there.
    pub fn new() -> Self {
        Self::default()
    }

    /// A member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The members, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A member that is a text; `None` where it is not there.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A member that is a text; empty where it is not there.
    pub fn text_or_empty(&self, name: &str) -> String {
        self.text(name).unwrap_or_default().to_owned()
    }

    /// A member that is a whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// A member that is yes or no.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(Value::Boolean(yes)) => Some(*yes),
            _ => None,
        }
    }

    /// The items of a member that is a list; none where it is not there.
    pub fn list(&self, name: &str) -> &[Value] {
        match self.get(name) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// The texts of a member that is a list of texts.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let text = |v: &Value| if let Value::Text(t) = v { Some(t.clone()) } else { None };
        self.list(name).iter().filter_map(text).collect()
    }

    /// The structures of a member that is a list of structures.
    pub fn structures(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.list(name)
            .iter()
            .filter_map(|v| if let Value::Structure(fields) = v { Some(fields) } else { None })
    }

    /// The same with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.set(name, value);
        self
    }

    /// The same with one more member, where there is one.
    #[must_use]
    pub fn with_some(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.set(name, value);
        }
        self
    }

    /// The same with a text, unless it is empty.
    #[must_use]
    pub fn with_text(self, name: &str, text: &str) -> Self {
        self.with_some(name, (!text.is_empty()).then_some(text))
    }

    /// Sets a member.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Integer(i64::from(number))
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Boolean(yes)
    }
}

impl From<UnixMillis> for Value {
    fn from(time: UnixMillis) -> Self {
        Self::Time(time)
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        Self::Structure(fields)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}

impl<T: Into<Self>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}
