//! From an answer to XML, exactly as AWS shapes it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};
use tidegate_policy::UnixMillis;

use crate::{
    Fields, Refusal, Service, Value,
    api::{Api, Kind, Operation, Shape},
};

/// The shape of policy documents, which answers carry percent-encoded (RFC 3986).
const DOCUMENT: &str = "policyDocumentType";

/// An answer that is not of its operation's type: a fault of ours, and nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer to {operation} does not have the published shape at `{at}`")]
pub struct AnswerError {
    operation: String,
    at: String,
}

type Xml = Writer<Vec<u8>>;

/// A buffer in memory takes every event: writing to it has no error.
fn event(xml: &mut Xml, event: Event<'_>) {
    let written = xml.write_event(event);
    debug_assert!(written.is_ok(), "a buffer in memory takes everything");
}

fn element(xml: &mut Xml, name: &str, inside: impl FnOnce(&mut Xml)) {
    event(xml, Event::Start(BytesStart::new(name)));
    inside(xml);
    event(xml, Event::End(BytesEnd::new(name)));
}

fn text(xml: &mut Xml, text: &str) {
    // What XML 1.0 can't hold at all, not even escaped, becomes the character for "something was here".
    let bad = |c: char| c < ' ' && !matches!(c, '\t' | '\n' | '\r');
    if text.contains(bad) {
        event(xml, Event::Text(BytesText::new(&text.replace(bad, "\u{fffd}"))));
    } else {
        event(xml, Event::Text(BytesText::new(text)));
    }
}

/// Percent-encoding of everything but RFC 3986's unreserved characters.
fn percent_encoded(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |n: u8| char::from(DIGITS.get(usize::from(n)).copied().unwrap_or(b'0'));
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

/// A time to the second, as IAM and STS write it.
fn seconds(time: UnixMillis) -> String {
    UnixMillis(time.0 / 1000 * 1000).to_string()
}

struct Answer<'a> {
    api: &'a Api,
    operation: &'a Operation,
    xml: Xml,
}

impl Answer<'_> {
    fn wrong(&self, at: &str) -> AnswerError {
        AnswerError { operation: self.operation.name.clone(), at: at.to_owned() }
    }

    fn named(&mut self, name: &str, of: usize, value: &Value) -> Result<(), AnswerError> {
        event(&mut self.xml, Event::Start(BytesStart::new(name)));
        self.value(name, of, value)?;
        event(&mut self.xml, Event::End(BytesEnd::new(name)));
        Ok(())
    }

    fn value(&mut self, at: &str, of: usize, value: &Value) -> Result<(), AnswerError> {
        let shape = self.api.shape(of).ok_or_else(|| self.wrong(at))?;
        match (&shape.kind, value) {
            (Kind::Structure(_), Value::Structure(fields)) => self.structure(at, shape, fields),
            (Kind::List(item), Value::List(items)) => {
                items.iter().try_for_each(|value| self.named("member", *item, value))
            }
            (Kind::Map(key, item), Value::Map(entries)) => {
                for (name, value) in entries {
                    event(&mut self.xml, Event::Start(BytesStart::new("entry")));
                    self.named("key", *key, &Value::Text(name.clone()))?;
                    self.named("value", *item, value)?;
                    event(&mut self.xml, Event::End(BytesEnd::new("entry")));
                }
                Ok(())
            }
            // What came as an object may stand for a map as well.
            (Kind::Map(..), Value::Structure(fields)) => {
                let entries = fields.iter().map(|(n, v)| (n.to_owned(), v.clone())).collect();
                self.value(at, of, &Value::Map(entries))
            }
            (kind, value) => {
                let written = scalar(kind, shape, value).ok_or_else(|| self.wrong(at))?;
                text(&mut self.xml, &written);
                Ok(())
            }
        }
    }

    fn structure(&mut self, at: &str, shape: &Shape, fields: &Fields) -> Result<(), AnswerError> {
        let Kind::Structure(members) = &shape.kind else { return Err(self.wrong(at)) };
        if let Some((name, _)) = fields.iter().find(|(n, _)| members.iter().all(|m| m.name != *n)) {
            return Err(self.wrong(&format!("{at}.{name}")));
        }
        for member in members {
            match fields.get(&member.name) {
                Some(value) => self.named(&member.name, member.shape, value)?,
                None if member.required => {
                    return Err(self.wrong(&format!("{at}.{}", member.name)));
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// A value that is nothing but text on the wire; `None` where it is not of that kind.
fn scalar(kind: &Kind, shape: &Shape, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::Text, Value::Text(text)) if shape.name == DOCUMENT => Some(percent_encoded(text)),
        (Kind::Text, Value::Text(text)) => Some(text.clone()),
        (Kind::Integer, Value::Integer(number)) => Some(number.to_string()),
        (Kind::Boolean, Value::Boolean(yes)) => Some(yes.to_string()),
        (Kind::Timestamp, Value::Time(time)) => Some(seconds(*time)),
        (Kind::Blob, Value::Blob(bytes)) => Some(STANDARD.encode(bytes)),
        _ => None,
    }
}

fn root(xml: &mut Xml, name: &str, namespace: &str, request_id: &str) {
    debug_assert!(!request_id.is_empty(), "every answer has an id");
    event(xml, Event::Start(BytesStart::new(name).with_attributes([("xmlns", namespace)])));
}

fn finished(xml: Xml) -> String {
    String::from_utf8(xml.into_inner()).unwrap_or_default()
}

/// The body of the answer to an operation.
pub(crate) fn write(
    api: &Api,
    operation: &Operation,
    output: &Fields,
    request_id: &str,
) -> Result<String, AnswerError> {
    let mut answer = Answer { api, operation, xml: Writer::new(Vec::new()) };
    let name = format!("{}Response", operation.name);
    root(&mut answer.xml, &name, &api.namespace, request_id);
    match operation.output {
        Some(of) => {
            let result = format!("{}Result", operation.name);
            let output = Value::Structure(output.clone());
            answer.named(&result, of, &output)?;
        }
        None if output.iter().next().is_some() => return Err(answer.wrong(&name)),
        None => {}
    }
    element(&mut answer.xml, "ResponseMetadata", |xml| {
        element(xml, "RequestId", |xml| text(xml, request_id));
    });
    event(&mut answer.xml, Event::End(BytesEnd::new(&name)));
    Ok(finished(answer.xml))
}

/// The body of a refusal.
pub(crate) fn error(refusal: &Refusal, service: Option<Service>, request_id: &str) -> String {
    let (code, _, sender) = refusal.code.row();
    let namespace =
        service.map_or("http://webservices.amazon.com/AWSFault/2005-15-09", |s| &s.api().namespace);
    let mut xml = Writer::new(Vec::new());
    event(&mut xml, Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)));
    root(&mut xml, "ErrorResponse", namespace, request_id);
    element(&mut xml, "Error", |xml| {
        element(xml, "Type", |xml| text(xml, if sender { "Sender" } else { "Receiver" }));
        element(xml, "Code", |xml| text(xml, code));
        element(xml, "Message", |xml| text(xml, &refusal.message));
    });
    element(&mut xml, "RequestId", |xml| text(xml, request_id));
    event(&mut xml, Event::End(BytesEnd::new("ErrorResponse")));
    finished(xml)
}

#[cfg(test)]
mod tests;
