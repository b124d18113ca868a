//! Access keys.

use crate::{
    ACCESS_KEYS_MAX, Key, Reply,
    apply::{Answer, Step},
    command::{CreateAccessKey, UpdateAccessKey},
    record::AccessKey,
    rejection::{Rejection, RejectionKind},
};

impl Step<'_> {
    fn key_owner(&self, user: &str) -> Result<String, Rejection> {
        if user.is_empty() {
            return Ok(String::new());
        }
        let user = self.account.user(user).ok_or_else(|| Rejection::no_such("user", user))?;
        Ok(user.value.name.to_ascii_lowercase())
    }

    pub(crate) fn create_access_key(&mut self, c: &CreateAccessKey) -> Answer {
        let user = self.key_owner(&c.user)?;
        if self.account.access_keys(&user).count() >= ACCESS_KEYS_MAX {
            return Err(Rejection::limit("AccessKeysPerUser", ACCESS_KEYS_MAX));
        }
        if self.account.access_key(&c.id).is_some() {
            return Err(Rejection::exists("AccessKey", &c.id));
        }
        let key = AccessKey {
            id: c.id.clone(),
            user,
            active: true,
            sealed_secret: c.sealed_secret.clone(),
            created: self.time,
        };
        self.changes.put(Key::AccessKey(self.number, c.id.clone()), &key);
        Ok(Reply::AccessKey(key))
    }

    pub(crate) fn update_access_key(&mut self, c: &UpdateAccessKey) -> Answer {
        let user = self.key_owner(&c.user)?;
        let key = self.account.access_key(&c.id).filter(|k| k.user == user);
        let key = key.ok_or_else(|| {
            let message = format!("The Access Key with id {} cannot be found.", c.id);
            Rejection::new(RejectionKind::NoSuchEntity, message)
        })?;
        let at = Key::AccessKey(self.number, c.id.clone());
        if c.delete {
            self.changes.delete(at);
            return Ok(Reply::Done(true));
        }
        let key = AccessKey { active: c.active, ..(**key).clone() };
        self.changes.put(at, &key);
        Ok(Reply::AccessKey(key))
    }
}
