//! Answers for people: tables, and one field a line.

use std::{fmt::Write as _, io::IsTerminal, time::Duration};

use comfy_table::{Table, presets};
use prost_reflect::{DynamicMessage, Kind, MapKey, ReflectMessage, Value};

use super::{Failure, document::on_lines, output};

/// A duration in the unit that its size asks for.
pub(crate) fn time(d: Duration) -> String {
    match d.as_micros() {
        0 => "0 ms".to_owned(),
        1..1_000 => format!("{:.1} ms", d.as_secs_f64() * 1e3),
        1_000..10_000_000 => format!("{} ms", d.as_millis()),
        _ => format!("{:.1} s", d.as_secs_f64()),
    }
}

/// A duration of the protocol; `-` where there is none.
pub(crate) fn wire_time(d: Option<&prost_types::Duration>) -> String {
    let read =
        |d: &prost_types::Duration| Duration::new(d.seconds.unsigned_abs(), d.nanos.unsigned_abs());
    d.map_or_else(|| "-".to_owned(), |d| time(read(d)))
}

/// An empty table. Lines are drawn only for eyes.
pub(crate) fn table<S: AsRef<str>>(head: &[S]) -> Table {
    let mut table = Table::new();
    let preset =
        if std::io::stdout().is_terminal() { presets::UTF8_BORDERS_ONLY } else { presets::NOTHING };
    table.load_style(preset).set_header(head.iter().map(|h| h.as_ref().replace('_', " ")));
    table
}

/// A table as it is printed: what goes into a pipe has no blanks at the ends of its lines.
pub(crate) fn lines(table: &Table) -> String {
    let text = table.to_string();
    if std::io::stdout().is_terminal() {
        return text + "\n";
    }
    text.lines().fold(String::new(), |all, line| {
        all + line.strip_prefix(' ').unwrap_or(line).trim_end() + "\n"
    })
}

fn key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(v) => v.to_string(),
        MapKey::I32(v) => v.to_string(),
        MapKey::I64(v) => v.to_string(),
        MapKey::U32(v) => v.to_string(),
        MapKey::U64(v) => v.to_string(),
        MapKey::String(v) => v.clone(),
    }
}

/// A message in one cell.
fn words(message: &DynamicMessage) -> String {
    let text = |name: &str| message.get_field_by_name(name).map(|v| cell(&v)).unwrap_or_default();
    let number = |name: &str| match message.get_field_by_name(name).as_deref() {
        Some(Value::I64(n)) => n.unsigned_abs(),
        Some(Value::I32(n)) => u64::from(n.unsigned_abs()),
        _ => 0,
    };
    match message.descriptor().full_name() {
        "google.protobuf.Duration" => {
            time(Duration::from_secs(number("seconds")) + Duration::from_nanos(number("nanos")))
        }
        "google.protobuf.Timestamp" => {
            let text = output::json(message).ok();
            text.and_then(|t| t.as_str().map(str::to_owned)).unwrap_or_default()
        }
        "tidegate.iam.v1.Tag" => format!("{}={}", text("key"), text("value")),
        _ => {
            let field = |(f, v): (prost_reflect::FieldDescriptor, &Value)| {
                format!("{}={}", f.name(), cell(v))
            };
            message.fields().map(field).collect::<Vec<_>>().join(" ")
        }
    }
}

/// A value in one cell.
fn cell(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::I32(v) | Value::EnumNumber(v) => v.to_string(),
        Value::I64(v) => v.to_string(),
        Value::U32(v) => v.to_string(),
        Value::U64(v) => v.to_string(),
        Value::F32(v) => v.to_string(),
        Value::F64(v) => v.to_string(),
        Value::String(v) => v.clone(),
        Value::Bytes(v) => hex::encode(v),
        Value::Message(m) => words(m),
        Value::List(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Map(entries) => {
            let mut all: Vec<String> =
                entries.iter().map(|(k, v)| format!("{}={}", key(k), cell(v))).collect();
            all.sort();
            all.join(" ")
        }
    }
}

