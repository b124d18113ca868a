//! The client's profile: where the nodes are and who is calling.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tidegate_client::{Client, ClientError, Credentials};

use crate::dev::layout::Profile;

/// Why the profile gave no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// A file.
    #[error("`{path}` can't be read; is a cluster running? `tidegate dev` makes one")]
    Read { path: PathBuf, source: io::Error },
    /// Its contents.
    #[error("`{path}` is no profile")]
    Syntax { path: PathBuf, source: toml::de::Error },
    /// No node of that region or name.
    #[error("the profile has no node `{0}`")]
    NoSuchNode(String),
    /// The connection.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Reads a profile.
pub(crate) fn read(path: &Path) -> Result<Profile, ProfileError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ProfileError::Read { path: path.into(), source })?;
    toml::from_str(&text).map_err(|source| ProfileError::Syntax { path: path.into(), source })
}

/// Connects to the nodes of a profile that `wanted` names (`n4`, or a region; empty: any).
pub(crate) async fn connect(profile: &Profile, wanted: &str) -> Result<Client, ProfileError> {
    let addresses: Vec<String> = profile
        .endpoints
        .iter()
        .filter(|e| wanted.is_empty() || e.node == wanted || e.region == wanted)
        .map(|e| e.address.clone())
        .collect();
    if addresses.is_empty() {
        return Err(ProfileError::NoSuchNode(wanted.to_owned()));
    }
    let ca = fs::read_to_string(&profile.ca)
        .map_err(|source| ProfileError::Read { path: profile.ca.clone(), source })?;
    let credentials = Credentials {
        access_key_id: profile.access_key_id.clone(),
        secret_access_key: profile.secret_access_key.clone(),
        session_token: None,
    };
    Ok(Client::connect(&addresses, &ca, credentials).await?)
}
