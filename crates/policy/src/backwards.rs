//! Policies asked backwards: not whether this request is allowed, but when such requests are.
//!
//! Conditions stay symbolic: a key of the request has no value here, so that an answer names the condition instead. What follows from
//! the caller (its ARN, its tags, its organization) has one. An answer `Always` or `Never` is never wrong; an answer `When` may turn
//! out to be always or never so, where only the meaning of two conditions together would show it.
//!
//! ```
//! use std::sync::Arc;
//! use tidegate_policy::{backwards::*, *};
//!
//! let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*",
//!     "Resource": "arn:aws:s3:::photos/${aws:username}/*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}}"#;
//! let source = PolicySource::UserInline { user: "ada".into(), name: "photos".into() };
//! let policy = CompiledPolicy::compile(source, &PolicyDocument::parse(text, PolicyKind::Identity)?);
//! let set = PolicySet { identity: vec![Arc::new(policy)], ..PolicySet::default() };
//! let ada = Principal::user("123456789012".parse()?, "/", "ada", "AIDAEXAMPLE");
//!
//! let found = outlook(&set, &Asked::new(&ada, "s3:GetObject", "arn:aws:s3:::photos/ada/*"));
//! assert_eq!(found.verdict().to_string(), "when IpAddress aws:SourceIp `10.0.0.0/8`");
//! let found = outlook(&set, &Asked::new(&ada, "s3:GetObject", "arn:aws:s3:::photos/bob/*"));
//! assert_eq!(found.verdict(), Verdict::Never);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod caller;
mod cells;
mod compare;
mod dimension;
mod documents;
mod external;
mod formula;
mod glob;
mod known;
mod outlook;
mod satisfy;
mod values;
mod what_can;
mod who_can;
mod witness;

pub use account::{
    Account, AccountDetails, AccountError, AttachedPolicy, BoundaryDetail, Document, GroupDetail,
    InlinePolicy, Levels, ManagedPolicyDetail, Member, RoleDetail, Tag, UserDetail, VersionDetail,
    percent_decoded,
};
pub use caller::{Caller, CallerKind};
pub use compare::{Change, Comparison, Difference, Limit, Scope, alone, compare, compare_accounts};
pub use external::{External, ExternalAccess, Zone, external_access};
pub use formula::{Formula, Literal};
pub use known::Open;
pub use outlook::{Asked, Outlook, Part, Verdict, outlook};
pub use what_can::{Grant, LevelAccess, ServiceAccess, WhatCan, what_can};
pub use who_can::{Can, Target, who_can};
pub use witness::Witness;
