//! The managed policies that AWS publishes, shipped with the engine and addressable by ARN.

use std::sync::{Arc, LazyLock, OnceLock};

use crate::{
    Arn, CompiledPolicy, PolicyDocument, PolicyKind, PolicySource,
    json::{self, Json},
};

static COMPRESSED: &[u8] = include_bytes!("../data/aws-managed-policies.jsonl.zlib");
/// More than the data needs; a corrupt file can't ask for more.
const INFLATED_MAX: usize = 64 << 20;

/// One managed policy of AWS.
#[derive(Debug)]
pub struct ManagedPolicy {
    /// `arn:aws:iam::aws:policy/…`.
    pub arn: Arn,
    /// Its name.
    pub name: Box<str>,
    /// Its path, `/` or `/service-role/` and the like.
    pub path: Box<str>,
    /// The version that applies, `v7`.
    pub default_version: Box<str>,
    /// When AWS created it, ISO 8601.
    pub create_date: Box<str>,
    /// When AWS last changed it, ISO 8601.
    pub update_date: Box<str>,
    /// The document, as JSON.
    pub document: Box<str>,
    compiled: OnceLock<Option<Arc<CompiledPolicy>>>,
}

impl ManagedPolicy {
    /// The compiled policy, made at first use.
    pub fn compiled(&self) -> Option<Arc<CompiledPolicy>> {
        self.compiled
            .get_or_init(|| {
                let document = PolicyDocument::parse(&self.document, PolicyKind::Identity).ok()?;
                Some(Arc::new(CompiledPolicy::compile(
                    PolicySource::Managed(self.arn.clone()),
                    &document,
                )))
            })
            .clone()
    }
}

static ALL: LazyLock<Vec<ManagedPolicy>> = LazyLock::new(|| {
    let text = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(COMPRESSED, INFLATED_MAX)
        .unwrap_or_default();
    let mut all: Vec<ManagedPolicy> = text.split(|b| *b == b'\n').filter_map(read).collect();
    all.sort_by(|a, b| a.arn.cmp(&b.arn));
    all
});

fn read(line: &[u8]) -> Option<ManagedPolicy> {
    let line = core::str::from_utf8(line).ok()?;
    let policy = json::read(line).ok()?;
    let policy = policy.root()?;
    let member = |key: &str| policy.children().find(|member| member.key() == key);
    let text = |key: &str| match member(key)?.value() {
        Json::String(text) => Some(Box::from(&**text)),
        _ => None,
    };
    let (name, path) = (text("name")?, text("path")?);
    let document = member("document")?.span();
    Some(ManagedPolicy {
        arn: Arn::parse(&format!("arn:aws:iam::aws:policy{path}{name}")).ok()?,
        name,
        path,
        default_version: text("default_version_id")?,
        create_date: text("create_date")?,
        update_date: text("update_date")?,
        document: line.get(document.start..document.end)?.into(),
        compiled: OnceLock::new(),
    })
}

/// All of them, ordered by ARN. Inflated at first use.
pub fn all() -> &'static [ManagedPolicy] {
    &ALL
}

/// The policy with this ARN.
pub fn find(arn: &str) -> Option<&'static ManagedPolicy> {
    let found = ALL.binary_search_by(|p| p.arn.as_str().cmp(arn)).ok()?;
    ALL.get(found)
}

/// The compiled policy with this ARN.
pub fn compiled(arn: &str) -> Option<Arc<CompiledPolicy>> {
    find(arn)?.compiled()
}

#[cfg(test)]
mod tests;
