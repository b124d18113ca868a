//! Policy variables: text in which `${aws:username}` stands for a value of the request.

use smallvec::SmallVec;

use crate::{
    Request,
    deliberate::{Bug, bug},
    key::Key,
    truth::Truth,
    wildcard::{self, Pattern, Token},
};

/// A text of a policy, with its variables found once, when the policy is compiled.
#[derive(Clone, Debug)]
pub(crate) enum Template {
    /// No variable in it.
    Plain(Box<str>),
    /// Variables and the text between them. They are rare: twice boxed they leave the size of a template at that of a text.
    Parts(Box<Box<[Part]>>),
}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// Text whose `*` and `?` are wildcards where the element knows wildcards.
    Pattern(Box<str>),
    /// An escape, `${*}`, `${?}` or `${$}`: the character itself.
    Escape(Box<str>),
    /// The value of a key, or the default when the request has none. `None`: a key of several values, which no variable stands for.
    Variable { key: Option<Key>, default: Option<Box<str>> },
}

impl Template {
    /// Reads a text. Without `variables` (language version 2008-10-17) `${...}` is literal.
    pub(crate) fn new(text: &str, variables: bool) -> Self {
        if !variables || !text.contains("${") {
            return Self::Plain(text.into());
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            // A brace that is never closed is text.
            let Some((inner, after)) = behind.split_once('}') else { break };
            if !before.is_empty() {
                parts.push(Part::Pattern(before.into()));
            }
            parts.push(Part::new(inner));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Pattern(rest.into()));
        }
        Self::Parts(Box::new(parts.into()))
    }

    /// What every match begins with: the text before the first wildcard or variable.
    pub(crate) fn head(&self) -> &str {
        match self {
            Self::Plain(text) => wildcard::literal_head(text),
            Self::Parts(parts) => match parts.first() {
                Some(Part::Pattern(text)) => wildcard::literal_head(text),
                _ => "",
            },
        }
    }

    /// The texts between and behind the wildcards and variables: each stands in every match, behind the head.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &str> {
        let (plain, parts): (Option<&str>, &[Part]) = match self {
            Self::Plain(text) => (Some(text), &[]),
            Self::Parts(parts) => (None, parts),
        };
        let texts = parts.iter().filter_map(|part| match part {
            Part::Pattern(text) => Some(&**text),
            Part::Escape(_) | Part::Variable { .. } => None,
        });
        // The first is the head, where there is one.
        let head = usize::from(!self.head().is_empty());
        plain.into_iter().chain(texts).flat_map(|text| text.split(['*', '?'])).skip(head)
    }

    /// The text, where it holds no variable.
    pub(crate) fn as_plain(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Parts(_) => None,
        }
    }

    /// Whether `text` matches, with wildcards. A variable without a value matches nothing.
    pub(crate) fn like(&self, text: &str, request: &Request<'_>) -> bool {
        match self {
            Self::Plain(pattern) => wildcard::wildcard_matches(pattern, text),
            Self::Parts(parts) => resolve(parts, request)
                .is_some_and(|p| wildcard::matches(&p, 0..p.len(), text.as_bytes())),
        }
    }

    /// Whether `text` could match if every key that the request does not have had the right value.
    pub(crate) fn may_be_like(&self, text: &str, request: &Request<'_>) -> bool {
        match self {
            Self::Plain(pattern) => wildcard::wildcard_matches(pattern, text),
            Self::Parts(parts) => supplied(parts, request)
                .is_some_and(|p| wildcard::matches(&p, 0..p.len(), text.as_bytes())),
        }
    }

    /// Whether the request has every key that its variables ask for.
    pub(crate) fn is_known(&self, request: &Request<'_>) -> bool {
        let known = |part: &Part| match part {
            Part::Variable { key: Some(key), .. } => key.single(request).is_some(),
            _ => true,
        };
        match self {
            Self::Plain(_) => true,
            Self::Parts(parts) => parts.iter().all(known),
        }
    }

    /// Whether every variable in it has a value.
    pub(crate) fn resolves(&self, request: &Request<'_>) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Parts(parts) => resolve(parts, request).is_some(),
        }
    }

    /// The text with the request's values in place; `None` where a variable has none.
    pub(crate) fn filled(&self, request: &Request<'_>) -> Option<String> {
        match self {
            Self::Plain(text) => Some(text.to_string()),
            Self::Parts(parts) => Some(resolve(parts, request)?.chars().collect()),
        }
    }

    /// Whether `arn` matches, part by part.
    pub(crate) fn arn_like(&self, arn: &str, request: &Request<'_>) -> Truth {
        if bug(Bug::ArnWildcardsCrossColons) {
            return self.like(arn, request).into();
        }
        match self {
            Self::Plain(pattern) => wildcard::arn_matches(pattern.as_bytes(), arn),
            Self::Parts(parts) => resolve(parts, request)
                .map_or(Truth::False, |pattern| wildcard::arn_matches(&pattern, arn)),
        }
    }

    /// Whether `text` is equal, without wildcards.
    pub(crate) fn equals(&self, text: &str, request: &Request<'_>) -> bool {
        match self {
            Self::Plain(wanted) => **wanted == *text,
            Self::Parts(parts) => {
                resolve(parts, request).is_some_and(|p| p.chars().eq(text.chars()))
            }
        }
    }

    /// Whether `text` is equal without regard to case.
    pub(crate) fn equals_ignoring_case(&self, text: &str, request: &Request<'_>) -> bool {
        let lower = || text.chars().flat_map(char::to_lowercase);
        match self {
            Self::Plain(wanted) => wanted.chars().flat_map(char::to_lowercase).eq(lower()),
            Self::Parts(parts) => resolve(parts, request)
                .is_some_and(|p| p.chars().flat_map(char::to_lowercase).eq(lower())),
        }
    }
}

