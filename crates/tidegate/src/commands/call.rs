//! Makes the one call of a verb: fills its request, follows its pages, prints its answer, waits for it to arrive.

use std::{fs, io::Read, time::Duration};

use clap::ArgMatches;
use prost::Message;
use prost_reflect::{
    DynamicMessage, Kind as FieldKind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value,
};
use tidegate_client::Client;
use tidegate_proto::{
    common::v1::{AtLeastAsFresh, Consistency, consistency::Mode},
    propagation::v1::{Nodes, Scope, scope::Scope as Where},
};

use super::{
    Failure, Globals,
    output::{self, for_programs, json},
    verbs::{Kind, Verb},
};

/// Items of a page.
const PAGE: u32 = 1_000;

/// A name for a change, so that it takes effect once.
pub(crate) fn request_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn wire_duration(d: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
    prost_types::Duration { seconds, nanos: i32::try_from(d.subsec_nanos()).unwrap_or(0) }
}

/// A consistency in the words of `--consistency`.
pub(crate) fn consistency(words: &str) -> Result<Option<Consistency>, Failure> {
    let mode = match words.split_once(':') {
        None if words == "eventual" => return Ok(None),
        None if words == "strong" => Mode::Strong(true),
        Some(("at-least-as-fresh", token)) => Mode::AtLeastAsFresh(AtLeastAsFresh {
            tokens: token.split(',').map(str::to_owned).collect(),
        }),
        Some(("bounded", age)) => Mode::Bounded(wire_duration(humantime::parse_duration(age)?)),
        _ => {
            return Err(format!(
                "`{words}` is no consistency: expected eventual, strong, bounded:2s or at-least-as-fresh:TOKEN"
            )
            .into());
        }
    };
    Ok(Some(Consistency { mode: Some(mode) }))
}

/// A scope in the words of `--wait`.
pub(crate) fn scope(words: &str) -> Result<Option<Scope>, Failure> {
    let scope = match words.split_once(':') {
        None if words == "all" => return Ok(None),
        None if words == "quorum" => Where::QuorumOfEachRegion(true),
        Some(("region", region)) => Where::Region(region.to_owned()),
        Some(("nodes", nodes)) => {
            let number = |n: &str| {
                n.trim_start_matches('n').parse::<u64>().map_err(|_| format!("`{n}` is no node"))
            };
            Where::Nodes(Nodes { nodes: nodes.split(',').map(number).collect::<Result<_, _>>()? })
        }
        _ => {
            let message =
                format!("`{words}` is no scope: expected all, quorum, region:NAME or nodes:n4,n5");
            return Err(message.into());
        }
    };
    Ok(Some(Scope { scope: Some(scope) }))
}

fn read(path: &str) -> Result<String, Failure> {
    if path == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(path).map_err(|e| format!("`{path}` can't be read: {e}").into())
}

fn method(verb: &Verb) -> Result<MethodDescriptor, Failure> {
    let (service, name) = verb.method.split_once('/').ok_or("a verb without a method")?;
    let service =
        output::pool()?.get_service_by_name(service).ok_or("the protocol lacks a service")?;
    let found = service.methods().find(|m| m.name() == name);
    found.ok_or_else(|| format!("the protocol lacks {}", verb.method).into())
}

/// A word as a value of a field.
fn value(kind: &FieldKind, name: &str, word: &str) -> Result<Value, Failure> {
    let wrong = |what: &str| format!("`{word}` is no {what} for {name}");
    Ok(match kind {
        FieldKind::String => Value::String(word.to_owned()),
        FieldKind::Uint32 => Value::U32(word.parse().map_err(|_| wrong("number"))?),
        FieldKind::Uint64 => {
            Value::U64(word.trim_start_matches('n').parse().map_err(|_| wrong("number"))?)
        }
        FieldKind::Double => Value::F64(word.parse().map_err(|_| wrong("number"))?),
        FieldKind::Bool => Value::Bool(word == "true"),
        FieldKind::Message(descriptor) if descriptor.full_name() == "google.protobuf.Duration" => {
            let time = humantime::parse_duration(word).map_err(|_| wrong("time, such as 40ms,"))?;
            let bytes = wire_duration(time).encode_to_vec();
            Value::Message(DynamicMessage::decode(descriptor.clone(), bytes.as_slice())?)
        }
        other => return Err(format!("{name} can't be given as a word: it is {other:?}").into()),
    })
}

fn set(message: &mut DynamicMessage, path: &str, name: &str, word: &str) -> Result<(), Failure> {
    if let Some((head, rest)) = path.split_once('.') {
        let inner = message.get_field_by_name_mut(head).and_then(Value::as_message_mut);
        return set(inner.ok_or("the protocol lacks a field")?, rest, name, word);
    }
    let field = message.descriptor().get_field_by_name(path).ok_or("the protocol lacks a field")?;
    message.set_field(&field, value(&field.kind(), name, word)?);
    Ok(())
}

