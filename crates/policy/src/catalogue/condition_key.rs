//! Condition keys of services: what type their values have, and which key a policy means.

use core::fmt;
use std::{collections::BTreeMap, sync::LazyLock};

use super::{SERVICES, global_key};

/// The type of a condition key's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValueType {
    /// Text.
    String,
    /// `true` or `false`.
    Bool,
    /// A point in time.
    Date,
    /// A number.
    Numeric,
    /// The name of a resource.
    Arn,
    /// An IP address.
    IpAddress,
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "String",
            Self::Bool => "Bool",
            Self::Date => "Date",
            Self::Numeric => "Numeric",
            Self::Arn => "ARN",
            Self::IpAddress => "IPAddress",
        })
    }
}

/// A condition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionKey {
    /// Its name as AWS writes it; `${TagKey}` and the like stand for any text.
    pub name: &'static str,
    /// The type of its values.
    pub value_type: ValueType,
    /// Whether one request can bring several values: the reference calls that `ArrayOf…`.
    pub multivalued: bool,
}

impl ConditionKey {
    /// Reads a packed key.
    pub(super) fn packed(name: &'static str, kind: &str) -> Option<Self> {
        let (kind, multivalued) = kind.strip_prefix("ArrayOf").map_or((kind, false), |k| (k, true));
        let value_type = match kind {
            "String" => ValueType::String,
            "Bool" => ValueType::Bool,
            "Date" => ValueType::Date,
            "Numeric" => ValueType::Numeric,
            "ARN" => ValueType::Arn,
            "IPAddress" => ValueType::IpAddress,
            _ => return None,
        };
        Some(Self { name, value_type, multivalued })
    }

    /// Whether a policy that writes `key` means this one. Case does not matter, and a placeholder stands for any text but none.
    pub fn is_written(&self, key: &str) -> bool {
        match split_placeholder(self.name) {
            Some((before, after)) => placeholder_fits(key, before, after),
            None => self.name.eq_ignore_ascii_case(key),
        }
    }
}

/// The text before and after the placeholder of a name; no key of the reference has two.
fn split_placeholder(name: &str) -> Option<(&str, &str)> {
    let (before, rest) = name.split_once("${")?;
    let (_, after) = rest.split_once('}')?;
    Some((before, after))
}

/// Whether `key` begins and ends so, whatever its case, with something between.
fn placeholder_fits(key: &str, before: &str, after: &str) -> bool {
    let (key, before, after) = (key.as_bytes(), before.as_bytes(), after.as_bytes());
    let same = |part: Option<&[u8]>, wanted| part.is_some_and(|p| p.eq_ignore_ascii_case(wanted));
    key.len() > before.len() + after.len()
        && same(key.get(..before.len()), before)
        && same(key.get(key.len() - after.len()..), after)
}

/// All keys of all services, found by their name in lower case.
struct Index {
    plain: BTreeMap<String, ConditionKey>,
    /// Keys with a placeholder, by the text before it.
    placeholders: BTreeMap<String, Vec<(String, ConditionKey)>>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { plain: BTreeMap::new(), placeholders: BTreeMap::new() };
    for key in SERVICES.iter().flat_map(|service| &service.condition_keys) {
        let name = key.name.to_ascii_lowercase();
        match split_placeholder(&name) {
            Some((before, after)) => {
                let known = index.placeholders.entry(before.to_owned()).or_default();
                if !known.iter().any(|(other, _)| other == after) {
                    known.push((after.to_owned(), *key));
                }
            }
            None => {
                index.plain.entry(name).or_insert(*key);
            }
        }
    }
    index
});

/// The key that a policy means by `key`, whatever its case: one of AWS's global keys or one of a service.
///
/// ```
/// use tidegate_policy::catalogue::{self, ValueType};
///
/// let key = catalogue::condition_key("AWS:RequestTag/team").unwrap();
/// assert_eq!((key.name, key.value_type, key.multivalued), ("aws:RequestTag/${TagKey}", ValueType::String, false));
/// assert!(catalogue::condition_key("aws:RequestTag").is_none());
/// ```
pub fn condition_key(key: &str) -> Option<ConditionKey> {
    if let Some(global) = global_key(key) {
        return Some(global.key);
    }
    let key = key.to_ascii_lowercase();
    if let Some(found) = INDEX.plain.get(&key) {
        return Some(*found);
    }
    // The text before a placeholder ends where one can begin.
    let ends = key.match_indices(['/', ':']).map(|(at, mark)| at + mark.len());
    let mut fitting = ends.filter_map(|end| {
        let before = key.get(..end)?;
        let known = INDEX.placeholders.get(before)?;
        known.iter().find(|(after, _)| placeholder_fits(&key, before, after)).map(|(_, key)| *key)
    });
    fitting.next_back()
}

/// Whether condition keys can begin with this prefix, such as `s3`, `aws` or `saml`, whatever its case.
pub fn is_key_prefix(prefix: &str) -> bool {
    let start = format!("{}:", prefix.to_ascii_lowercase());
    let plain = INDEX.plain.range(start.clone()..).next().map(|(name, _)| name);
    let with_placeholder = INDEX.placeholders.range(start.clone()..).next().map(|(name, _)| name);
    [plain, with_placeholder].into_iter().flatten().any(|name| name.starts_with(&start))
}
