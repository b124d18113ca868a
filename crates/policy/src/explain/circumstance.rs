//! Which other request would meet a condition, or escape it: the same one with MFA, from another region, with the right external id.

use crate::{
    ConditionEntry, PolicySet, Request,
    key::Key,
    operator::{Comparison, Qualifier},
    statement::CompiledStatement,
};

use super::{
    change::{Bringer, Change, RequestChange, Scene},
    compare::Compared,
    place::Written,
};

/// A condition of a statement that a request is beside.
#[derive(Clone, Copy)]
pub(super) struct Beside<'a> {
    pub(super) written: &'a Written<'a>,
    pub(super) index: usize,
    pub(super) statement: &'a CompiledStatement,
    pub(super) request: &'a Request<'a>,
}

impl Beside<'_> {
    /// A change of the request with which the condition lets the statement apply, or keeps it from that.
    pub(super) fn change(self, compared: &Compared, lets_apply: bool) -> Option<Change> {
        let statement = self.written.statement(self.index)?;
        let entry = statement.conditions.get(compared.number)?;
        let bringer = bringer(&entry.key)?;
        let values = self.values(entry, compared);
        values.into_iter().find_map(|(value, pattern)| {
            let key = entry.key.to_string();
            let change = Change::Request(RequestChange { key, value, pattern, bringer });
            let empty = PolicySet::default();
            let scene = Scene::with(&empty, self.request, core::slice::from_ref(&change))?;
            let applies = self.statement.lets_apply(compared.number, &scene.request(self.request));
            (applies == lets_apply).then_some(change)
        })
    }

    /// Values that are worth trying, those that the policy names first, each with the pattern that it is of; `None`: any.
    fn values(self, entry: &ConditionEntry, compared: &Compared) -> Vec<Tried> {
        let listed = compared.resolved.as_ref().unwrap_or(&compared.wanted);
        let plain = |value: String| (Some(value), None);
        let of = |value: String, listed: &String| {
            let pattern = (value != *listed).then(|| listed.clone());
            (Some(value), pattern)
        };
        match entry.operator.comparison {
            // Time can't be chosen.
            Comparison::Date(_) => Vec::new(),
            // Whether the key is there is all that is asked: a value that another condition wants is the better one.
            Comparison::Null => {
                self.elsewhere(entry).into_iter().map(plain).chain([(None, None)]).collect()
            }
            Comparison::Bool => ["true", "false"].map(|word| plain(word.to_owned())).into(),
            Comparison::Numeric(_) => {
                listed.iter().flat_map(|text| around(text)).map(plain).collect()
            }
            Comparison::IpAddress => {
                let address =
                    |text: &String| text.split('/').next().map(|a| of(a.to_owned(), text));
                listed.iter().filter_map(address).collect()
            }
            _ => listed.iter().map(|text| of(literal(text), text)).collect(),
        }
    }

    /// What other conditions of the policy list for the same key.
    fn elsewhere(self, entry: &ConditionEntry) -> Vec<String> {
        let statements = (0..).map_while(|index| self.written.statement(index));
        let entries = statements.flat_map(|statement| &statement.conditions);
        let same = entries.filter(|other| {
            other.key.eq_ignore_ascii_case(&entry.key)
                && other.operator.comparison != Comparison::Null
                && other.operator.qualifier == Qualifier::None
        });
        same.flat_map(|other| &other.values).map(|value| literal(value)).collect()
    }
}

/// A value, and what the policy lists in its place where that is more; `None`: any value.
type Tried = (Option<String>, Option<String>);

/// Who brings a key; `None` for keys that nobody chooses: who the caller is, and when it is.
fn bringer(key: &str) -> Option<Bringer> {
    let lower = key.to_ascii_lowercase();
    match Key::new(key) {
        Key::PrincipalTag(_) => Some(Bringer::PrincipalTag),
        Key::ResourceTag(..) => Some(Bringer::ResourceTag),
        Key::Session(_) if lower == "aws:tokenissuetime" => None,
        Key::Session(_) => Some(Bringer::Session),
        Key::Context(_) if lower == "aws:currenttime" || lower == "aws:epochtime" => None,
        Key::Context(_) => Some(Bringer::Request),
        _ => None,
    }
}

/// A number with its neighbours, for what must be less or more.
fn around(text: &str) -> Vec<String> {
    let whole = text.parse::<i64>().ok();
    let near = whole.into_iter().flat_map(|n| [n.saturating_sub(1), n.saturating_add(1)]);
    core::iter::once(text.to_owned()).chain(near.map(|n| n.to_string())).collect()
}

/// A text that a pattern matches.
fn literal(pattern: &str) -> String {
    pattern.replace('*', "").replace('?', "x")
}
