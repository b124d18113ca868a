//! The managed policies that AWS publishes, shipped with the engine and addressable by ARN.

use std::sync::{Arc, LazyLock, OnceLock};

use crate::{Arn, CompiledPolicy, PolicyDocument, PolicyKind, PolicySource};

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
                Some(Arc::new(CompiledPolicy::compile(PolicySource::Managed(self.arn.clone()), &document)))
            })
            .clone()
    }
}

static ALL: LazyLock<Vec<ManagedPolicy>> = LazyLock::new(|| {
    let text = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(COMPRESSED, INFLATED_MAX).unwrap_or_default();
    let mut all: Vec<ManagedPolicy> = text.split(|b| *b == b'\n').filter_map(read).collect();
    all.sort_by(|a, b| a.arn.cmp(&b.arn));
    all
});

fn read(line: &[u8]) -> Option<ManagedPolicy> {
    let row: serde_json::Value = serde_json::from_slice(line).ok()?;
    let text = |key: &str| row.get(key)?.as_str().map(Into::<Box<str>>::into);
    let (name, path) = (text("name")?, text("path")?);
    Some(ManagedPolicy {
        arn: Arn::parse(&format!("arn:aws:iam::aws:policy{path}{name}")).ok()?,
        name,
        path,
        default_version: text("default_version_id")?,
        create_date: text("create_date")?,
        update_date: text("update_date")?,
        document: row.get("document")?.to_string().into(),
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
mod tests {
    use super::*;
    use crate::{Action, Context, PolicySet, Principal, Request, authorize};

    #[test]
    fn every_policy_parses_prints_and_decides_the_same_again() {
        assert_eq!(all().len(), 1582);
        let principal = Principal::user("123456789012".parse().unwrap(), "/", "ada", "AIDAEXAMPLE");
        let actions: Vec<Action> = ["s3:GetObject", "s3:PutObject", "iam:PassRole", "ec2:RunInstances", "logs:PutLogEvents", "kms:Decrypt", "sts:AssumeRole"]
            .iter()
            .map(|a| Action::parse(a).unwrap())
            .collect();
        for policy in all() {
            let document = PolicyDocument::parse(&policy.document, PolicyKind::Identity)
                .unwrap_or_else(|e| panic!("{}: {e}", policy.arn));
            let again = PolicyDocument::parse(&document.to_json(), PolicyKind::Identity).unwrap();
            let set = |d: &PolicyDocument| PolicySet {
                identity: vec![Arc::new(CompiledPolicy::compile(PolicySource::Managed(policy.arn.clone()), d))],
                ..PolicySet::default()
            };
            let (one, two) = (set(&document), set(&again));
            for action in &actions {
                for resource in ["*", "arn:aws:s3:::a/b", "arn:aws:iam::123456789012:role/r"] {
                    let context = Context::default();
                    let request = Request::new(&principal, action, resource, &context);
                    assert_eq!(authorize(&one, &request).effect, authorize(&two, &request).effect);
                }
            }
        }
    }

    #[test]
    fn they_are_found_by_arn() {
        let policy = find("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").unwrap();
        assert_eq!(&*policy.name, "AmazonS3ReadOnlyAccess");
        assert!(policy.compiled().is_some());
        assert!(find("arn:aws:iam::aws:policy/NoSuchPolicy").is_none());
    }
}