fn tags<'a>(
    descriptor: &MessageDescriptor,
    words: impl Iterator<Item = &'a String>,
) -> Result<Value, Failure> {
    let mut tags = Vec::new();
    for word in words {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("`{word}` is no tag: expected KEY=VALUE"))?;
        let mut tag = DynamicMessage::new(descriptor.clone());
        tag.set_field_by_name("key", Value::String(key.to_owned()));
        tag.set_field_by_name("value", Value::String(value.to_owned()));
        tags.push(Value::Message(tag));
    }
    Ok(Value::List(tags))
}

/// The request that the command line describes.
fn request(
    verb: &Verb,
    descriptor: &MessageDescriptor,
    said: &ArgMatches,
    globals: &Globals,
) -> Result<DynamicMessage, Failure> {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in verb.fields {
        match field.kind {
            Kind::Flag => {
                if said.get_flag(field.name) {
                    set(&mut message, field.path, field.name, "true")?;
                }
            }
            Kind::Tags => {
                let of =
                    descriptor.get_field_by_name(field.path).ok_or("the protocol lacks a field")?;
                let FieldKind::Message(tag) = of.kind() else {
                    return Err("tags are no messages".into());
                };
                message.set_field(
                    &of,
                    tags(&tag, said.get_many::<String>(field.name).into_iter().flatten())?,
                );
            }
            Kind::File | Kind::FileOption => {
                if let Some(path) = said.get_one::<String>(field.name) {
                    set(&mut message, field.path, field.name, &read(path)?)?;
                }
            }
            Kind::Required | Kind::Optional | Kind::Option => {
                if let Some(word) = said.get_one::<String>(field.name) {
                    set(&mut message, field.path, field.name, word)?;
                }
            }
        }
    }
    if descriptor.get_field_by_name("request_id").is_some() {
        message.set_field_by_name("request_id", Value::String(request_id()));
    }
    if globals.dry_run {
        if descriptor.get_field_by_name("validate_only").is_none() {
            return Err(format!("`{} {}` has no --dry-run", verb.noun, verb.name).into());
        }
        message.set_field_by_name("validate_only", Value::Bool(true));
    }
    if let Some(wanted) = consistency(&globals.consistency)? {
        if descriptor.get_field_by_name("consistency").is_none() {
            return Err(format!("`{} {}` takes no --consistency", verb.noun, verb.name).into());
        }
        let wanted = output::dynamic("tidegate.common.v1.Consistency", &wanted)?;
        message.set_field_by_name("consistency", Value::Message(wanted));
    }
    Ok(message)
}

/// Follows the pages of a list until there is no more or as much as was asked for.
async fn pages(
    client: &Client,
    path: &str,
    method: &MethodDescriptor,
    mut request: DynamicMessage,
    list: &str,
    items_max: usize,
) -> Result<serde_json::Value, Failure> {
    let mut all: Vec<serde_json::Value> = Vec::new();
    loop {
        let left = u32::try_from(items_max.saturating_sub(all.len())).unwrap_or(u32::MAX);
        if request.descriptor().get_field_by_name("page_size").is_some() {
            request.set_field_by_name("page_size", Value::U32(PAGE.min(left)));
        }
        let answer = client.call_bytes(path, request.encode_to_vec().into()).await?;
        let mut answer = json(&DynamicMessage::decode(method.output(), answer)?)?;
        let fields = answer.as_object_mut().ok_or("the answer is no message")?;
        if let Some(serde_json::Value::Array(items)) = fields.remove(list) {
            all.extend(items);
        }
        let next =
            fields.get("next_page_token").and_then(|t| t.as_str()).unwrap_or_default().to_owned();
        if next.is_empty() || all.len() >= items_max {
            all.truncate(items_max);
            fields.insert(list.to_owned(), all.into());
            return Ok(answer);
        }
        request.set_field_by_name("page_token", Value::String(next));
    }
}

/// Makes the call and prints what it gave.
pub(crate) async fn run(
    client: &Client,
    verb: &Verb,
    said: &ArgMatches,
    globals: &Globals,
) -> Result<Option<String>, Failure> {
    let method = method(verb)?;
    let path = format!("/{}", verb.method);
    let request = request(verb, &method.input(), said, globals)?;
    let (list, columns) = verb.list;
    let answer = if list.is_empty() {
        let answer = client.call_bytes(&path, request.encode_to_vec().into()).await?;
        json(&DynamicMessage::decode(method.output(), answer)?)?
    } else {
        pages(client, &path, &method, request, list, globals.max_items).await?
    };
    let token = answer.pointer("/metadata/token").and_then(|t| t.as_str()).map(str::to_owned);
    if !for_programs(globals.output, &answer)? {
        match answer.get(list).and_then(|l| l.as_array()) {
            Some(items) => output::list(items, columns),
            None => output::one(&answer),
        }
    }
    Ok(token.filter(|t| !t.is_empty()))
}
