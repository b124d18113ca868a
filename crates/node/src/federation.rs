//! The keys of identity providers: fetched over the network within bounds, kept, and asked for again when a token names one that is new.
//!
//! Which of these is due is decided by [`KeyShelf`] over times alone; here it is done. A provider is fetched for each account by itself, since
//! an account's thumbprints say whom it trusts to be the provider.

mod address;
mod fetch;
mod trust;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tidegate_authn::{Discovery, JwkSet, Jws, KeyShelf, KeyStep, KeyTimes};
use tokio::sync::Semaphore;

pub(crate) use self::{
    address::is_loopback,
    fetch::{FetchError, Fetcher},
};
use crate::{config, platform::Platform};

/// Providers of accounts whose keys a node keeps. Past it the one goes that was of use longest ago.
const ISSUERS_MAX: usize = 4_096;

/// Calls that may wait for the keys of one provider, and for those of all together: a slow one must not take the places of everybody else's
/// calls, of which a node has about a thousand.
const WAITING_MAX: (usize, usize) = (32, 256);

/// Whose provider: the account's number, and the issuer as its tokens have it.
type Name = (u64, String);

/// One provider of one account.
#[derive(Debug)]
struct Issuer {
    shelf: Mutex<KeyShelf>,
    /// Why the provider's keys could not be had the last time.
    failed: Mutex<Option<FetchError>>,
    /// Whoever asks the provider; the others wait for what he brings.
    turn: tokio::sync::Mutex<()>,
    places: Semaphore,
}

impl Default for Issuer {
    fn default() -> Self {
        Self {
            shelf: Mutex::default(),
            failed: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            places: Semaphore::new(WAITING_MAX.0),
        }
    }
}

/// All providers that tokens came from.
#[derive(Debug)]
pub(crate) struct Issuers {
    fetcher: Arc<Fetcher>,
    times: KeyTimes,
    platform: Arc<dyn Platform>,
    known: Mutex<BTreeMap<Name, Arc<Issuer>>>,
    places: Semaphore,
}

impl Issuers {
    /// None is known yet.
    pub(crate) fn new(
        settings: &config::Federation,
        platform: Arc<dyn Platform>,
    ) -> Result<Self, crate::tls::TlsError> {
        let times = KeyTimes {
            fresh: Duration::from_millis(settings.keys_fresh_ms),
            age_max: Duration::from_millis(settings.keys_age_ms_max),
            retry: Duration::from_millis(settings.keys_retry_ms),
        };
        let places = Semaphore::new(WAITING_MAX.1);
        let fetcher = Arc::new(Fetcher::new(settings, Arc::clone(&platform))?);
        Ok(Self { fetcher, times, platform, known: Mutex::default(), places })
    }

    fn issuer(&self, name: &Name) -> Arc<Issuer> {
        let mut known = self.known.lock();
        if let Some(issuer) = known.get(name) {
            return Arc::clone(issuer);
        }
        if known.len() >= ISSUERS_MAX {
            let oldest = known.iter().min_by_key(|(_, issuer)| issuer.shelf.lock().touched());
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                known.remove(&oldest);
            }
        }
        Arc::clone(known.entry(name.clone()).or_default())
    }

    /// The keys with which a token of `issuer` may be signed, for an account that trusts the provider's certificates by `thumbprints`, too.
    /// `development`: a provider on this machine may be asked without TLS.
    pub(crate) async fn keys(
        &self,
        account: u64,
        issuer: &str,
        thumbprints: Vec<String>,
        development: bool,
        jws: &Jws,
    ) -> Result<Arc<JwkSet>, FetchError> {
        let known = self.issuer(&(account, issuer.to_owned()));
        if let KeyStep::Use(keys) = self.step(&known, jws) {
            return Ok(keys);
        }
        let places = (known.places.try_acquire(), self.places.try_acquire());
        let (Ok(_one), Ok(_all)) = places else { return Err(FetchError::Soon) };
        let (fetcher, known) = (Arc::clone(&self.fetcher), Arc::clone(&known));
        let (platform, times) = (Arc::clone(&self.platform), self.times);
        let (issuer, jws) = (issuer.to_owned(), jws.clone());
        // On a task of its own: a caller who hangs up takes the answer from nobody else.
        let asking = tokio::spawn(async move {
            let _turn = known.turn.lock().await;
            let step =
                known.shelf.lock().step(&times, platform.monotonic(), |keys| keys.knows(&jws));
            let held = match step {
                KeyStep::Use(keys) => return Ok(keys),
                KeyStep::Refuse => {
                    return Err(known.failed.lock().unwrap_or(FetchError::Soon));
                }
                KeyStep::Ask(held) => held,
            };
            known.shelf.lock().asking(platform.monotonic());
            match fetched(&fetcher, &issuer, &thumbprints, development).await {
                Ok(keys) => {
                    let keys = Arc::new(keys);
                    known.shelf.lock().put(Arc::clone(&keys), platform.monotonic());
                    *known.failed.lock() = None;
                    Ok(keys)
                }
                Err(error) => {
                    tracing::warn!(%issuer, %error, "the keys of an identity provider can't be fetched");
                    *known.failed.lock() = Some(error);
                    held.ok_or(error)
                }
            }
        });
        asking.await.unwrap_or(Err(FetchError::Soon))
    }

    fn step(&self, issuer: &Issuer, jws: &Jws) -> KeyStep {
        issuer.shelf.lock().step(&self.times, self.platform.monotonic(), |keys| keys.knows(jws))
    }
}

/// The keys that an issuer publishes, by way of its discovery document.
async fn fetched(
    fetcher: &Fetcher,
    issuer: &str,
    thumbprints: &[String],
    development: bool,
) -> Result<JwkSet, FetchError> {
    let base = issuer.trim_end_matches('/');
    let url = format!("{base}/.well-known/openid-configuration");
    let document = fetcher.get(&url, thumbprints, development).await?;
    let discovery = Discovery::parse(&document, issuer).ok_or(FetchError::Content)?;
    let keys = fetcher.get(&discovery.jwks_uri, thumbprints, development).await?;
    JwkSet::parse(&keys).ok_or(FetchError::Content)
}

#[cfg(test)]
mod tests;
