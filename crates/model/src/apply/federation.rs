//! Turning an account's own tokens on and off.

use crate::{
    Key, Reply,
    apply::{Answer, Step},
    federation::{ChangeOutbound, Outbound, OutboundKey},
    rejection::{Rejection, RejectionKind},
};

/// Keys that stay published: those of four times that the account was turned on.
const KEYS_MAX: usize = 8;

impl Step<'_> {
    pub(crate) fn change_outbound(&mut self, c: &ChangeOutbound) -> Answer {
        let old = self.account.outbound().cloned().unwrap_or_default();
        let made = match (old.enabled, c.enabled) {
            (true, true) => {
                let message = "Outbound web identity federation is already enabled.";
                return Err(Rejection::new(RejectionKind::EntityAlreadyExists, message));
            }
            (false, false) => {
                let message = "Outbound web identity federation is not enabled.";
                return Err(Rejection::new(RejectionKind::NoSuchEntity, message));
            }
            (true, false) => Outbound { enabled: false, ..old },
            (false, true) => {
                let whole =
                    |k: &OutboundKey| !k.id.is_empty() && !k.sealed.is_empty() && !k.jwk.is_empty();
                if c.keys.is_empty() || !c.keys.iter().all(whole) || c.issuer.is_empty() {
                    return Err(Rejection::invalid("A key is needed to sign with, and an issuer."));
                }
                let dated = c.keys.iter().cloned().map(|k| OutboundKey { created: self.time, ..k });
                // A fresh key each time: turning off and on again is how keys are changed.
                let keys = dated.chain(old.keys).take(KEYS_MAX).collect();
                let issuer = if old.issuer.is_empty() { c.issuer.clone() } else { old.issuer };
                Outbound { enabled: true, issuer, keys }
            }
        };
        self.changes.put(Key::Outbound(self.number), &made);
        Ok(Reply::Outbound(made))
    }
}

#[cfg(test)]
mod tests;
