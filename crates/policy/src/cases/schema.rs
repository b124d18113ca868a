//! What a file of cases holds, field by field. A field that is not listed here is an error.

use core::{fmt, marker::PhantomData};
use std::sync::Arc;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_yaml_ng::Value as Yaml;

use super::principal::PrincipalSpec;
use crate::Organization;

/// A file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSpec {
    /// The page that the cases are written from, where a case names none.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// Whatever the file wants to anchor (`&name`) and use again (`*name`, `<<: *name`). Not read otherwise.
    #[serde(default, rename = "fragments")]
    _fragments: Option<IgnoredAny>,
    /// Policies by name.
    #[serde(default)]
    pub(crate) policies: Named<Yaml>,
    /// Callers by name.
    #[serde(default)]
    pub(crate) principals: Named<PrincipalSpec>,
    /// Condition keys and their values, by name.
    #[serde(default)]
    pub(crate) contexts: Named<Named<Yaml>>,
    /// What a case has where it does not say otherwise.
    #[serde(default)]
    pub(crate) defaults: CaseSpec,
    /// The cases.
    pub(crate) cases: Vec<CaseSpec>,
}

/// A case, or the defaults of all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseSpec {
    /// Its name, once in the file.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// The page that says so.
    #[serde(default)]
    pub(crate) source: Option<String>,
    /// Entries of a checklist that this case is about.
    #[serde(default)]
    pub(crate) covers: Option<OneOrMany<String>>,
    /// Why the case is known to fail. It is then reported apart, and fails when it passes.
    #[serde(default)]
    pub(crate) known: Option<String>,

    /// Who asks.
    #[serde(default)]
    pub(crate) principal: Option<PrincipalRef>,
    /// Policies of the user or role.
    #[serde(default)]
    pub(crate) identity: Option<OneOrMany<Yaml>>,
    /// Policies of the user's groups, by the group's name.
    #[serde(default)]
    pub(crate) groups: Option<Named<OneOrMany<Yaml>>>,
    /// The permissions boundary.
    #[serde(default)]
    pub(crate) boundary: Option<Yaml>,
    /// Session policies; an empty list is a session made with none.
    #[serde(default)]
    pub(crate) session_policies: Option<OneOrMany<Yaml>>,
    /// The resource's own policy.
    #[serde(default)]
    pub(crate) resource_policy: Option<Yaml>,
    /// The trust policy of the role that is to be assumed.
    #[serde(default)]
    pub(crate) trust_policy: Option<Yaml>,
    /// Service control policies of the caller's account: one list a level, from the root to the account.
    #[serde(default)]
    pub(crate) scp: Option<Vec<OneOrMany<Yaml>>>,
    /// The policy of the VPC endpoint that the request comes by.
    #[serde(default)]
    pub(crate) endpoint_policy: Option<Yaml>,
    /// Resource control policies of the resource's account: one list a level, from the root to the account.
    #[serde(default)]
    pub(crate) rcp: Option<Vec<OneOrMany<Yaml>>>,

    /// What is to be done; each action of a list with each resource.
    #[serde(default)]
    pub(crate) action: Option<OneOrMany<String>>,
    /// To what; `*` by default.
    #[serde(default)]
    pub(crate) resource: Option<OneOrMany<String>>,
    /// The account that the resource belongs to; the caller's by default.
    #[serde(default)]
    pub(crate) resource_account: Option<String>,
    /// The resource's tags.
    #[serde(default)]
    pub(crate) resource_tags: Option<Named<String>>,
    /// The organization of the resource's account.
    #[serde(default)]
    pub(crate) resource_org: Option<OrgSpec>,
    /// Whether the resource's policy must allow whatever others do, as that of a KMS key must.
    #[serde(default)]
    pub(crate) resource_policy_must_allow: Option<bool>,
    /// Condition keys of the request: a mapping, the name of a context, or a list of both, later ones first.
    #[serde(default)]
    pub(crate) context: Option<OneOrMany<Yaml>>,

    /// What comes out.
    #[serde(default)]
    pub(crate) expect: Option<Expected>,
    /// The type of policy that denies or does not allow.
    #[serde(default)]
    pub(crate) decided_by: Option<DecidedBy>,
    /// The `Sid`s of the statements that decide, in any order.
    #[serde(default)]
    pub(crate) sids: Option<OneOrMany<String>>,

    /// A policy to be read, in place of a request.
    #[serde(default)]
    pub(crate) document: Option<Yaml>,
    /// What kind of policy `document` is.
    #[serde(default)]
    pub(crate) kind: Option<KindSpec>,
    /// Where and why `document` must be refused.
    #[serde(default)]
    pub(crate) error: Option<ErrorSpec>,
    /// Codes that must be among the findings on `document`.
    #[serde(default)]
    pub(crate) finds: Option<OneOrMany<String>>,
    /// Codes that must not be among them.
    #[serde(default)]
    pub(crate) does_not_find: Option<OneOrMany<String>>,
}

