//! The AWS policy language: parse, compile, decide, explain.
//!
//! The one idea: a policy is parsed once into types that cannot be wrong, compiled once into an immutable form that is shared
//! as an `Arc`, and decided on without a lock, a clock or a source of randomness. Everything that a decision depends on is an argument.
//!
//! Invariants:
//! - an explicit deny in any policy of the set denies;
//! - nothing is allowed that no statement allows (the root user of an account aside);
//! - a permissions boundary and a session policy only take away;
//! - a condition that can't be evaluated does not match, so it never grants.
//!
//! ```
//! use std::sync::Arc;
//! use tidegate_policy::*;
//!
//! let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::photos/*"}}"#;
//! let document = PolicyDocument::parse(text, PolicyKind::Identity)?;
//! let source = PolicySource::Managed(Arn::parse("arn:aws:iam::123456789012:policy/photos")?);
//! let set = PolicySet { identity: vec![Arc::new(CompiledPolicy::compile(source, &document))], ..PolicySet::default() };
//! let principal = Principal::user("123456789012".parse()?, "/", "ada", "AIDAEXAMPLE");
//! let action = Action::parse("s3:GetObject")?;
//! let context = Context::default();
//! let request = Request::new(&principal, &action, "arn:aws:s3:::photos/cat.jpg", &context);
//! assert_eq!(authorize(&set, &request).effect, Effect::Allow);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Words.
mod account;
mod action;
mod arn;
mod context;
mod principal;
mod request;
mod source;
mod time;

// From text to a document and back.
mod document;
mod error;
mod json;
mod operator;
mod parse;
mod print;

// What a document is compiled into.
mod compile;
mod condition;
mod index;
mod key;
mod network;
mod prefix_map;
mod principal_element;
mod statement;
mod template;
mod wildcard;

// Deciding and explaining.
pub mod aws_managed;
mod decide;
mod explain;
mod policy_set;

pub use account::{AccountId, AccountIdError};
pub use action::{Action, ActionError};
pub use arn::{Arn, ArnError};
pub use compile::CompiledPolicy;
pub use context::{Context, Value};
pub use decide::{Decision, Effect, StatementRef, authorize};
pub use document::{
    ActionBlock, ConditionEntry, PolicyDocument, PolicyKind, PrincipalBlock, PrincipalPair,
    ResourceBlock, Span, Statement, StatementEffect, Version,
};
pub use error::PolicyError;
pub use explain::{Explanation, FailedElement, NearMiss, TypeOutcome, explain};
pub use operator::Operator;
pub use policy_set::{ComposedPolicies, PolicySet};
pub use principal::{Principal, PrincipalKind};
pub use request::Request;
pub use source::{PolicySource, PolicyType};
pub use time::{UnixMillis, parse_date};
pub use wildcard::wildcard_matches;
