//! Makes the one call of a verb: fills its request, follows its pages, prints its answer, waits for it to arrive.

use std::{fs, io::Read, time::Duration};

use clap::ArgMatches;
use prost::Message;
use prost_reflect::{
    DynamicMessage, Kind as FieldKind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value,
};
use tidegate_client::{Client, request_id};
use tidegate_proto::{
    common::v1::{AtLeastAsFresh, Consistency, consistency::Mode},
    propagation::v1::{Nodes, Scope, scope::Scope as Where},
};

use super::{
    Failure, Globals, credentials,
    output::{self, for_programs, json},
    people,
    report::{ChangeFailed, Usage},
    verbs::{Kind, Verb},
};

/// Items of a page.
const PAGE: u32 = 1_000;

pub(crate) fn wire_duration(d: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
    prost_types::Duration { seconds, nanos: i32::try_from(d.subsec_nanos()).unwrap_or(0) }
}

/// How fresh an answer must be; `None`: eventual.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fresh(pub(crate) Option<Consistency>);

/// Where a change must have arrived; `None`: everywhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place(pub(crate) Option<Scope>);

/// A consistency in the words of `--consistency`.
pub(crate) fn consistency(words: &str) -> Result<Fresh, Failure> {
    let mode = match words.split_once(':') {
        None if words == "eventual" => return Ok(Fresh(None)),
        None if words == "strong" => Mode::Strong(true),
        Some(("at-least-as-fresh", token)) => Mode::AtLeastAsFresh(AtLeastAsFresh {
            tokens: token.split(',').map(str::to_owned).collect(),
        }),
        Some(("bounded", age)) => Mode::Bounded(wire_duration(humantime::parse_duration(age)?)),
        _ => return Err("expected eventual, strong, bounded:2s or at-least-as-fresh:TOKEN".into()),
    };
    Ok(Fresh(Some(Consistency { mode: Some(mode) })))
}

/// A scope in the words of `--wait`.
pub(crate) fn place(words: &str) -> Result<Place, Failure> {
    let scope = match words.split_once(':') {
        None if words == "all" => return Ok(Place(None)),
        None if words == "quorum" => Where::QuorumOfEachRegion(true),
        Some(("region", region)) => Where::Region(region.to_owned()),
        Some(("nodes", nodes)) => {
            let number = |n: &str| {
                n.trim_start_matches('n').parse::<u64>().map_err(|_| format!("`{n}` is no node"))
            };
            Where::Nodes(Nodes { nodes: nodes.split(',').map(number).collect::<Result<_, _>>()? })
        }
        _ => return Err("expected all, quorum, region:NAME or nodes:n4,n5".into()),
    };
    Ok(Place(Some(Scope { scope: Some(scope) })))
}

fn usage(message: impl Into<String>) -> Failure {
    Usage(message.into()).into()
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
    let wrong = |what: &str| usage(format!("`{word}` is no {what} for {name}"));
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
    if field.is_list() {
        let items = word.split(',').map(|item| value(&field.kind(), name, item.trim()));
        message.set_field(&field, Value::List(items.collect::<Result<_, _>>()?));
        return Ok(());
    }
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
            .ok_or_else(|| usage(format!("`{word}` is no tag: expected KEY=VALUE")))?;
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
            Kind::Local => {}
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
    let takes = |field: &str, option: &str| match descriptor.get_field_by_name(field) {
        Some(_) => Ok(()),
        None => Err(usage(format!("`{} {}` takes no {option}", verb.noun, verb.name))),
    };
    if globals.request_id.is_some() {
        takes("request_id", "--request-id")?;
    }
    if globals.wait.is_some() {
        takes("request_id", "--wait: it changes nothing")?;
    }
    if descriptor.get_field_by_name("request_id").is_some() {
        let name = globals.request_id.clone().unwrap_or_else(request_id);
        message.set_field_by_name("request_id", Value::String(name));
    }
    if globals.dry_run {
        takes("validate_only", "--dry-run")?;
        message.set_field_by_name("validate_only", Value::Bool(true));
    }
    if let Some(wanted) = &globals.consistency.0 {
        takes("consistency", "--consistency")?;
        let wanted = output::dynamic("tidegate.common.v1.Consistency", wanted)?;
        message.set_field_by_name("consistency", Value::Message(wanted));
    }
    Ok(message)
}

