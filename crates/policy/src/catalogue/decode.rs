//! Reads the packed lines that `cargo xtask catalogue` writes; `xtask/src/catalogue.rs` describes them.

use super::{
    AccessLevel, ActionResource, CatalogueAction, ResourceType, Service, arn_pattern::ArnPattern,
    condition_key::ConditionKey,
};

/// The services of a packed text, which is also given in lower case. A line that can't be read is left out; a test holds that none is.
pub(super) fn services(text: &'static str, lower: &'static str) -> Vec<Service> {
    let mut services = Vec::new();
    let mut open: Option<Open> = None;
    for (line, lower) in text.lines().zip(lower.lines()) {
        let (kind, fields) = line.split_once('\t').unwrap_or_default();
        if kind == "S" {
            services.extend(open.take().map(Open::close));
            open = fields.split_once('\t').map(|(prefix, name)| Open::new(prefix, name));
        } else if let Some(open) = &mut open {
            open.line(kind, fields, lower);
        }
    }
    services.extend(open.map(Open::close));
    services
}

/// A service whose lines are being read.
struct Open {
    prefix: &'static str,
    name: &'static str,
    actions: Vec<CatalogueAction>,
    resource_types: Vec<ResourceType>,
    condition_keys: Vec<ConditionKey>,
}

impl Open {
    fn new(prefix: &'static str, name: &'static str) -> Self {
        Self {
            prefix,
            name,
            actions: Vec::new(),
            resource_types: Vec::new(),
            condition_keys: Vec::new(),
        }
    }

    /// Reads a line; `None` when it can't be read.
    fn line(&mut self, kind: &str, fields: &'static str, lower: &'static str) -> Option<()> {
        let mut fields = fields.split('\t');
        let name = fields.next()?;
        match kind {
            "K" => self.condition_keys.push(ConditionKey::packed(name, fields.next()?)?),
            "R" => {
                let arn = fields.next()?;
                self.resource_types.push(ResourceType {
                    service: self.prefix,
                    name,
                    arn,
                    condition_keys: self.keys(fields.next()?, ',')?,
                    pattern: ArnPattern::of_reference(arn),
                });
            }
            "A" => {
                let action = CatalogueAction {
                    service: self.prefix,
                    name,
                    access_level: access_level(fields.next()?)?,
                    resource_types: self.action_resources(fields.next()?)?,
                    condition_keys: self.keys(fields.next()?, ',')?,
                    dependent_actions: items(fields.next()?, ',').collect(),
                    lower: lower.split('\t').nth(1)?,
                };
                self.actions.push(action);
            }
            _ => return None,
        }
        Some(())
    }

    fn keys(&self, places: &str, separator: char) -> Option<Box<[&'static str]>> {
        let key = |place: &str| Some(self.condition_keys.get(place.parse::<usize>().ok()?)?.name);
        items(places, separator).map(key).collect()
    }

    fn action_resources(&self, places: &str) -> Option<Box<[ActionResource]>> {
        let resource = |text: &str| {
            let (place, keys) = text.split_once('.').unwrap_or((text, ""));
            let (place, required) = place.strip_suffix('!').map_or((place, false), |p| (p, true));
            let name = self.resource_types.get(place.parse::<usize>().ok()?)?.name;
            Some(ActionResource { name, required, condition_keys: self.keys(keys, '.')? })
        };
        items(places, ',').map(resource).collect()
    }

    fn close(mut self) -> Service {
        self.actions.sort_by(|a, b| a.lower.cmp(b.lower));
        Service {
            prefix: self.prefix,
            name: self.name,
            actions: self.actions.into(),
            resource_types: self.resource_types.into(),
            condition_keys: self.condition_keys.into(),
        }
    }
}

/// The items of a list, which is empty when its text is.
fn items(text: &str, separator: char) -> impl Iterator<Item = &str> {
    text.split(separator).filter(|item| !item.is_empty())
}

fn access_level(letter: &str) -> Option<AccessLevel> {
    Some(match letter {
        "L" => AccessLevel::List,
        "R" => AccessLevel::Read,
        "W" => AccessLevel::Write,
        "P" => AccessLevel::PermissionsManagement,
        "T" => AccessLevel::Tagging,
        _ => return None,
    })
}
