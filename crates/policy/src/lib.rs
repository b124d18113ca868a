//! The AWS policy language: parse, validate, compile, decide, explain.
//!
//! The one idea: a policy is parsed once into types that cannot be wrong, compiled once into an immutable form that is shared as an
//! `Arc`, and decided on without a lock, a clock or a source of randomness. Everything that a decision depends on is an argument.
//!
//! | step | function | what it costs |
//! |--|--|--|
//! | parse and validate | [`PolicyDocument::parse`] | a pass over the text; an error names line, column and what was expected |
//! | compile | [`CompiledPolicy::compile`] | an index over the heads of actions and resources |
//! | compose | [`ComposedPolicies::new`] | one index over all policies of a caller, for those who come again |
//! | decide | [`authorize`], [`ComposedPolicies::authorize`], [`ComposedPolicies::effect`] | only the statements that speak of action and resource; no allocation |
//! | explain | [`explain`] | every statement that speaks of the action; nothing when it is not asked for |
//! | advise | [`lint`], [`lint_text`], [`mend`] | some passes over the document, and once the [`catalogue`]; AWS's codes and levels |
//! | ask backwards | [`backwards::outlook`] | when requests by a caller are allowed; conditions stay symbolic |
//! | simulate | [`simulate::custom`], [`simulate::principal`] | a decision and a reading of each statement, per action and resource |
//! | ask of an account | [`backwards::who_can`], [`backwards::what_can`], [`backwards::external_access`] | an outlook for each member or grant |
//! | compare | [`backwards::compare`] | a search over what the patterns and conditions of both versions tell apart |
//! | test | [`cases::run`] | a file of cases against the engine: what policies must allow and deny |
//!
//! # Invariants
//!
//! Each is a property test of the same name in `tests/evaluation/theorems.rs`:
//! - explicit deny wins; order does not matter; adding an allow never removes access;
//! - nothing is allowed that nothing allows (the root user of an account aside);
//! - a boundary only removes; a session policy only removes; so do an endpoint, a service control policy, a resource control policy
//!   and one more level of an organization;
//! - no organization binds a service-linked role; a level that is silent binds the root user;
//! - across accounts the resource must allow, and so must the identity;
//! - `NotPrincipal` spares only whom `Principal` names;
//! - an unknown key never grants, a context never speaks for the principal, a value that can't be read never allows;
//! - printing and parsing change nothing;
//! - what is said backwards is so forwards, and a comparison that claims to be complete finds what a request finds (`backwards.rs` and
//!   `questions.rs` beside it).
//!
//! And every way to decide agrees, in the effect and in the type of policy that denies, with a second, naive evaluator that shares no
//! code with this one (`tests/evaluation/oracle.rs`). That this would notice is proven by bugs made on purpose (`deliberate.rs`).
//!
//! # Where AWS is silent
//!
//! - A comparison with a value that can't be read, on either side, is neither true nor false: it keeps an allow from applying, but no
//!   deny. A variable without a value is no such error: it equals nothing, as AWS documents; only in `NotResource` it keeps a statement
//!   from allowing.
//! - Of several types that deny, the first of AWS's flow chart is named: resource control, service control, endpoint, resource,
//!   identity, boundary, session.
//! - A resource that the caller's account owns stands at the caller's place of the organization, unless [`ResourceFacts`] say else.
//! - Variables before the fifth colon of a resource are refused, save the accounts of caller and resource, which a policy of AWS's own
//!   has there. `Bool` takes no variables.
//! - A key of several values without a set operator matches when one of them does; negated, when none does.
//! - An IPv4 address in IPv6's clothes (`::ffff:10.1.2.3`) is the IPv4 address.
//! - Service control policies may use the whole language, as since 2025; the older limits are not enforced.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use tidegate_policy::*;
//!
//! let text = r#"{"Version": "2012-10-17", "Statement": {
//!     "Sid": "Photos", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::photos/${aws:username}/*"}}"#;
//! let document = PolicyDocument::parse(text, PolicyKind::Identity)?;
//! let source = PolicySource::Managed(Arn::parse("arn:aws:iam::123456789012:policy/photos")?);
//! let set = PolicySet { identity: vec![Arc::new(CompiledPolicy::compile(source, &document))], ..PolicySet::default() };
//!
//! let principal = Principal::user("123456789012".parse()?, "/", "ada", "AIDA1234567890EXAMPLE");
//! let action = Action::parse("s3:GetObject")?;
//! let context = Context::default();
//! let hers = Request::new(&principal, &action, "arn:aws:s3:::photos/ada/cat.jpg", &context);
//! assert_eq!(authorize(&set, &hers).effect, Effect::Allow);
//!
//! let his = Request::new(&principal, &action, "arn:aws:s3:::photos/bob/dog.jpg", &context);
//! let explanation = explain(&set, &his);
//! assert_eq!(explanation.decision.effect, Effect::ImplicitDeny);
//! assert!(explanation.to_string().contains("`Photos` of arn:aws:iam::123456789012:policy/photos (line 1, column 40) would allow it, but its Resource"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(test)]
extern crate self as tidegate_policy;

// Words.
mod account;
mod action;
mod arn;
mod context;
mod organization;
mod principal;
mod request;
mod session;
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
mod action_test;
mod base64;
mod compile;
mod condition;
mod gram_map;
mod index;
mod key;
mod network;
mod prefix_map;
mod principal_element;
mod statement;
mod template;
mod truth;
mod wildcard;

// Deciding, explaining, advising, simulating, testing, asking backwards.
pub mod aws_managed;
pub mod backwards;
pub mod cases;
pub mod catalogue;
mod composed;
mod decide;
mod deliberate;
pub mod explain;
mod grants;
mod lint;
mod policy_set;
pub mod simulate;
mod voices;

pub use account::{AccountId, AccountIdError};
pub use action::{Action, ActionError};
pub use arn::{Arn, ArnError};
pub use compile::CompiledPolicy;
pub use composed::ComposedPolicies;
pub use context::{Context, Value};
pub use decide::{Decision, Effect, StatementRef, authorize};
pub use document::{
    ActionBlock, ConditionEntry, PolicyDocument, PolicyKind, PrincipalBlock, PrincipalPair,
    ResourceBlock, Span, Statement, StatementEffect, Version,
};
pub use error::PolicyError;
pub use explain::{Explanation, explain};
pub use grants::grants_service;
pub use lint::{Amendment, Finding, Fix, LintCode, LintLevel, Mended, lint, lint_text, mend};
pub use operator::Operator;
pub use organization::Organization;
pub use policy_set::PolicySet;
pub use principal::{Principal, PrincipalKind};
pub use request::{Request, ResourceFacts};
pub use session::SessionContext;
pub use source::{PolicySource, PolicyType};
pub use time::{UnixMillis, parse_date};
pub use wildcard::wildcard_matches;
