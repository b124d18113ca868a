//! rustfs-policy, which reads AWS's JSON for S3 itself.
//!
//! It knows no wildcard in an action but `s3:*`, nor the keys of the region and the second factor. So a wildcard is written out as
//! the actions that it covers, and two keys that it compares in the same way stand in for these.

use std::{collections::HashMap, error::Error};

use pollster::block_on;
use rustfs_policy::policy::{Args, Policy as S3Policy, action::Action};
use tidegate_policy::wildcard_matches;

use super::Engine;
use crate::{policy::Policy, workload::Question};

/// The actions on objects and buckets that it knows and the patterns of the workloads could cover.
const ACTIONS: &str = "AbortMultipartUpload CreateBucket DeleteBucket DeleteBucketPolicy \
    DeleteBucketPublicAccessBlock DeleteBucketCors DeleteObject GetBucketLocation GetBucketNotification \
    GetBucketPolicy GetBucketPublicAccessBlock GetBucketCors GetBucketAcl PutBucketAcl GetObject GetObjectAcl \
    GetObjectAttributes HeadBucket ListAllMyBuckets ListBucket GetBucketPolicyStatus ListBucketVersions \
    ListBucketMultipartUploads ListMultipartUploadParts PutBucketLifecycle GetBucketLifecycle PutBucketLogging \
    GetBucketLogging PutBucketNotification PutBucketPolicy PutBucketPublicAccessBlock PutBucketCors PutObject \
    PutObjectAcl DeleteObjectVersion DeleteObjectVersionTagging GetObjectVersion GetObjectVersionAttributes \
    GetObjectVersionTagging PutObjectVersionTagging PutObjectRetention GetObjectRetention GetObjectLegalHold \
    PutObjectLegalHold GetBucketObjectLockConfiguration PutBucketObjectLockConfiguration GetBucketTagging \
    PutBucketTagging GetObjectTagging PutObjectTagging DeleteObjectTagging PutBucketEncryption \
    GetBucketEncryption PutBucketVersioning GetBucketVersioning GetReplicationConfiguration \
    PutReplicationConfiguration RestoreObject";

/// All policies merged into one, as its server does.
pub(super) struct Rustfs {
    policy: S3Policy,
}

/// A request; its bucket is the part of the resource up to `slash`.
pub(super) struct Asked {
    action: Action,
    resource: String,
    slash: usize,
    conditions: HashMap<String, Vec<String>>,
    claims: HashMap<String, serde_json::Value>,
}

/// The actions that a pattern covers.
fn written_out(pattern: &str) -> Vec<String> {
    if !pattern.contains('*') || pattern == "s3:*" {
        return vec![pattern.to_owned()];
    }
    let names = ACTIONS.split_whitespace().map(|name| format!("s3:{name}"));
    names.filter(|name| wildcard_matches(pattern, name)).collect()
}

impl Engine for Rustfs {
    const NAME: &'static str = "rustfs-policy 1.0";
    type Source = Vec<String>;
    type Request = Asked;

    fn translate(policies: &[Policy]) -> Vec<String> {
        let text = |policy: &Policy| {
            let mut policy = policy.clone();
            for statement in &mut policy.statement {
                statement.action = statement.action.iter().flat_map(|a| written_out(a)).collect();
            }
            policy
                .text()
                .replace("aws:RequestedRegion", "aws:SourceAccount")
                .replace("aws:MultiFactorAuthPresent", "aws:SecureTransport")
        };
        policies.iter().map(text).collect()
    }

    fn load(source: &Vec<String>) -> Result<Self, Box<dyn Error>> {
        let policies: Result<Vec<_>, _> =
            source.iter().map(|text| S3Policy::parse_config(text.as_bytes())).collect();
        let policies = policies.map_err(|error| error.to_string())?;
        Ok(Self { policy: S3Policy::merge_policies(policies) })
    }

    fn request(&self, question: &Question) -> Asked {
        let resource = question.resource.trim_start_matches("arn:aws:s3:::").to_owned();
        let one = |key: &str, value: &str| (key.to_owned(), vec![value.to_owned()]);
        Asked {
            action: Action::try_from(question.action).expect("an action of the workload"),
            slash: resource.find('/').unwrap_or(resource.len()),
            resource,
            conditions: HashMap::from([
                one("SourceAccount", question.region),
                one("SourceIp", &question.address),
                one("SecureTransport", if question.mfa { "true" } else { "false" }),
            ]),
            claims: HashMap::new(),
        }
    }

    fn decide(&mut self, asked: &Asked) -> bool {
        let (bucket, object) = asked.resource.split_at(asked.slash);
        block_on(self.policy.is_allowed(&Args {
            account: "ada",
            groups: &None,
            action: asked.action,
            bucket,
            conditions: &asked.conditions,
            is_owner: false,
            object: object.trim_start_matches('/'),
            claims: &asked.claims,
            deny_only: false,
        }))
    }
}
