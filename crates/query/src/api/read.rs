//! Reads a service model as AWS publishes it, in the order in which it was written.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{Api, DocumentedError, Kind, Member, Operation, Shape};
use crate::pattern::Pattern;

/// A JSON object whose order is kept.
#[derive(Debug)]
struct Ordered<V>(Vec<(String, V)>);

impl<V> Default for Ordered<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Ordered<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for InOrder<V> {
            type Value = Ordered<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<V>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    metadata: Metadata,
    operations: Ordered<WrittenOperation>,
    shapes: Ordered<WrittenShape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    api_version: String,
    xml_namespace: String,
}

#[derive(Deserialize)]
struct Reference {
    shape: String,
}

#[derive(Deserialize)]
struct WrittenOperation {
    input: Option<Reference>,
    output: Option<Reference>,
    #[serde(default)]
    errors: Vec<Reference>,
    #[serde(default)]
    auth: Vec<String>,
}

#[derive(Deserialize)]
struct WrittenShape {
    r#type: String,
    #[serde(default)]
    required: Vec<String>,
    #[serde(default)]
    members: Ordered<Reference>,
    member: Option<Reference>,
    key: Option<Reference>,
    value: Option<Reference>,
    min: Option<i64>,
    max: Option<i64>,
    pattern: Option<String>,
    #[serde(default, rename = "enum")]
    allowed: Vec<String>,
    #[serde(default)]
    sensitive: bool,
    error: Option<WrittenError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenError {
    code: String,
    http_status_code: u16,
    #[serde(default)]
    sender_fault: bool,
}

/// A service model that can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ModelError {
    #[error("the service model is no JSON of the expected form")]
    Json(#[from] serde_json::Error),
    #[error("the service model names the shape `{0}`, which it does not have")]
    Shape(String),
    #[error("the shape `{0}` has the unknown type `{1}`")]
    Type(String, String),
}

/// The tables of a service model.
pub(super) fn api(text: &str) -> Result<Api, ModelError> {
    let written: Written = serde_json::from_str(text)?;
    let names: BTreeMap<&str, usize> =
        written.shapes.0.iter().enumerate().map(|(n, (name, _))| (name.as_str(), n)).collect();
    let index = |r: &Reference| {
        names.get(r.shape.as_str()).copied().ok_or_else(|| ModelError::Shape(r.shape.clone()))
    };
    let error = |r: &Reference| {
        let shape = written.shapes.0.get(index(r)?).and_then(|(_, s)| s.error.as_ref());
        Ok(shape.map(|e| DocumentedError {
            code: e.code.clone(),
            status: e.http_status_code,
            sender: e.sender_fault,
        }))
    };
    let operation = |(name, o): &(String, WrittenOperation)| {
        let errors: Result<Vec<_>, ModelError> = o.errors.iter().map(error).collect();
        let operation = Operation {
            name: name.clone(),
            input: o.input.as_ref().map(index).transpose()?,
            output: o.output.as_ref().map(index).transpose()?,
            errors: errors?.into_iter().flatten().collect(),
            unsigned: o.auth.iter().any(|a| a == "smithy.api#noAuth"),
        };
        Ok((name.clone(), operation))
    };
    let operations: Result<_, ModelError> = written.operations.0.iter().map(operation).collect();
    let shapes: Result<_, ModelError> =
        written.shapes.0.iter().map(|(name, s)| shape(name, s, &index)).collect();
    Ok(Api {
        version: written.metadata.api_version,
        namespace: written.metadata.xml_namespace,
        operations: operations?,
        shapes: shapes?,
    })
}

fn shape(
    name: &str,
    s: &WrittenShape,
    index: &impl Fn(&Reference) -> Result<usize, ModelError>,
) -> Result<Shape, ModelError> {
    let of = |r: Option<&Reference>| r.map_or_else(|| Err(ModelError::Shape(name.into())), index);
    let kind = match s.r#type.as_str() {
        "structure" => {
            let member = |(member, r): &(String, Reference)| {
                Ok(Member {
                    name: member.clone(),
                    shape: index(r)?,
                    required: s.required.contains(member),
                })
            };
            let members: Result<_, ModelError> = s.members.0.iter().map(member).collect();
            Kind::Structure(members?)
        }
        "list" => Kind::List(of(s.member.as_ref())?),
        "map" => Kind::Map(of(s.key.as_ref())?, of(s.value.as_ref())?),
        "string" => Kind::Text,
        "integer" => Kind::Integer,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        "blob" => Kind::Blob,
        other => return Err(ModelError::Type(name.to_owned(), other.to_owned())),
    };
    Ok(Shape {
        name: name.to_owned(),
        kind,
        min: s.min,
        max: s.max,
        pattern: s.pattern.as_deref().map(Pattern::new),
        allowed: s.allowed.clone(),
        sensitive: s.sensitive,
    })
}
