//! `tidegate dev env`: the environment in which unmodified clients of AWS call this cluster.

use std::{path::Path, process::ExitCode};

use crate::{
    commands::{Failure, Globals, output},
    dev::layout::{Endpoint, Profile},
    profile,
};

/// Which reads.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What a whole run of a client may rely on: `eventual`, as with AWS, `read-your-writes` at this node, or `strong`.
    #[arg(long, default_value = "eventual", value_parser = ["eventual", "read-your-writes", "strong"])]
    reads: String,
}

/// A value in quotes that a shell takes as it is.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// The lines for a shell to evaluate.
fn lines(profile: &Profile, endpoint: &Endpoint, ca: &Path, reads: &str) -> String {
    let path = if reads == "eventual" { String::new() } else { format!("/{reads}") };
    let set = [
        ("AWS_ENDPOINT_URL", format!("{}{path}", endpoint.aws)),
        ("AWS_CA_BUNDLE", ca.display().to_string()),
        ("AWS_ACCESS_KEY_ID", profile.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", profile.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", profile.session_token.clone().unwrap_or_default()),
        ("AWS_REGION", endpoint.region.clone()),
        ("AWS_DEFAULT_REGION", endpoint.region.clone()),
    ];
    let mut lines = String::from("unset AWS_PROFILE\n");
    for (name, value) in set {
        if value.is_empty() {
            lines.extend(["unset ", name, "\n"]);
        } else {
            lines.extend(["export ", name, "=", &quoted(&value), "\n"]);
        }
    }
    lines
}

/// Prints the lines of the first node that the profile has at the chosen place.
pub(super) fn print(args: &Args, globals: &Globals) -> Result<ExitCode, Failure> {
    let profile = profile::read(&globals.profile)?;
    let endpoint = profile::endpoints(&profile, &globals.at)?
        .into_iter()
        .find(|e| !e.aws.is_empty())
        .ok_or("the profile names no address for clients of AWS: its cluster was laid out by an older build")?;
    let ca = profile.ca.canonicalize().unwrap_or_else(|_| profile.ca.clone());
    output::print(&lines(&profile, endpoint, &ca, &args.reads))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_set_what_clients_read_and_unset_the_rest() {
        let endpoint = Endpoint {
            region: "eu-central-1".into(),
            node: "n1".into(),
            address: String::new(),
            aws: "https://127.0.0.1:7701".into(),
        };
        let profile = Profile {
            access_key_id: "AKIA1".into(),
            secret_access_key: "it's".into(),
            session_token: None,
            ca: "ca.pem".into(),
            endpoints: vec![endpoint.clone()],
            admin: None,
        };
        let lines = lines(&profile, &endpoint, Path::new("/d/ca.pem"), "read-your-writes");
        for line in [
            "export AWS_ENDPOINT_URL='https://127.0.0.1:7701/read-your-writes'",
            r"export AWS_SECRET_ACCESS_KEY='it'\''s'",
            "export AWS_REGION='eu-central-1'",
            "unset AWS_SESSION_TOKEN",
        ] {
            assert!(lines.lines().any(|l| l == line), "{line} is missing in:\n{lines}");
        }
    }
}
