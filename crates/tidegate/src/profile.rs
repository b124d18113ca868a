//! The client's profile: where the nodes are and who is calling.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tidegate_client::{Client, ClientError, Credentials};

use crate::dev::layout::{Endpoint, Profile};

/// Why the profile gave no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// A file.
    #[error("`{path}` can't be read; is a cluster running? `tidegate dev` makes one")]
    Read { path: PathBuf, source: io::Error },
    /// Its contents.
    #[error("`{path}` is no profile")]
    Syntax { path: PathBuf, source: toml::de::Error },
    /// It can't be written.
    #[error("`{path}` can't be written")]
    Write { path: PathBuf, source: io::Error },
    /// No node of that region or name.
    #[error("the profile has no node or region `{wanted}`; it has {known}")]
    NoSuchNode { wanted: String, known: String },
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

/// Writes a profile that only its owner may read.
///
/// # Errors
/// Where the file exists already: it may hold the only copy of another secret.
pub(crate) fn write_new(path: &Path, profile: &Profile) -> Result<(), ProfileError> {
    use io::Write as _;
    let fail = |source| ProfileError::Write { path: path.into(), source };
    let text = toml::to_string(profile).map_err(|e| fail(io::Error::other(e)))?;
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| file.write_all(text.as_bytes())).map_err(fail)
}

/// The nodes of a profile that `wanted` names (`n4`, or a region; empty: all).
pub(crate) fn endpoints<'a>(
    profile: &'a Profile,
    wanted: &str,
) -> Result<Vec<&'a Endpoint>, ProfileError> {
    let named = |e: &&Endpoint| wanted.is_empty() || e.node == wanted || e.region == wanted;
    let found: Vec<&Endpoint> = profile.endpoints.iter().filter(named).collect();
    if found.is_empty() {
        let known = profile.endpoints.iter().map(|e| format!("{} in {}", e.node, e.region));
        let known = known.collect::<Vec<_>>().join(", ");
        return Err(ProfileError::NoSuchNode { wanted: wanted.to_owned(), known });
    }
    Ok(found)
}

/// Connects to the nodes of a profile that `wanted` names (`n4`, or a region; empty: any).
pub(crate) async fn connect(profile: &Profile, wanted: &str) -> Result<Client, ProfileError> {
    let addresses: Vec<String> =
        endpoints(profile, wanted)?.into_iter().map(|e| e.address.clone()).collect();
    let ca = fs::read_to_string(&profile.ca)
        .map_err(|source| ProfileError::Read { path: profile.ca.clone(), source })?;
    let credentials = Credentials {
        access_key_id: profile.access_key_id.clone(),
        secret_access_key: profile.secret_access_key.clone(),
        session_token: profile.session_token.clone(),
    };
    Ok(Client::connect(&addresses, &ca, credentials).await?)
}
