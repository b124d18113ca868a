//! A policy ready to decide: immutable, indexed, shared as an `Arc`.

use core::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use crate::{
    PolicySource, Request,
    document::{PolicyDocument, PolicyKind},
    index::{Candidate, StatementIndex},
    statement::CompiledStatement,
};

/// A compiled policy with the text that it was written as.
#[derive(Debug)]
pub struct CompiledPolicy {
    source: PolicySource,
    kind: PolicyKind,
    text: Arc<str>,
    statements: Box<[CompiledStatement]>,
    /// Made when it is first needed: most policies of identities are only ever asked under the index of a [`crate::ComposedPolicies`].
    index: OnceLock<StatementIndex>,
}

impl CompiledPolicy {
    /// Compiles a parsed policy. One that is asked by itself (of a resource, a role's trust or a session) is indexed at once, another
    /// one when it is asked by itself for the first time.
    pub fn compile(source: PolicySource, document: &PolicyDocument) -> Self {
        let (kind, version) = (document.kind(), document.version());
        let statements: Box<[CompiledStatement]> = document
            .statements()
            .iter()
            .map(|s| CompiledStatement::new(s, kind, version))
            .collect();
        let text = Arc::clone(&document.source);
        let policy = Self { source, kind, text, statements, index: OnceLock::new() };
        if matches!(kind, PolicyKind::Resource | PolicyKind::Trust | PolicyKind::Session) {
            policy.prepare();
        }
        policy
    }

    /// Indexes the policy now, for who will ask it by itself and wants the first question to be as fast as the others.
    pub fn prepare(&self) {
        self.index();
    }

    /// Where it comes from.
    pub fn source(&self) -> &PolicySource {
        &self.source
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Number of statements.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there is no statement at all.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The policy parsed again from its text. Only explanations need the elements as they were written, so they are not kept.
    pub(crate) fn document(&self) -> Option<PolicyDocument> {
        PolicyDocument::parse(&self.text, self.kind).ok()
    }

    pub(crate) fn statements(&self) -> &[CompiledStatement] {
        &self.statements
    }

    pub(crate) fn index(&self) -> &StatementIndex {
        self.index.get_or_init(|| StatementIndex::new(core::iter::once(&*self.statements)))
    }

    /// Shows `hear` the statements of one policy that cover action and resource, until it breaks off; one may come more than once.
    pub(crate) fn covering<'a>(
        policy: &'a Arc<Self>,
        request: &'a Request<'a>,
        hear: impl FnMut(Candidate<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        policy.index().covering(core::slice::from_ref(policy), request, hear)
    }
}