impl Part {
    fn new(inner: &str) -> Self {
        if matches!(inner, "*" | "?" | "$") {
            return Self::Escape(inner.into());
        }
        let (key, default) = match inner.split_once(',') {
            Some((key, default)) => (key, Some(unquoted(default.trim()).into())),
            None => (inner, None),
        };
        let key = Some(Key::new(key.trim()))
            .filter(|key| bug(Bug::SeveralValuesInVariables) || !key.is_multivalued());
        Self::Variable { key, default: default.filter(|_| !bug(Bug::DefaultIsIgnored)) }
    }
}

/// A default without its quotes.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(text)
}

/// A template with the request's values in place. Eight pieces are more than policies have in one text.
struct Resolved<'a>(SmallVec<[(Kind, &'a str); 8]>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Written in the policy.
    Pattern,
    /// A value: never a wildcard, so that nobody widens a policy through his own name.
    Literal,
}

fn resolve<'a>(parts: &'a [Part], request: &'a Request<'a>) -> Option<Resolved<'a>> {
    let pieces = parts.iter().map(|part| match part {
        Part::Pattern(text) => Some((Kind::Pattern, &**text)),
        Part::Escape(text) => Some((Kind::Literal, &**text)),
        Part::Variable { key, default } => {
            let value = key.as_ref().and_then(|key| key.single(request));
            let kind = if bug(Bug::ValuesAreWildcards) { Kind::Pattern } else { Kind::Literal };
            Some((kind, value.or(default.as_deref())?))
        }
    });
    pieces.collect::<Option<_>>().map(Resolved)
}

/// The same with any text where the request does not have a key. A key of several values never gets one.
fn supplied<'a>(parts: &'a [Part], request: &'a Request<'a>) -> Option<Resolved<'a>> {
    let pieces = parts.iter().map(|part| match part {
        Part::Variable { key: Some(key), .. } => {
            Some(key.single(request).map_or((Kind::Pattern, "*"), |value| (Kind::Literal, value)))
        }
        Part::Variable { key: None, default } => Some((Kind::Literal, default.as_deref()?)),
        Part::Pattern(text) => Some((Kind::Pattern, &**text)),
        Part::Escape(text) => Some((Kind::Literal, &**text)),
    });
    pieces.collect::<Option<_>>().map(Resolved)
}

/// The condition keys that the variables of a text stand for, as they are written there, and whether each has a default of its own.
fn variables(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let inner = text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    inner.filter(|inner| !matches!(*inner, "*" | "?" | "$")).map(|inner| {
        inner.split_once(',').map_or((inner.trim(), false), |(key, _)| (key.trim(), true))
    })
}

/// The names of the condition keys that the variables of a text stand for, as they are written there.
pub(crate) fn variable_names(text: &str) -> impl Iterator<Item = &str> {
    variables(text).map(|(name, _)| name)
}

/// Those of them that a text can't do without: a variable with a default of its own is left out.
pub(crate) fn needed_variables(text: &str) -> impl Iterator<Item = &str> {
    variables(text).filter(|(_, has_default)| !has_default).map(|(name, _)| name)
}

impl Resolved<'_> {
    fn len(&self) -> usize {
        self.0.iter().map(|(_, text)| text.len()).sum()
    }

    fn chars(&self) -> impl Iterator<Item = char> {
        self.0.iter().flat_map(|(_, text)| text.chars())
    }
}

impl Pattern for Resolved<'_> {
    fn token(&self, mut at: usize) -> Option<Token> {
        for (kind, text) in &self.0 {
            match text.as_bytes().get(at) {
                Some(byte) if *kind == Kind::Literal => return Some(Token::Byte(*byte)),
                Some(byte) => return Some(Token::from(*byte)),
                None => at -= text.len(),
            }
        }
        None
    }
}
