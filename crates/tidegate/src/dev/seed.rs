//! The file that a development cluster begins from: accounts with chosen ids, what is in them, and keys with chosen ids and secrets.
//!
//! TOML. Everything that is wrong in it is said with its line before a node starts: the file's entities are made once in an account of the
//! model, by the same commands.

mod entities;

use std::{fs, path::Path};

use serde::Deserialize;
use tidegate_model::{
    CallerRef, Command, Envelope, GroupState,
    command::{CreateAccessKey, InitAccount, caller_kind},
    record::AccountPlacement,
};
use tidegate_node::{Planted, PlantedKey};
use tidegate_policy::AccountId;
use tidegate_replica::GroupId;
use toml::Spanned;

use entities::{Group, InstanceProfile, Policy, Role, User};

/// Largest file, in bytes.
const FILE_MAX: usize = 8 << 20;

/// A file that no cluster can begin from. Nothing was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    /// It can't be read.
    #[error("`{path}` can't be read")]
    Read { path: String, source: std::io::Error },
    /// Something in it.
    #[error("{file}:{line}: {what}")]
    At { file: String, line: usize, what: String },
}

/// An access key.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    id: Spanned<String>,
    secret: String,
}

/// An account.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    id: Spanned<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    partition: String,
    #[serde(default)]
    root_key: Vec<Key>,
    #[serde(default)]
    policy: Vec<Policy>,
    #[serde(default)]
    group: Vec<Group>,
    #[serde(default)]
    user: Vec<User>,
    #[serde(default)]
    role: Vec<Role>,
    #[serde(default)]
    instance_profile: Vec<InstanceProfile>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    account: Vec<Account>,
}

/// A file that was read and found good.
#[derive(Clone)]
pub(crate) struct Seed(File);

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Seed").field("accounts", &self.0.account.len()).finish()
    }
}

/// What draws the unique ids that the file does not choose.
pub(crate) type Draw<'a> = &'a mut dyn FnMut() -> [u8; 16];

/// A command, and where in the file it comes from.
struct Step {
    at: usize,
    command: Command,
}

impl Account {
    fn number(&self) -> Option<AccountId> {
        self.id.get_ref().parse().ok()
    }

    fn placement(&self, number: u64) -> AccountPlacement {
        let or = |text: &String, other: String| if text.is_empty() { other } else { text.clone() };
        AccountPlacement {
            account: number,
            name: or(&self.name, format!("account-{number:012}")),
            email: or(&self.email, format!("{number:012}@seed.tidegate")),
            partition: self.partition.clone(),
            ..AccountPlacement::default()
        }
    }

    /// What makes its entities: policies before those that they are attached to, groups before users, roles before profiles.
    fn steps(&self, draw: Draw<'_>) -> Vec<Step> {
        let place = entities::Place {
            account: self.id.get_ref(),
            partition: if self.partition.is_empty() { "aws" } else { &self.partition },
            policies: &self.policy,
        };
        let mut steps = Vec::new();
        self.policy.iter().for_each(|p| p.steps(draw, &mut steps));
        self.group.iter().for_each(|g| g.steps(&place, draw, &mut steps));
        self.user.iter().for_each(|u| u.steps(&place, draw, &mut steps));
        self.role.iter().for_each(|r| r.steps(&place, draw, &mut steps));
        self.instance_profile.iter().for_each(|p| p.steps(draw, &mut steps));
        steps
    }

    /// Its keys: whose, and the key.
    fn keys(&self) -> impl Iterator<Item = (&str, &Key)> {
        let root = self.root_key.iter().map(|k| ("", k));
        let users = self.user.iter().flat_map(|u| u.key.iter().map(|k| (u.name(), k)));
        root.chain(users)
    }
}

/// The line of a place in a text, from 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

