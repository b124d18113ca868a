//! A policy ready to decide: immutable, indexed, shared as an `Arc`.

use core::ops::ControlFlow;
use std::sync::Arc;

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
    index: StatementIndex,
}

impl CompiledPolicy {
    /// Compiles a parsed policy.
    pub fn compile(source: PolicySource, document: &PolicyDocument) -> Self {
        let (kind, version) = (document.kind(), document.version());
        let statements: Box<[CompiledStatement]> = document
            .statements()
            .iter()
            .map(|s| CompiledStatement::new(s, kind, version))
            .collect();
        let index = StatementIndex::new(core::iter::once(&*statements));
        Self { source, kind, text: Arc::clone(&document.source), statements, index }
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

    #[cfg(test)]
    pub(crate) fn index(&self) -> &StatementIndex {
        &self.index
    }

    /// Shows `hear` the statements of one policy that cover action and resource, until it breaks off; one may come more than once.
    pub(crate) fn covering<'a>(
        policy: &'a Arc<Self>,
        request: &'a Request<'a>,
        hear: impl FnMut(Candidate<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        policy.index.covering(core::slice::from_ref(policy), request, hear)
    }
}
