//! Which actions and resources two sets of policies can tell apart, and real ones that stand for each kind.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Action,
    backwards::{
        cells::{Cells, Matcher, Signature, Wanted, cells, signature},
        dimension::{example, instances, of_template},
        glob::Glob,
        known::{Known, Open},
        witness::Base,
    },
    catalogue::{self, CatalogueAction, ResourceType},
    statement::CompiledStatement,
};

/// Actions that no policy tells apart.
#[derive(Clone, Debug)]
pub(crate) struct ActionCell {
    /// One of them, which a service has where one does.
    pub(crate) action: Action,
    /// Those of the catalogue.
    pub(crate) known: Vec<&'static CatalogueAction>,
}

impl ActionCell {
    /// Its actions of the catalogue, of those that work on a resource where one is given; else the one that shows it.
    pub(crate) fn fitting(&self, resource: Option<&Named>) -> Vec<String> {
        let fits = |action: &&&CatalogueAction| resource.is_none_or(|named| named.fits(action));
        let known: Vec<String> = self.known.iter().filter(fits).map(ToString::to_string).collect();
        if known.is_empty() { vec![self.action.to_string()] } else { known }
    }
}

/// The action patterns of statements, each once.
fn action_patterns<'a>(
    statements: impl IntoIterator<Item = &'a CompiledStatement>,
) -> BTreeSet<&'a str> {
    statements.into_iter().flat_map(|s| s.actions.patterns.iter().map(|p| &**p)).collect()
}

/// All cells of actions. The flag: whether they are complete.
pub(crate) fn action_cells<'a>(
    statements: impl IntoIterator<Item = &'a CompiledStatement>,
) -> (Vec<ActionCell>, bool) {
    let patterns = action_patterns(statements);
    let listed: Vec<&str> = patterns.iter().copied().filter(|pattern| *pattern != "*").collect();
    let mut covered: BTreeMap<(&str, &str), Signature> = BTreeMap::new();
    for (place, pattern) in listed.iter().enumerate() {
        for action in catalogue::expand(pattern) {
            covered.entry((action.service, action.name)).or_default().push(place);
        }
    }
    let mut known: BTreeMap<Signature, Vec<&'static CatalogueAction>> = BTreeMap::new();
    for action in catalogue::services().iter().flat_map(catalogue::Service::actions) {
        let of = covered.remove(&(action.service, action.name)).unwrap_or_default();
        known.entry(of).or_default().push(action);
    }
    let matchers: Vec<Matcher> =
        listed.iter().map(|pattern| Matcher::glob(&Glob::new(pattern))).collect();
    let brought = known.values().filter_map(|actions| actions.first());
    let brought: Vec<String> =
        brought.map(|action| action.to_string().to_ascii_lowercase()).collect();
    let any = Matcher::any_action();
    let may = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | ':')
    };
    let Cells { texts, complete } = cells(&matchers, brought, Wanted { like: Some(&any), of: may });
    let cell = |text: String| {
        let known = known.remove(&signature(&matchers, &text)).unwrap_or_default();
        let shown = known.first().map_or(text, ToString::to_string);
        Some(ActionCell { action: Action::parse(&shown).ok()?, known })
    };
    (texts.into_iter().filter_map(cell).collect(), complete)
}

/// A resource, and what it can be.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) text: String,
    types: Vec<&'static ResourceType>,
}

impl Named {
    pub(crate) fn new(text: String) -> Self {
        let types = if text == "*" { Vec::new() } else { catalogue::resource_types_of(&text) };
        Self { text, types }
    }

    /// Whether an action works on it.
    pub(crate) fn fits(&self, action: &CatalogueAction) -> bool {
        if self.text == "*" {
            return action.resource_types.is_empty();
        }
        self.types.iter().any(|resource_type| action.works_on(resource_type))
    }
}

/// Resources that no policy tells apart, of which people can read the first best.
pub(crate) type ResourceCell = Vec<Named>;

/// All cells of resources, for one caller. The flag: whether they are complete.
pub(crate) fn resource_cells<'a>(
    statements: impl IntoIterator<Item = &'a CompiledStatement>,
    types: &[&'static ResourceType],
    known: Known<'_>,
    base: &Base,
    open: Open,
) -> (Vec<ResourceCell>, bool) {
    let elements = statements.into_iter().filter_map(|s| s.resources.as_ref());
    let mut globs = BTreeSet::new();
    let mut exact = true;
    for template in elements.flat_map(|element| element.patterns.iter()) {
        let is_open = !of_template(template, base, open).is_empty();
        exact &= !is_open;
        globs.extend(instances(template, known, is_open));
    }
    let matchers: Vec<Matcher> = globs.iter().map(Matcher::glob).collect();
    let any = Matcher::any_arn(true);
    let account = base.resource_account.or(base.principal.account);
    let account = account.map(|a| a.to_string()).unwrap_or_default();
    let mut brought: Vec<String> = types.iter().map(|t| filled(t.arn, &account)).collect();
    brought.extend(globs.iter().map(example));
    let mut groups: BTreeMap<Signature, Vec<String>> = BTreeMap::new();
    let star = core::iter::once("*".to_owned());
    for text in star.chain(brought.into_iter().filter(|text| any.matches(text))) {
        let group = groups.entry(signature(&matchers, &text)).or_default();
        if !group.contains(&text) {
            group.push(text);
        }
    }
    let firsts: Vec<String> = groups.values().filter_map(|texts| texts.first()).cloned().collect();
    let of = |c: char| (' '..='\u{ff}').contains(&c);
    let found = cells(&matchers, firsts, Wanted { like: Some(&any), of });
    for text in found.texts {
        let group = groups.entry(signature(&matchers, &text)).or_default();
        if group.is_empty() {
            group.push(text);
        }
    }
    let named = |texts: Vec<String>| texts.into_iter().map(Named::new).collect();
    (groups.into_values().map(named).collect(), found.complete && exact)
}

/// An ARN of the reference with something in place of each placeholder.
fn filled(arn: &str, account: &str) -> String {
    let mut text = String::with_capacity(arn.len());
    let mut rest = arn;
    while let Some((before, behind)) = rest.split_once("${") {
        let Some((name, after)) = behind.split_once('}') else { break };
        text.push_str(before);
        text.push_str(match name {
            "Partition" => "aws",
            "Region" => "eu-west-1",
            name if name.starts_with("Account") => account,
            _ => "x",
        });
        rest = after;
    }
    text.push_str(rest);
    text
}
