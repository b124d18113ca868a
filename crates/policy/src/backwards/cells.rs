//! The cells that patterns cut texts into: two texts are in one cell when the same patterns match them. One text of each is enough to
//! know what the patterns can tell apart.
//!
//! The texts are found by reading all patterns at once, character by character, shortest texts first. Characters that no pattern asks
//! for next are all alike, so that one of them stands for the others. Where a pattern has come to a star, what it could still do at
//! an earlier place adds nothing (whatever matches from there, matches from the star), which keeps the states few.

use std::collections::{BTreeSet, VecDeque};

use smallvec::SmallVec;

use super::glob::{Glob, Step};

/// Which characters a place of a pattern takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Any.
    Any,
    /// Any but a colon.
    InPart,
    /// This one.
    Is(char),
    /// This one, whatever its case.
    Like(char),
}

impl Class {
    fn takes(self, c: char) -> bool {
        match self {
            Self::Any => true,
            Self::InPart => c != ':',
            Self::Is(wanted) => c == wanted,
            Self::Like(wanted) => c.to_lowercase().eq(wanted.to_lowercase()),
        }
    }
}

/// One place: a character of a class, or any number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    class: Class,
    repeated: bool,
}

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Matcher(Box<[Place]>);

const fn one(class: Class) -> Place {
    Place { class, repeated: false }
}

const fn many(class: Class) -> Place {
    Place { class, repeated: true }
}

impl Matcher {
    /// What a glob matches.
    pub(crate) fn glob(glob: &Glob) -> Self {
        Self(glob.steps().iter().map(|step| place(*step, Class::Any)).collect())
    }

    /// Just this text.
    pub(crate) fn text(text: &str) -> Self {
        Self(text.chars().map(|c| one(Class::Is(c))).collect())
    }

    /// This text, whatever its case.
    pub(crate) fn text_of_any_case(text: &str) -> Self {
        Self(text.chars().map(|c| one(Class::Like(c))).collect())
    }

    /// What a glob matches part by part, as the operators for ARNs have it. `None`: it has too few parts to match anything.
    pub(crate) fn arn(glob: &Glob) -> Option<Self> {
        let mut colons = 0;
        let places = glob.steps().iter().map(|step| {
            let class = if colons < COLONS { Class::InPart } else { Class::Any };
            if *step == Step::Char(':') {
                colons += 1;
            }
            place(*step, class)
        });
        let places = places.collect();
        (colons >= COLONS).then_some(Self(places))
    }

    /// Whatever has the six parts of an ARN. `named`: and begins with `arn:`, with a partition and a service.
    pub(crate) fn any_arn(named: bool) -> Self {
        let part = |filled: bool| {
            let some = filled.then_some(one(Class::InPart));
            some.into_iter().chain([many(Class::InPart), one(Class::Is(':'))])
        };
        let mut places: Vec<Place> = if named {
            "arn:".chars().map(|c| one(Class::Is(c))).collect()
        } else {
            part(false).collect()
        };
        for filled in [named, named, false, false] {
            places.extend(part(filled));
        }
        places.extend(named.then_some(one(Class::Any)));
        places.push(many(Class::Any));
        Self(places.into())
    }

    /// An action: a service, a colon, a name.
    pub(crate) fn any_action() -> Self {
        let part = [one(Class::InPart), many(Class::InPart)];
        Self(part.into_iter().chain([one(Class::Is(':'))]).chain(part).collect())
    }

    /// Whether it matches a text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let mut state = self.begin();
        for c in text.chars() {
            if state.is_empty() {
                return false;
            }
            state = self.step(&state, c);
        }
        self.accepts(&state)
    }

    fn begin(&self) -> State {
        let mut state = State::new();
        self.reach(&mut state, 0);
        self.tidied(state)
    }

    /// Adds a place and those behind stars.
    fn reach(&self, state: &mut State, at: u16) {
        if let Err(place) = state.binary_search(&at) {
            state.insert(place, at);
            if self.0.get(usize::from(at)).is_some_and(|p| p.repeated) {
                self.reach(state, at + 1);
            }
        }
    }

    fn step(&self, state: &State, c: char) -> State {
        let mut next = State::new();
        for at in state {
            match self.0.get(usize::from(*at)) {
                Some(place) if place.class.takes(c) => {
                    self.reach(&mut next, if place.repeated { *at } else { *at + 1 });
                }
                _ => {}
            }
        }
        self.tidied(next)
    }

    /// Without the places before the last star that takes anything.
    fn tidied(&self, state: State) -> State {
        let is_star = |at: &&u16| self.0.get(usize::from(**at)) == Some(&many(Class::Any));
        match state.iter().rev().find(is_star).copied() {
            Some(star) if state.first() != Some(&star) => {
                state.into_iter().filter(|at| *at >= star).collect()
            }
            _ => state,
        }
    }

    fn accepts(&self, state: &State) -> bool {
        state.last().is_some_and(|at| usize::from(*at) == self.0.len())
    }

    /// The characters that it asks for next.
    fn asks_for(&self, state: &State, all: &mut BTreeSet<char>) {
        for at in state {
            match self.0.get(usize::from(*at)).map(|place| place.class) {
                Some(Class::Is(c)) => {
                    all.insert(c);
                }
                Some(Class::Like(c)) => {
                    all.extend(c.to_lowercase().chain(c.to_uppercase()).chain([c]));
                }
                Some(Class::InPart) => {
                    all.insert(':');
                }
                Some(Class::Any) | None => {}
            }
        }
    }
}

