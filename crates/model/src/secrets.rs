//! Secrets that an account keeps sealed, and sealing them anew under another key.
//!
//! What is sealed here is opened nowhere in this crate: a state only says which sealed bytes it has, who they belong to, and takes others for
//! them.

use prost::Message;

use crate::{
    AccountState, Key, Rejection, Reply,
    apply::{Answer, Step},
    mfa::of_resource,
    record::AccessKey,
    resource::{Body, ResourceKind},
};

/// Sealing keys that a node may name.
pub const SEALING_KEYS_MAX: usize = 8;

/// What a sealed secret belongs to, as commands number it.
pub mod secret_kind {
    /// An access key.
    pub const ACCESS_KEY: u32 = 1;
    /// A virtual MFA device.
    pub const MFA_DEVICE: u32 = 2;
    /// A key that an account signs tokens with.
    pub const OUTBOUND_KEY: u32 = 3;
}

/// A sealed secret as a state has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret<'a> {
    /// See [`secret_kind`].
    pub kind: u32,
    /// The access key's id, the device's name, or the key's id.
    pub id: &'a str,
    /// What it is sealed for.
    pub owner: String,
    /// The sealed bytes.
    pub sealed: &'a [u8],
}

/// Puts secrets that were sealed anew in the place of what they were made from. Only the cluster itself does so. Where something else stands
/// by now, it stays.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Reseal {
    /// The secrets of one account, each at most once.
    #[prost(message, repeated, tag = "1")]
    pub secrets: Vec<Resealed>,
}

/// A secret that was sealed anew.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Resealed {
    /// See [`secret_kind`].
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// See [`SealedSecret::id`].
    #[prost(string, tag = "2")]
    pub id: String,
    /// The sealed bytes that it was made from.
    #[prost(bytes = "vec", tag = "3")]
    pub from: Vec<u8>,
    /// The new ones.
    #[prost(bytes = "vec", tag = "4")]
    pub sealed: Vec<u8>,
}

impl AccountState {
    /// All sealed secrets, in an order of their own.
    pub fn sealed_secrets(&self) -> impl Iterator<Item = SealedSecret<'_>> {
        let keys = self.access_keys.values().map(|key| SealedSecret {
            kind: secret_kind::ACCESS_KEY,
            id: &key.id,
            owner: key.id.clone(),
            sealed: &key.sealed_secret,
        });
        let devices = self.resources(ResourceKind::MfaDevice).filter_map(|entity| {
            let resource = &entity.value;
            Some(SealedSecret {
                kind: secret_kind::MFA_DEVICE,
                id: &resource.name,
                owner: self.mfa_serial(resource),
                sealed: &of_resource(resource)?.sealed_seed,
            })
        });
        let outbound = self.outbound().into_iter().flat_map(|outbound| &outbound.keys);
        let outbound = outbound.map(|key| SealedSecret {
            kind: secret_kind::OUTBOUND_KEY,
            id: &key.id,
            owner: key.id.clone(),
            sealed: &key.sealed,
        });
        keys.chain(devices).chain(outbound).filter(|secret| !secret.sealed.is_empty())
    }
}

impl Step<'_> {
    pub(crate) fn reseal(&mut self, c: &Reseal) -> Answer {
        let mut outbound = self.account.outbound().cloned().unwrap_or_default();
        let mut vouches_anew = false;
        for secret in &c.secrets {
            if secret.sealed.is_empty() {
                return Err(Rejection::invalid("A secret can't be sealed into nothing."));
            }
            match secret.kind {
                secret_kind::ACCESS_KEY => self.reseal_access_key(secret),
                secret_kind::MFA_DEVICE => self.reseal_device(secret),
                secret_kind::OUTBOUND_KEY => {
                    let mut keys = outbound.keys.iter_mut();
                    let found = keys.find(|k| k.id == secret.id && k.sealed == secret.from);
                    if let Some(key) = found {
                        key.sealed.clone_from(&secret.sealed);
                        vouches_anew = true;
                    }
                }
                other => {
                    let message = format!("{other} is no kind of secret that is known here.");
                    return Err(Rejection::invalid(message));
                }
            }
        }
        if vouches_anew {
            self.changes.put(Key::Outbound(self.number), &outbound);
        }
        Ok(Reply::Done(true))
    }

    fn reseal_access_key(&mut self, secret: &Resealed) {
        let known = self.account.access_key(&secret.id);
        if let Some(key) = known.filter(|key| key.sealed_secret == secret.from) {
            let key = AccessKey { sealed_secret: secret.sealed.clone(), ..(**key).clone() };
            self.changes.put(Key::AccessKey(self.number, secret.id.clone()), &key);
        }
    }

    fn reseal_device(&mut self, secret: &Resealed) {
        let Some(entity) = self.account.resource(ResourceKind::MfaDevice, &secret.id) else {
            return;
        };
        let mut resource = entity.value.clone();
        if let Some(Body::MfaDevice(device)) = &mut resource.body
            && device.sealed_seed == secret.from
        {
            device.sealed_seed.clone_from(&secret.sealed);
            let name = resource.name.to_ascii_lowercase();
            self.changes.put(Key::Resource(self.number, ResourceKind::MfaDevice, name), &resource);
        }
    }
}