/// The fields of an item that are asked for; an item that is a plain word has one.
pub(crate) fn row(item: &Value, columns: &[&str]) -> Vec<String> {
    match item {
        Value::Message(message) => columns
            .iter()
            .map(|c| {
                let set = message
                    .descriptor()
                    .get_field_by_name(c)
                    .filter(|f| !f.supports_presence() || message.has_field(f));
                set.map(|f| cell(&message.get_field(&f))).unwrap_or_default()
            })
            .collect(),
        plain => vec![cell(plain)],
    }
}

/// A list: a row for each item, a column for each name.
pub(crate) fn list(items: &[Value], columns: &[&str]) -> Result<(), Failure> {
    let mut table = table(columns);
    for item in items {
        table.add_row(row(item, columns));
    }
    output::print(&lines(&table))
}

/// One thing: a line for each field that is not empty, as the protocol orders them. A policy is written out. Where the answer came from,
/// and the token of a change, come last.
pub(crate) fn one(message: &DynamicMessage) -> Result<(), Failure> {
    let (mut rows, mut last) = (Vec::new(), Vec::new());
    flatten(message, &mut rows, &mut last);
    rows.append(&mut last);
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in rows {
        let name = name.replace('_', " ");
        if value.contains('\n') {
            let indented = value.replace('\n', "\n  ");
            writeln!(text, "{name}\n  {indented}")?;
        } else {
            writeln!(text, "{name:width$}  {value}")?;
        }
    }
    output::print(&text)
}

type Rows = Vec<(String, String)>;

fn flatten(message: &DynamicMessage, rows: &mut Rows, last: &mut Rows) {
    for field in message.descriptor().fields() {
        if !message.has_field(&field) {
            continue;
        }
        let value = message.get_field(&field);
        match (field.name(), value.as_ref()) {
            ("evidence", Value::Message(evidence)) => {
                let of = |name: &str| {
                    evidence.get_field_by_name(name).map(|v| cell(&v)).unwrap_or_default()
                };
                let known = evidence.has_field_by_name("staleness_bound");
                let age = if known { of("staleness_bound") } else { "an unknown time".to_owned() };
                last.push((
                    "view".to_owned(),
                    format!("{} in {}, no older than {age}", of("node"), of("region")),
                ));
            }
            ("metadata", Value::Message(metadata)) => {
                let token = metadata.get_field_by_name("token").map(|v| cell(&v));
                last.push(("token".to_owned(), token.unwrap_or_default()));
            }
            (name, Value::String(text)) if name.ends_with("document") => {
                rows.push((name.to_owned(), on_lines(text)));
            }
            (_, Value::Message(inner)) if matches!(field.kind(), Kind::Message(m) if !m.full_name().starts_with("google.")) =>
            {
                flatten(inner, rows, last);
            }
            (name, Value::List(items))
                if items
                    .iter()
                    .any(|i| matches!(i, Value::Message(m) if m.descriptor().name() != "Tag")) =>
            {
                for item in items {
                    rows.push((name.trim_end_matches('s').to_owned(), first_words(item)));
                }
            }
            (name, other) => rows.push((name.to_owned(), cell(other))),
        }
    }
}

/// The name and the ARN of an item that stands within another.
fn first_words(item: &Value) -> String {
    let Value::Message(message) = item else { return cell(item) };
    let fields: Vec<_> = message.descriptor().fields().collect();
    let wanted = |name: &str| name.ends_with("_name") || name == "arn";
    let found: Vec<String> =
        fields.iter().filter(|f| wanted(f.name())).map(|f| cell(&message.get_field(f))).collect();
    if found.is_empty() { cell(item) } else { found.join("  ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_their_own_unit() {
        let written = [0, 300, 9_940, 78_889, 9_999_999, 12_345_678]
            .map(|us| time(Duration::from_micros(us)));
        assert_eq!(written, ["0 ms", "0.3 ms", "9 ms", "78 ms", "9999 ms", "12.3 s"]);
    }
}
