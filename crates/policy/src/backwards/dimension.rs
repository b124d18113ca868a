//! What of a request can be chosen, key by key, and which values are worth choosing: one for each way in which conditions can come
//! out.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    cells::{Cells, Matcher, Wanted, cells},
    glob::{Glob, Step},
    known::{Known, Open},
    values,
    witness::{Base, Chosen},
};
use crate::{
    Value,
    catalogue::{self, Presence},
    condition::Condition,
    document::ConditionEntry,
    key::Key,
    operator::{Comparison, Qualifier},
    template::{Part, Template},
    truth::Truth,
};

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dimension {
    /// A key of the context, or one that the context may answer, in lower case.
    Context(Box<str>),
    /// A key of the caller's session, in lower case.
    Session(Box<str>),
    /// A tag of the caller, in lower case.
    PrincipalTag(Box<str>),
    /// The organization of the caller's account.
    Organization,
    /// The name of a role's session.
    SessionName,
}

/// A value of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// None.
    Missing,
    /// One.
    One(String),
    /// Many; of an organization its id and its path.
    Many(Vec<String>),
}

impl Setting {
    pub(crate) fn value(&self) -> Option<Value> {
        match self {
            Self::Missing => None,
            Self::One(text) => Some(Value::One(text.clone())),
            Self::Many(texts) => Some(Value::Many(texts.clone())),
        }
    }
}

/// A condition as it was compiled and as it was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written<'a> {
    pub(crate) compiled: &'a Condition,
    pub(crate) entry: &'a ConditionEntry,
}

/// Values that are worth choosing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    pub(crate) settings: BTreeMap<Dimension, Vec<Setting>>,
    /// Whether any request by the same caller comes out as one with values from here.
    pub(crate) complete: bool,
}

/// The dimensions that a key of such a caller depends on.
pub(crate) fn of_key(key: &Key, base: &Base, open: Open) -> Vec<Dimension> {
    let context = |name: &str| Dimension::Context(name.into());
    let homeless = base.principal.kind.is_homeless();
    match key {
        Key::Context(name) | Key::ResourceTag(name) => vec![context(name)],
        Key::Session(name) if open >= Open::Session && !homeless => {
            vec![Dimension::Session(name.clone())]
        }
        Key::UserId if open >= Open::SessionName && base.principal.kind.is_session() => {
            vec![Dimension::SessionName]
        }
        Key::PrincipalTag(tag) if open >= Open::Facts && !homeless => {
            vec![Dimension::PrincipalTag(tag.clone())]
        }
        Key::PrincipalOrgId | Key::PrincipalOrgPaths if open >= Open::Facts && !homeless => {
            vec![Dimension::Organization]
        }
        Key::ResourceOrgId(name) | Key::ResourceOrgPaths(name) => {
            let own = open >= Open::Facts && !homeless;
            own.then_some(Dimension::Organization).into_iter().chain([context(name)]).collect()
        }
        Key::CalledViaFirst(name) | Key::CalledViaLast(name) => {
            vec![context("aws:calledvia"), context(name)]
        }
        _ => Vec::new(),
    }
}

/// The dimensions of the variables of a text.
pub(crate) fn of_template(template: &Template, base: &Base, open: Open) -> Vec<Dimension> {
    let Template::Parts(parts) = template else { return Vec::new() };
    let keys = parts.iter().filter_map(|part| match part {
        Part::Variable { key, .. } => key.as_ref(),
        _ => None,
    });
    keys.flat_map(|key| of_key(key, base, open)).collect()
}

/// Words that open variables stand for, the same everywhere, so that two of them can be equal and can differ.
const WORDS: [&str; 2] = ["x", "y"];

/// A text with its open variables replaced by one word; `None` where a variable that is known has no value.
pub(crate) fn with_word(template: &Template, known: Known<'_>, word: &str) -> Option<Glob> {
    let parts = match template {
        Template::Plain(text) => return Some(Glob::new(text)),
        Template::Parts(parts) => &***parts,
    };
    let mut steps = Vec::new();
    for part in parts {
        match part {
            Part::Pattern(text) => steps.extend_from_slice(Glob::new(text).steps()),
            Part::Escape(text) => steps.extend(text.chars().map(Step::Char)),
            Part::Variable { key: Some(key), .. } if !known.has(key) => {
                steps.extend(word.chars().map(Step::Char));
            }
            Part::Variable { key, default } => {
                let value = key.as_ref().and_then(|key| key.single(known.request));
                steps.extend(value.or(default.as_deref())?.chars().map(Step::Char));
            }
        }
    }
    Some(Glob::from_steps(steps))
}