/// The name that a request carries, if it is a change.
fn name_of(request: &DynamicMessage) -> Option<String> {
    Some(request.get_field_by_name("request_id")?.as_str()?.to_owned())
}

/// The answer to one request.
async fn ask(
    client: &Client,
    method: &MethodDescriptor,
    request: &DynamicMessage,
) -> Result<DynamicMessage, Failure> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    match client.call_bytes(&path, request.encode_to_vec().into()).await {
        Ok(answer) => Ok(DynamicMessage::decode(method.output(), answer)?),
        Err(source) => Err(match name_of(request) {
            Some(request_id) => ChangeFailed { source, request_id }.into(),
            None => source.into(),
        }),
    }
}

/// Follows the pages of a list until there is no more or as much as was asked for. The last page has all items.
async fn pages(
    client: &Client,
    method: &MethodDescriptor,
    mut request: DynamicMessage,
    list: &str,
    items_max: usize,
) -> Result<DynamicMessage, Failure> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let left = u32::try_from(items_max.saturating_sub(all.len())).unwrap_or(u32::MAX);
        if request.descriptor().get_field_by_name("page_size").is_some() {
            request.set_field_by_name("page_size", Value::U32(PAGE.min(left)));
        }
        let mut answer = ask(client, method, &request).await?;
        if let Some(Value::List(items)) = answer.get_field_by_name(list).as_deref() {
            all.extend(items.iter().cloned());
        }
        let next = answer
            .get_field_by_name("next_page_token")
            .and_then(|t| t.as_str().map(str::to_owned))
            .unwrap_or_default();
        if next.is_empty() || all.len() >= items_max {
            all.truncate(items_max);
            answer.set_field_by_name(list, Value::List(all));
            return Ok(answer);
        }
        request.set_field_by_name("page_token", Value::String(next));
    }
}

/// What a verb asks of one node, before anything is printed.
pub(crate) async fn answer(
    client: &Client,
    verb: &Verb,
    said: &ArgMatches,
    globals: &Globals,
) -> Result<DynamicMessage, Failure> {
    altered(client, verb, said, globals, |_| {}).await
}

/// The same, of a request that is altered before it is sent.
pub(crate) async fn altered(
    client: &Client,
    verb: &Verb,
    said: &ArgMatches,
    globals: &Globals,
    alter: impl FnOnce(&mut DynamicMessage),
) -> Result<DynamicMessage, Failure> {
    let method = method(verb)?;
    let mut request = request(verb, &method.input(), said, globals)?;
    alter(&mut request);
    if verb.list.0.is_empty() {
        ask(client, &method, &request).await
    } else {
        pages(client, &method, request, verb.list.0, globals.max_items).await
    }
}

/// The token of a change.
fn token(answer: &DynamicMessage) -> Option<String> {
    let metadata = answer.get_field_by_name("metadata")?;
    let token = metadata.as_message()?.get_field_by_name("token")?.as_str()?.to_owned();
    Some(token).filter(|t| !t.is_empty())
}

/// Makes the call and prints what it gave. Gives the token of a change.
pub(crate) async fn run(
    client: &Client,
    verb: &Verb,
    said: &ArgMatches,
    globals: &Globals,
) -> Result<Option<String>, Failure> {
    if globals.save_profile.is_some() && !credentials::gives(verb.method) {
        let message = format!("`{} {}` gives no credentials to save", verb.noun, verb.name);
        return Err(usage(message));
    }
    if let Some(path) = &globals.save_profile {
        credentials::check_free(path)?;
    }
    let mut answer = answer(client, verb, said, globals).await?;
    if let Some(path) = &globals.save_profile {
        credentials::save(&mut answer, &globals.profile, path)?;
    } else {
        credentials::warn(&answer);
    }
    if !for_programs(globals.output, &json(&answer)?)? {
        let (list, columns) = verb.list;
        match answer.get_field_by_name(list).as_deref() {
            Some(Value::List(items)) => people::list(items, columns)?,
            _ => people::one(&answer)?,
        }
    }
    Ok(token(&answer))
}