/// The organization of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrgSpec {
    /// `o-…`.
    pub(crate) id: String,
    /// The account's place in it, from the root down: `o-…/r-…/ou-…/`.
    #[serde(default)]
    pub(crate) path: String,
}

impl OrgSpec {
    pub(crate) fn organization(&self) -> Arc<Organization> {
        Arc::new(Organization::new(&self.id, &self.path))
    }
}

/// The place and the words of an error. What is left out may be anything.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorSpec {
    #[serde(default)]
    pub(crate) line: Option<usize>,
    #[serde(default)]
    pub(crate) column: Option<usize>,
    /// A part of its text.
    #[serde(default)]
    pub(crate) text: Option<String>,
}

/// The outcome, in the words of AWS's policy simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Expected {
    Allowed,
    ImplicitDeny,
    ExplicitDeny,
    /// A document that is refused.
    Malformed,
    /// A document that is read.
    WellFormed,
}

/// A type of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecidedBy {
    Identity,
    Boundary,
    Session,
    Resource,
    Trust,
    Scp,
    Rcp,
    Endpoint,
}

/// A kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KindSpec {
    Identity,
    Boundary,
    Session,
    Resource,
    Trust,
    Scp,
    Rcp,
}

/// The name of a caller of the file, or a caller.
#[derive(Clone, Debug)]
pub(crate) enum PrincipalRef {
    Text(String),
    Whole(Box<PrincipalSpec>),
}

impl<'de> Deserialize<'de> for PrincipalRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = PrincipalRef;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a principal: a name, an ARN, a service, `anonymous`, or a mapping")
            }
            fn visit_str<E>(self, text: &str) -> Result<PrincipalRef, E> {
                Ok(PrincipalRef::Text(text.to_owned()))
            }
            // Not an untagged enum: that would lose the line of a mistake.
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PrincipalRef, A::Error> {
                PrincipalSpec::deserialize(MapAccessDeserializer::new(map))
                    .map(|spec| PrincipalRef::Whole(Box::new(spec)))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// A list, or its only item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de> Deserialize<'de> for OneOrMany<Yaml> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Yaml::deserialize(deserializer)? {
            Yaml::Sequence(items) => items,
            one => vec![one],
        }))
    }
}

impl<'de> Deserialize<'de> for OneOrMany<String> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = |value: Yaml| match value {
            Yaml::String(text) => Ok(text),
            _ => Err(serde::de::Error::custom("a text was expected, or a list of texts")),
        };
        let many = OneOrMany::<Yaml>::deserialize(deserializer)?;
        many.0.into_iter().map(text).collect::<Result<_, _>>().map(Self)
    }
}

/// A mapping in the order in which it is written, each name once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Named<T> {
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Named<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut all = Named(Vec::new());
                while let Some(name) = map.next_key::<String>()? {
                    if all.get(&name).is_some() {
                        let twice = format!("`{name}` stands here twice");
                        return Err(serde::de::Error::custom(twice));
                    }
                    let value = map.next_value()?;
                    all.0.push((name, value));
                }
                Ok(all)
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}