/// All ways to fill the open variables of a text that are looked at.
pub(crate) fn instances(template: &Template, known: Known<'_>, open: bool) -> Vec<Glob> {
    let words = if open { WORDS.as_slice() } else { WORDS.get(..1).unwrap_or_default() };
    words.iter().filter_map(|word| with_word(template, known, word)).collect()
}

/// A pattern as a text that it matches, and that people can read.
pub(crate) fn example(glob: &Glob) -> String {
    let plain = glob.steps().iter().map(|step| match step {
        Step::Star | Step::Any => 'x',
        Step::Char(c) => *c,
    });
    plain.collect()
}

impl Pool {
    /// The values worth choosing for everything that the conditions, and these variables of resources, are about.
    pub(crate) fn new(
        conditions: &[Written<'_>],
        variables: &BTreeSet<Dimension>,
        base: &Base,
        open: Open,
    ) -> Self {
        let mut pool = Self { settings: BTreeMap::new(), complete: true };
        let mut about: BTreeMap<Dimension, Vec<Written<'_>>> = BTreeMap::new();
        let mut variables = variables.clone();
        for condition in conditions {
            for dimension in of_key(&condition.compiled.key, base, open) {
                about.entry(dimension).or_default().push(*condition);
            }
            for template in condition.compiled.templates() {
                variables.extend(of_template(template, base, open));
            }
        }
        pool.complete &= variables.is_empty();
        for dimension in &variables {
            about.entry(dimension.clone()).or_default();
        }
        for (dimension, conditions) in about {
            let maker = Maker { dimension: &dimension, conditions: &conditions, base, open };
            let (settings, complete) = maker.settings(variables.contains(&dimension));
            pool.complete &= complete;
            pool.settings.insert(dimension, settings);
        }
        pool
    }
}

/// Makes the values of one dimension.
struct Maker<'a> {
    dimension: &'a Dimension,
    conditions: &'a [Written<'a>],
    base: &'a Base,
    open: Open,
}

/// Most values of which all combinations are tried, for keys of several values.
const COMBINED_MAX: usize = 5;
/// Most values of a key that stands for text elsewhere.
const VARIABLE_MAX: usize = 6;

