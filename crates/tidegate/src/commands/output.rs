//! Answers for programs, JSON or YAML, and the one way to standard output. Answers for people are made in `people.rs`.

use std::io::Write as _;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

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

/// Writes to standard output.
///
/// # Errors
/// Where nobody reads any more, such as behind `| head`: the caller ends then, quietly.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints an answer for programs; false when it is for people.
pub(crate) fn for_programs(format: Format, value: &Value) -> Result<bool, Failure> {
    match format {
        Format::Table => return Ok(false),
        Format::Json => print(&format!("{}\n", serde_json::to_string_pretty(value)?))?,
        Format::Yaml => print(&serde_yaml_ng::to_string(value)?)?,
    }
    Ok(true)
}

/// Prints one of many answers for programs, so that they can read along: one a line, or one document each.
pub(crate) fn one_of_many(format: Format, value: &Value) -> Result<bool, Failure> {
    match format {
        Format::Table => return Ok(false),
        Format::Json => print(&format!("{value}\n"))?,
        Format::Yaml => print(&format!("---\n{}", serde_yaml_ng::to_string(value)?))?,
    }
    Ok(true)
}
