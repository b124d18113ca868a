//! Answers for people and for programs: a table, JSON or YAML on standard output.

use std::io::IsTerminal;

use comfy_table::{Table, presets};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::{Map, Value};

use super::Failure;

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// The whole answer, in the field names of the protocol.
    Json,
    /// The same as YAML.
    Yaml,
}

/// All messages of the protocol.
pub(crate) fn pool() -> Result<DescriptorPool, Failure> {
    Ok(DescriptorPool::decode(tidegate_proto::FILE_DESCRIPTORS)?)
}

/// A message as JSON, all fields there.
pub(crate) fn json(message: &DynamicMessage) -> Result<Value, Failure> {
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false)
        .stringify_64_bit_integers(false);
    Ok(message.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// A message of a generated type as JSON.
pub(crate) fn typed(name: &str, message: &impl Message) -> Result<Value, Failure> {
    json(&dynamic(name, message)?)
}

/// A message of a generated type as one that knows its fields.
pub(crate) fn dynamic(name: &str, message: &impl Message) -> Result<DynamicMessage, Failure> {
    let descriptor: MessageDescriptor = pool()?
        .get_message_by_name(name)
        .ok_or_else(|| format!("the protocol has no message {name}"))?;
    Ok(DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?)
}

/// Prints an answer for programs; false when it is for people.
pub(crate) fn for_programs(format: Format, value: &Value) -> Result<bool, Failure> {
    match format {
        Format::Table => return Ok(false),
        Format::Json => println!("{}", serde_json::to_string_pretty(value)?),
        Format::Yaml => print!("{}", serde_yaml_ng::to_string(value)?),
    }
    Ok(true)
}

/// An empty table. Lines are drawn only for eyes: what goes into a pipe has none.
pub(crate) fn table<S: AsRef<str>>(head: &[S]) -> Table {
    let mut table = Table::new();
    let preset =
        if std::io::stdout().is_terminal() { presets::UTF8_BORDERS_ONLY } else { presets::NOTHING };
    table.load_style(preset).set_header(head.iter().map(|h| h.as_ref().replace('_', " ")));
    table
}

/// A value in one cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => match (fields.get("key"), fields.get("value")) {
            (Some(key), Some(value)) => format!("{}={}", cell(key), cell(value)),
            _ => {
                fields.iter().map(|(k, v)| format!("{k}={}", cell(v))).collect::<Vec<_>>().join(" ")
            }
        },
        other => other.to_string(),
    }
}

/// A list: a row for each item, a column for each name. Items that are plain words have one column.
pub(crate) fn list(items: &[Value], columns: &[&str]) {
    let mut table = table(columns);
    for item in items {
        match item {
            Value::Object(fields) => {
                table.add_row(columns.iter().map(|c| fields.get(*c).map(cell).unwrap_or_default()));
            }
            plain => {
                table.add_row([cell(plain)]);
            }
        }
    }
    println!("{table}");
}

/// One thing: a row for each field that is not empty. Where it came from, and the token of a change, come last.
pub(crate) fn one(value: &Value) {
    let mut rows = Vec::new();
    if let Value::Object(fields) = value {
        flatten(fields, &mut rows);
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in rows {
        println!("{:width$}  {value}", name.replace('_', " "));
    }
}

fn flatten(fields: &Map<String, Value>, rows: &mut Vec<(String, String)>) {
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("evidence", Value::Object(evidence)) => {
                let of = |key: &str| evidence.get(key).map(cell).unwrap_or_default();
                let age = of("staleness_bound");
                let age = if age.is_empty() {
                    "of unknown age".to_owned()
                } else {
                    format!("no older than {age}")
                };
                rows.push((
                    "view".to_owned(),
                    format!("{} in {}, {age}", of("node"), of("region")),
                ));
            }
            ("metadata", Value::Object(metadata)) => {
                let token = metadata.get("token").map(cell).unwrap_or_default();
                rows.push(("token".to_owned(), token));
            }
            (_, Value::Object(inner)) => flatten(inner, rows),
            (_, other) => {
                let text = cell(other);
                if !text.is_empty() {
                    rows.push((name.clone(), text));
                }
            }
        }
    }
}
