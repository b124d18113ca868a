//! A statement with the places of its values: what the checks look at.

use crate::{
    catalogue::{self, CatalogueAction},
    document::{
        ActionBlock, ConditionEntry, PolicyDocument, PolicyKind, PrincipalBlock, ResourceBlock,
        Span, Statement, StatementEffect, Version,
    },
    json::{Children, Json, Located},
};

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) text: &'a str,
    pub(super) span: Span,
}

/// A principal: its kind and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrincipalText<'a> {
    pub(super) kind: &'a str,
    pub(super) value: Text<'a>,
}

/// One operator with one key and its values.
#[derive(Clone, Debug)]
pub(super) struct ConditionText<'a> {
    pub(super) entry: &'a ConditionEntry,
    pub(super) key: Text<'a>,
    pub(super) values: Vec<Text<'a>>,
    /// The operator's name, where this key is its only one: then changing the operator changes nothing else.
    pub(super) own_operator: Option<Span>,
}

/// A statement as the checks see it. The lists hold what is written in an element or in its `Not` form.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    pub(super) kind: PolicyKind,
    pub(super) version: Version,
    pub(super) statement: &'a Statement,
    pub(super) actions: Vec<Text<'a>>,
    /// For each action what it covers in the catalogue: nothing where it is not listed.
    pub(super) covered: Vec<Vec<&'static CatalogueAction>>,
    pub(super) resources: Vec<Text<'a>>,
    pub(super) principals: Vec<PrincipalText<'a>>,
    pub(super) conditions: Vec<ConditionText<'a>>,
    located: Option<Located<'a, 'a>>,
}

impl<'a> View<'a> {
    /// `located` is the statement's JSON: what the parser read it from, in the same order.
    pub(super) fn new(
        document: &PolicyDocument,
        statement: &'a Statement,
        located: Option<Located<'a, 'a>>,
    ) -> Self {
        let texts = |values: &'a [Box<str>], names: [&str; 2]| {
            let at = located.and_then(|l| names.iter().find_map(|name| member(l, name)));
            pair(values, at, statement.span)
        };
        let (ActionBlock::Action(actions) | ActionBlock::NotAction(actions)) = &statement.actions;
        let resources: &[Box<str>] = match &statement.resources {
            ResourceBlock::Resource(resources) | ResourceBlock::NotResource(resources) => resources,
            ResourceBlock::None => &[],
        };
        Self {
            kind: document.kind(),
            version: document.version(),
            statement,
            actions: texts(actions, ["Action", "NotAction"]),
            covered: actions.iter().map(|action| catalogue::expand(action)).collect(),
            resources: texts(resources, ["Resource", "NotResource"]),
            principals: principals(statement, located),
            conditions: conditions(statement, located),
            located,
        }
    }

    /// Whether the statement allows.
    pub(super) fn allows(&self) -> bool {
        self.statement.effect == StatementEffect::Allow
    }

    /// The actions of `Action`; `None` where `NotAction` is written.
    pub(super) fn positive_actions(&self) -> Option<&[Text<'a>]> {
        matches!(self.statement.actions, ActionBlock::Action(_)).then_some(&self.actions)
    }

    /// Where an element of the statement is named; the statement where it has none of that name.
    pub(super) fn element(&self, name: &str) -> Span {
        let found = self.located.and_then(|located| member(located, name));
        found.map_or(self.statement.span, Located::key_span)
    }

    /// Whether the statement speaks of all resources.
    pub(super) fn on_everything(&self) -> bool {
        match &self.statement.resources {
            ResourceBlock::Resource(resources) => resources.iter().any(|r| is_star(r)),
            ResourceBlock::NotResource(_) => true,
            ResourceBlock::None => false,
        }
    }
}

/// Whether a pattern of resources is nothing but stars.
pub(super) fn is_star(pattern: &str) -> bool {
    pattern.bytes().all(|byte| byte == b'*')
}

/// The statements of a policy's JSON.
pub(super) fn statements<'d, 't>(root: Located<'d, 't>) -> Vec<Located<'d, 't>> {
    member(root, "Statement").map_or_else(Vec::new, |statement| statement.one_or_many().collect())
}

/// The member of an object with this name.
pub(super) fn member<'d, 't>(object: Located<'d, 't>, name: &str) -> Option<Located<'d, 't>> {
    members(object).find(|member| member.key() == name)
}

/// The members of an object; none where it is no object.
pub(super) fn members<'d, 't>(object: Located<'d, 't>) -> Children<'d, 't> {
    match object.value() {
        Json::Object => object.children(),
        _ => Children::default(),
    }
}

/// Values with their places: those of the items of an array, or of the one value.
fn pair<'a>(values: &'a [Box<str>], at: Option<Located<'_, '_>>, fallback: Span) -> Vec<Text<'a>> {
    let spans = at.into_iter().flat_map(Located::one_or_many).map(Located::span);
    let spans = spans.chain(core::iter::repeat(fallback));
    values.iter().zip(spans).map(|(text, span)| Text { text, span }).collect()
}

fn principals<'a>(
    statement: &'a Statement,
    located: Option<Located<'_, '_>>,
) -> Vec<PrincipalText<'a>> {
    let (PrincipalBlock::Principal(list) | PrincipalBlock::NotPrincipal(list)) =
        &statement.principals
    else {
        return Vec::new();
    };
    let at = located.and_then(|l| member(l, "Principal").or_else(|| member(l, "NotPrincipal")));
    let spans: Vec<Span> = match at {
        Some(at) if matches!(at.value(), Json::Object) => {
            at.children().flat_map(Located::one_or_many).map(Located::span).collect()
        }
        at => at.map(Located::span).into_iter().collect(),
    };
    let spans = spans.into_iter().chain(core::iter::repeat(statement.span));
    let principal = |((kind, text), span): (&'a (Box<str>, Box<str>), Span)| PrincipalText {
        kind,
        value: Text { text, span },
    };
    list.iter().zip(spans).map(principal).collect()
}

fn conditions<'a>(
    statement: &'a Statement,
    located: Option<Located<'_, '_>>,
) -> Vec<ConditionText<'a>> {
    let blocks = located.and_then(|l| member(l, "Condition")).map(members).unwrap_or_default();
    let places = blocks.flat_map(|block| {
        let keys = members(block);
        let own = (keys.clone().count() == 1).then_some(block.key_span());
        keys.map(move |key| (own, Some(key)))
    });
    let places = places.chain(core::iter::repeat((None, None)));
    let condition = |(entry, (own_operator, key)): (&'a ConditionEntry, (_, Option<Located>))| {
        let span = key.map_or(statement.span, Located::key_span);
        ConditionText {
            entry,
            key: Text { text: &entry.key, span },
            values: pair(&entry.values, key, span),
            own_operator,
        }
    };
    statement.conditions.iter().zip(places).map(condition).collect()
}