impl Seed {
    /// Reads a file.
    ///
    /// # Errors
    /// It can't be read, or something in it can't be made: with its line.
    pub(crate) fn read(path: &Path) -> Result<Self, SeedError> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|source| SeedError::Read { path: file.clone(), source })?;
        Self::parse(&file, &text)
    }

    fn parse(file: &str, text: &str) -> Result<Self, SeedError> {
        let wrong =
            |at, what: String| SeedError::At { file: file.to_owned(), line: line(text, at), what };
        if text.len() > FILE_MAX {
            return Err(wrong(0, format!("the file is longer than {FILE_MAX} bytes")));
        }
        let read: File = toml::from_str(text).map_err(|e: toml::de::Error| {
            wrong(e.span().map_or(0, |s| s.start), e.message().to_owned())
        })?;
        let seed = Self(read);
        seed.check().map_err(|(at, what)| wrong(at, what))?;
        Ok(seed)
    }

    /// Makes everything once in the model.
    fn check(&self) -> Result<(), (usize, String)> {
        let mut drawn = 0_u128;
        let mut draw = || {
            drawn += 1;
            drawn.to_be_bytes()
        };
        let mut known = std::collections::BTreeSet::new();
        for account in &self.0.account {
            let at = account.id.span().start;
            let number = account.number().ok_or((at, "an account id has 12 digits".to_owned()))?;
            if !known.insert(format!("account {number}")) {
                return Err((at, format!("the account {number} is there twice")));
            }
            if !["", "aws", "aws-cn", "aws-us-gov"].contains(&account.partition.as_str()) {
                let what =
                    format!("`{}` is no partition: aws, aws-cn or aws-us-gov", account.partition);
                return Err((at, what));
            }
            account.check(number.as_u64(), &mut draw)?;
            for (_, key) in account.keys() {
                let (at, id) = (key.id.span().start, key.id.get_ref());
                let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
                if !(16..=128).contains(&id.len())
                    || !id.bytes().all(word)
                    || id.starts_with("ASIA")
                {
                    let what = "an access key id has 16 to 128 letters, digits and underscores, and does not begin with ASIA";
                    return Err((at, what.to_owned()));
                }
                if key.secret.is_empty() || key.secret.len() > 256 {
                    return Err((at, "a secret has 1 to 256 characters".to_owned()));
                }
                if !known.insert(format!("key {id}")) {
                    return Err((at, format!("the access key id {id} is there twice")));
                }
            }
        }
        self.check_ids()
    }

    /// That no chosen key id says another account of the file.
    fn check_ids(&self) -> Result<(), (usize, String)> {
        let numbers: Vec<_> = self.0.account.iter().filter_map(Account::number).collect();
        for account in &self.0.account {
            for (_, key) in account.keys() {
                let says = tidegate_model::ids::account_of_key(key.id.get_ref());
                if says != account.number() && says.is_some_and(|a| numbers.contains(&a)) {
                    let what = format!("the id {} says another account", key.id.get_ref());
                    return Err((key.id.span().start, what));
                }
            }
        }
        Ok(())
    }

    /// The accounts as a node takes them, with fresh unique ids.
    pub(crate) fn accounts(&self, draw: Draw<'_>) -> Vec<Planted> {
        let mut all = Vec::new();
        for account in &self.0.account {
            let Some(number) = account.number() else { continue };
            let keys = account.keys().map(|(user, key)| PlantedKey {
                user: user.to_owned(),
                id: key.id.get_ref().clone(),
                secret: key.secret.clone(),
            });
            all.push(Planted {
                account: account.placement(number.as_u64()),
                keys: keys.collect(),
                commands: account.steps(draw).into_iter().map(|s| s.command).collect(),
            });
        }
        all
    }
}

impl Account {
    /// Makes it once in the model.
    fn check(&self, number: u64, draw: Draw<'_>) -> Result<(), (usize, String)> {
        let mut state = GroupState::new(GroupId(1));
        let placement = self.placement(number);
        let init = Command::InitAccount(InitAccount {
            name: placement.name,
            email: placement.email,
            root_key: None,
            partition: placement.partition,
        });
        let keys = self.keys().map(|(user, key)| Step {
            at: key.id.span().start,
            command: Command::CreateAccessKey(CreateAccessKey {
                user: user.to_owned(),
                id: key.id.get_ref().clone(),
                sealed_secret: vec![0; 64],
            }),
        });
        let first = Step { at: self.id.span().start, command: init };
        let all: Vec<Step> = core::iter::once(first).chain(self.steps(draw)).chain(keys).collect();
        for (index, step) in (1..).zip(all) {
            let caller = CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() };
            let envelope = Envelope {
                account: number,
                caller: Some(caller),
                command: Some(step.command),
                ..Envelope::default()
            };
            let applied = state.apply(index, 0, &envelope);
            applied.outcome.into_result().map_err(|r| (step.at, r.message))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
