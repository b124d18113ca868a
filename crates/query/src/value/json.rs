//! Values as JSON under the published names, for whoever has types of its own with these names.

use serde_json::{Map, Number, Value as Json};

use super::{Fields, Value};

impl Value {
    fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => Json::String(text.clone()),
            Self::Integer(number) => Json::Number(Number::from(*number)),
            Self::Boolean(yes) => Json::Bool(*yes),
            Self::Time(time) => Json::String(time.to_string()),
            Self::Blob(bytes) => Json::Array(bytes.iter().map(|b| Json::from(*b)).collect()),
            Self::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Self::Map(entries) => {
                Json::Object(entries.iter().map(|(k, v)| (k.clone(), v.to_json())).collect())
            }
            Self::Structure(fields) => fields.to_json(),
        }
    }

    fn from_json(json: &Json) -> Option<Self> {
        Some(match json {
            Json::Null => return None,
            Json::Bool(yes) => Self::Boolean(*yes),
            Json::Number(number) => Self::Integer(number.as_i64()?),
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::List(items.iter().filter_map(Self::from_json).collect()),
            Json::Object(members) => Self::Structure(Fields::of(members)),
        })
    }
}

impl Fields {
    /// The structure as an object.
    pub fn to_json(&self) -> Json {
        Json::Object(self.iter().map(|(name, value)| (name.to_owned(), value.to_json())).collect())
    }

    /// The structure that an object stands for; empty where it is no object. What is `null` is not there.
    pub fn from_json(json: &Json) -> Self {
        json.as_object().map(Self::of).unwrap_or_default()
    }

    fn of(members: &Map<String, Json>) -> Self {
        let member = |(name, json): (&String, &Json)| Some((name.clone(), Value::from_json(json)?));
        Self(members.iter().filter_map(member).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_comes_back_from_its_json() {
        let inner = Fields::new().with("Line", 3_i64).with("Last", false);
        let list: Value = ["a", "b"].into_iter().collect();
        let fields = Fields::new().with("Names", list).with("Position", inner);
        let json = fields.to_json();
        assert_eq!(json.to_string(), r#"{"Names":["a","b"],"Position":{"Last":false,"Line":3}}"#);
        assert_eq!(Fields::from_json(&json), fields);
        let absent = serde_json::json!({"A": null, "B": "x"});
        assert_eq!(Fields::from_json(&absent), Fields::new().with("B", "x"));
        assert_eq!(Fields::from_json(&Json::Null), Fields::new());
    }
}
