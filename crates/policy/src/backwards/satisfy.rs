//! Finds circumstances under which a formula holds.
//!
//! The values of a pool stand for all others, so that it is enough to try those. Keys are chosen one by one, the next one always one
//! that the formula still hangs on, and a choice that decides the formula ends its branch.

use super::{
    dimension::{self, Dimension, Pool, Setting},
    formula::{Asks, Formula, Literal},
    known::Open,
    witness::{Base, Chosen, Witness},
};

/// Nothing was found within the bound, and not everything was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GaveUp;

/// Where to look.
#[derive(Clone, Copy)]
pub(crate) struct Search<'a> {
    pub(crate) base: &'a Base,
    pub(crate) open: Open,
    pub(crate) pool: &'a Pool,
    /// Whether a value may be chosen.
    pub(crate) may: &'a dyn Fn(&Dimension, &Setting) -> bool,
    /// Most choices.
    pub(crate) choices: usize,
}

/// Most choices for one formula, where there is time.
pub(crate) const CHOICES_MAX: usize = 20_000;

/// After so many searches that were broken off, further ones get a hundredth of the choices.
pub(crate) const PATIENCE: usize = 20;

/// The choices for the next search.
pub(crate) fn choices(broken_off: usize) -> usize {
    if broken_off < PATIENCE { CHOICES_MAX } else { CHOICES_MAX / 100 }
}

/// A formula over numbered literals.
enum Tree {
    Known(bool),
    Is { literal: usize, negated: bool },
    Joined { by_and: bool, parts: Vec<Tree> },
}

impl Tree {
    fn of(formula: &Formula, literals: &[&Literal]) -> Self {
        let number = |literal: &Literal| literals.iter().position(|known| *known == literal);
        let is = |literal: &Literal, negated| {
            number(literal).map_or(Self::Known(false), |literal| Self::Is { literal, negated })
        };
        match formula {
            Formula::True => Self::Known(true),
            Formula::False => Self::Known(false),
            Formula::Is(literal) => is(literal, false),
            Formula::Not(literal) => is(literal, true),
            Formula::All(parts) | Formula::Any(parts) => Self::Joined {
                by_and: matches!(formula, Formula::All(_)),
                parts: parts.iter().map(|part| Self::of(part, literals)).collect(),
            },
        }
    }

    /// Whether it holds; `None` where that hangs on a literal that is not known.
    fn holds(&self, known: &[Option<bool>]) -> Option<bool> {
        match self {
            Self::Known(holds) => Some(*holds),
            Self::Is { literal, negated } => {
                known.get(*literal).copied().flatten().map(|holds| holds != *negated)
            }
            Self::Joined { by_and, parts } => {
                let mut whole = Some(*by_and);
                for part in parts {
                    match part.holds(known) {
                        Some(holds) if holds != *by_and => return Some(holds),
                        Some(_) => {}
                        None => whole = None,
                    }
                }
                whole
            }
        }
    }

    /// A literal that it hangs on.
    fn open(&self, known: &[Option<bool>]) -> Option<usize> {
        match self {
            Self::Known(_) => None,
            Self::Is { literal, .. } => {
                known.get(*literal).copied().flatten().is_none().then_some(*literal)
            }
            Self::Joined { parts, .. } => {
                parts.iter().filter(|p| p.holds(known).is_none()).find_map(|p| p.open(known))
            }
        }
    }
}

/// What is being tried.
struct Trial<'a> {
    search: Search<'a>,
    tree: Tree,
    literals: Vec<&'a Literal>,
    /// What each literal depends on.
    about: Vec<Vec<Dimension>>,
    choices: usize,
}

/// A request by this caller, with this action and resource, of which the formula holds.
pub(crate) fn satisfy(formula: &Formula, search: Search<'_>) -> Result<Option<Witness>, GaveUp> {
    let mut literals: Vec<&Literal> = Vec::new();
    for literal in formula.literals() {
        if !literals.contains(&literal) {
            literals.push(literal);
        }
    }
    let about = literals.iter().map(|literal| dimensions(literal, search)).collect();
    let tree = Tree::of(formula, &literals);
    let mut trial = Trial { search, tree, literals, about, choices: 0 };
    let known = vec![None; trial.literals.len()];
    trial.go(&Chosen::new(), known)
}

fn dimensions(literal: &Literal, search: Search<'_>) -> Vec<Dimension> {
    let Search { base, open, .. } = search;
    let statement = literal.statement.policy.statements().get(literal.statement.index);
    let Some(statement) = statement else { return Vec::new() };
    match &literal.asks {
        Asks::Action(_) => Vec::new(),
        Asks::Resource { .. } | Asks::Resolves { .. } => {
            let pattern = statement.resources.as_ref().and_then(|r| r.patterns.get(literal.place));
            pattern.map(|p| dimension::of_template(p, base, open)).unwrap_or_default()
        }
        Asks::Condition { .. } => {
            let Some(condition) = statement.conditions.get(literal.place) else {
                return Vec::new();
            };
            let values = condition.templates().iter();
            let values = values.flat_map(|t| dimension::of_template(t, base, open));
            dimension::of_key(&condition.key, base, open).into_iter().chain(values).collect()
        }
    }
}

impl Trial<'_> {
    fn go(
        &mut self,
        chosen: &Chosen<'_>,
        mut known: Vec<Option<bool>>,
    ) -> Result<Option<Witness>, GaveUp> {
        self.choices += 1;
        if self.choices > self.search.choices {
            return Err(GaveUp);
        }
        let witness = self.search.base.under(chosen);
        let request = witness.request();
        for ((literal, about), known) in self.literals.iter().zip(&self.about).zip(&mut known) {
            if known.is_none() && about.iter().all(|dimension| chosen.contains_key(dimension)) {
                *known = Some(literal.holds(&request));
            }
        }
        match self.tree.holds(&known) {
            Some(true) => return Ok(Some(witness)),
            Some(false) => return Ok(None),
            None => {}
        }
        let open = self.tree.open(&known).and_then(|literal| self.about.get(literal));
        let next = open.and_then(|about| about.iter().find(|d| !chosen.contains_key(d))).cloned();
        let pool = self.search.pool;
        let found = next.and_then(|dimension| pool.settings.get_key_value(&dimension));
        let Some((dimension, settings)) = found else { return Err(GaveUp) };
        let mut gave_up = Ok(None);
        for setting in settings.iter().filter(|setting| (self.search.may)(dimension, setting)) {
            let mut further = chosen.clone();
            further.insert(dimension, setting);
            match self.go(&further, known.clone()) {
                Ok(Some(witness)) => return Ok(Some(witness)),
                Ok(None) => {}
                Err(GaveUp) => gave_up = Err(GaveUp),
            }
        }
        gave_up
    }
}