/// The colons between the parts of an ARN.
const COLONS: usize = 5;

/// The places that a pattern can be at, in order.
type State = SmallVec<[u16; 2]>;

fn place(step: Step, class: Class) -> Place {
    match step {
        Step::Star => many(class),
        Step::Any => one(class),
        Step::Char(c) => one(Class::Is(c)),
    }
}

/// One text of each cell.
#[derive(Clone, Debug)]
pub(crate) struct Cells {
    /// The texts, those that were brought first.
    pub(crate) texts: Vec<String>,
    /// Whether each cell has one.
    pub(crate) complete: bool,
}

/// Most steps of single patterns that are taken: the search is broken off behind them.
const STEPS_MAX: usize = 3_000_000;
/// Characters that stand for those that nobody asks for.
const OTHERS: &str = "xyzwqkjvXYZWQKJV0123456789_-.,;+=@~!#%&";

/// What texts must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// What every text must match.
    pub(crate) like: Option<&'a Matcher>,
    /// The characters that it may hold.
    pub(crate) of: fn(char) -> bool,
}

/// Places of the patterns that match a text.
pub(crate) type Signature = Vec<usize>;

/// Which of the patterns match a text.
pub(crate) fn signature(patterns: &[Matcher], text: &str) -> Signature {
    let matching = patterns.iter().enumerate().filter(|(_, pattern)| pattern.matches(text));
    matching.map(|(place, _)| place).collect()
}

/// One text of each cell of the patterns: of those that are brought the first, else the shortest.
pub(crate) fn cells(
    patterns: &[Matcher],
    brought: impl IntoIterator<Item = String>,
    wanted: Wanted<'_>,
) -> Cells {
    let patterns: Vec<Matcher> =
        patterns.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
    let mut seen: BTreeSet<Signature> = BTreeSet::new();
    let mut texts: Vec<String> = Vec::new();
    for text in brought {
        let fits =
            text.chars().all(wanted.of) && wanted.like.is_none_or(|like| like.matches(&text));
        if fits && seen.insert(signature(&patterns, &text)) {
            texts.push(text);
        }
    }
    let whole = Matcher::glob(&Glob::new("*"));
    let begin = Reading {
        like: wanted.like.unwrap_or(&whole).begin(),
        live: patterns.iter().map(Matcher::begin).enumerate().collect(),
    };
    let like = wanted.like.unwrap_or(&whole);
    let mut steps = 0;
    let mut known: BTreeSet<Reading> = BTreeSet::from([begin.clone()]);
    let mut waiting = VecDeque::from([(begin, String::new())]);
    while let Some((reading, text)) = waiting.pop_front() {
        if steps > STEPS_MAX {
            return Cells { texts, complete: false };
        }
        if like.accepts(&reading.like) && seen.insert(reading.accepted(&patterns)) {
            texts.push(text.clone());
        }
        let mut asked = BTreeSet::new();
        like.asks_for(&reading.like, &mut asked);
        for (pattern, state) in reading.patterns(&patterns) {
            pattern.asks_for(state, &mut asked);
        }
        let other = OTHERS.chars().find(|c| !asked.contains(c));
        for c in other.into_iter().chain(asked).filter(|c| (wanted.of)(*c)) {
            steps += reading.live.len() + 1;
            let next = reading.step(like, &patterns, c);
            // What can't become what is wanted any more is not read on.
            if !next.like.is_empty() && !known.contains(&next) {
                known.insert(next.clone());
                waiting.push_back((next, format!("{text}{c}")));
            }
        }
    }
    Cells { texts, complete: true }
}

/// How far all patterns are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reading {
    /// What every text must match.
    like: State,
    /// The patterns that can still match, by their places.
    live: Vec<(usize, State)>,
}

impl Reading {
    fn patterns<'a>(
        &'a self,
        patterns: &'a [Matcher],
    ) -> impl Iterator<Item = (&'a Matcher, &'a State)> {
        self.live.iter().filter_map(|(place, state)| Some((patterns.get(*place)?, state)))
    }

    fn accepted(&self, patterns: &[Matcher]) -> Signature {
        let accepts = |(place, state): &&(usize, State)| {
            patterns.get(*place).is_some_and(|p| p.accepts(state))
        };
        self.live.iter().filter(accepts).map(|(place, _)| *place).collect()
    }

    fn step(&self, like: &Matcher, patterns: &[Matcher], c: char) -> Self {
        let live = self.live.iter().filter_map(|(place, state)| {
            let next = patterns.get(*place)?.step(state, c);
            (!next.is_empty()).then_some((*place, next))
        });
        Self { like: like.step(&self.like, c), live: live.collect() }
    }
}

#[cfg(test)]
mod tests;