impl Maker<'_> {
    fn settings(&self, is_variable: bool) -> (Vec<Setting>, bool) {
        if *self.dimension == Dimension::Organization {
            return self.organizations();
        }
        let (mut texts, mut complete) = self.texts();
        // What a value does where variables are open only shows together with theirs.
        let is_open = |template| !of_template(template, self.base, self.open).is_empty();
        let hangs = self.conditions.iter().any(|c| c.compiled.templates().iter().any(is_open));
        let alone = !is_variable && !hangs;
        if is_variable {
            let words = WORDS.iter().map(|word| (*word).to_owned());
            texts = words.chain(texts).collect();
            texts.truncate(VARIABLE_MAX);
        }
        let many = self.conditions.iter().any(|c| {
            c.compiled.key.is_multivalued() || c.entry.operator.qualifier != Qualifier::None
        });
        let mut settings = vec![Setting::Missing];
        settings.extend(texts.into_iter().map(Setting::One));
        if *self.dimension == Dimension::SessionName {
            settings.retain(|setting| match setting {
                Setting::One(name) => !name.is_empty() && !name.contains(['/', ':']),
                _ => true,
            });
        }
        if self.always_there() {
            settings.rotate_left(1);
        }
        if alone {
            settings = self.distinct(settings);
        }
        if many {
            let single: Vec<String> = settings
                .iter()
                .filter_map(|s| if let Setting::One(text) = s { Some(text.clone()) } else { None })
                .collect();
            complete &= single.len() <= COMBINED_MAX;
            settings.extend(combinations(&single).into_iter().map(Setting::Many));
            if alone {
                settings = self.distinct(settings);
            }
        }
        (settings, complete)
    }

    /// Whether every request has the key.
    fn always_there(&self) -> bool {
        let Dimension::Context(name) = self.dimension else { return false };
        catalogue::global_key(name).is_some_and(|global| global.presence == Presence::Always)
    }

    /// Values of each cell, those that are easiest to read first.
    fn texts(&self) -> (Vec<String>, bool) {
        let context = crate::Context::default();
        let request = crate::Request {
            resource_account: self.base.resource_account,
            ..crate::Request::new(
                &self.base.principal,
                &self.base.action,
                &self.base.resource,
                &context,
            )
        };
        let known = Known { request: &request, open: self.open };
        let (mut patterns, mut listed, mut brought) = (Vec::new(), Vec::new(), Vec::new());
        for condition in self.conditions {
            let comparison = condition.entry.operator.comparison;
            listed.extend(values::around(comparison, &condition.entry.values));
            for template in condition.compiled.templates() {
                let is_open = !of_template(template, self.base, self.open).is_empty();
                for glob in instances(template, known, is_open) {
                    let (pattern, text) = match comparison {
                        Comparison::StringLike => (Some(Matcher::glob(&glob)), example(&glob)),
                        Comparison::ArnLike => (Matcher::arn(&glob), example(&glob)),
                        other => {
                            let text = literal(template, known, &glob);
                            let matcher = if other == Comparison::StringEqualsIgnoreCase {
                                Matcher::text_of_any_case(&text)
                            } else {
                                Matcher::text(&text)
                            };
                            (Some(matcher), text)
                        }
                    };
                    patterns.extend(pattern);
                    brought.push(text);
                }
            }
            if comparison == Comparison::ArnLike {
                patterns.push(Matcher::any_arn(false));
                brought.push("arn:aws:x:::x".to_owned());
            }
        }
        brought.push("x".to_owned());
        brought.push(String::new());
        // The range that policies may be written in.
        let of = |c: char| (' '..='\u{ff}').contains(&c);
        let Cells { texts, complete } = cells(&patterns, brought, Wanted { like: None, of });
        let all = listed.into_iter().chain(texts);
        let (plain, empty): (Vec<String>, Vec<String>) = all.partition(|text| !text.is_empty());
        (plain.into_iter().chain(empty).collect(), complete)
    }

    /// Whether each condition holds when this is all that is chosen.
    fn outcome(&self, setting: &Setting) -> Vec<Truth> {
        let witness = self.base.under(&Chosen::from([(self.dimension, setting)]));
        let request = witness.request();
        self.conditions.iter().map(|condition| condition.compiled.holds(&request)).collect()
    }

    /// One value of each outcome, the first one.
    fn distinct(&self, settings: Vec<Setting>) -> Vec<Setting> {
        let mut seen = BTreeSet::new();
        settings.into_iter().filter(|setting| seen.insert(self.outcome(setting))).collect()
    }

    /// Organizations: none, and one for each id and path that conditions can tell apart.
    fn organizations(&self) -> (Vec<Setting>, bool) {
        // A resource of the caller's own account stands where the caller does.
        let about = |wanted: fn(&Key) -> bool| {
            let conditions = self.conditions.iter().filter(|c| wanted(&c.compiled.key));
            let conditions: Vec<Written<'_>> = conditions.copied().collect();
            Maker { conditions: &conditions, ..*self }.texts()
        };
        let (ids, whole) = about(|key| matches!(key, Key::PrincipalOrgId | Key::ResourceOrgId(_)));
        let (paths, complete) =
            about(|key| matches!(key, Key::PrincipalOrgPaths | Key::ResourceOrgPaths(_)));
        let mut settings = vec![Setting::Missing];
        for id in &ids {
            settings.extend(paths.iter().map(|path| Setting::Many(vec![id.clone(), path.clone()])));
        }
        (self.distinct(settings), whole && complete)
    }
}

/// A listed value that is compared without wildcards.
fn literal(template: &Template, known: Known<'_>, glob: &Glob) -> String {
    let steps = |template: &Template| match template {
        Template::Plain(text) => Some(text.to_string()),
        Template::Parts(parts) => {
            let texts = parts.iter().map(|part| match part {
                Part::Pattern(text) | Part::Escape(text) => Some(text.to_string()),
                Part::Variable { key: Some(key), .. } if !known.has(key) => None,
                Part::Variable { key, default } => {
                    let value = key.as_ref().and_then(|key| key.single(known.request));
                    value.or(default.as_deref()).map(str::to_owned)
                }
            });
            texts.collect()
        }
    };
    steps(template).unwrap_or_else(|| glob.to_string())
}

/// All combinations of few values; of many the pairs and the whole.
fn combinations(values: &[String]) -> Vec<Vec<String>> {
    let pick = |bits: u32| {
        let chosen = values.iter().enumerate().filter(|(n, _)| bits >> n & 1 == 1);
        chosen.map(|(_, value)| value.clone()).collect::<Vec<_>>()
    };
    if values.len() <= COMBINED_MAX {
        return (0..1_u32 << values.len()).map(pick).collect();
    }
    let mut all = vec![Vec::new(), values.to_vec()];
    for (n, one) in values.iter().enumerate() {
        all.extend(values.iter().skip(n + 1).map(|two| vec![one.clone(), two.clone()]));
    }
    all
}
