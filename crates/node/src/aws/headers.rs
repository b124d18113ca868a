//! What AWS does not have, in headers that its clients pass over: how fresh an answer must be, and what it rests on.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use tidegate_service::{Reason, ServiceError};

use crate::{
    core::Core,
    operations::{Evidence, Fresh},
};

/// Of a request: `eventual`, `strong`, `read-your-writes` or `bounded:MILLISECONDS`.
const CONSISTENCY: &str = "x-tidegate-consistency";
/// Of a request: tokens that the answer must cover, separated by commas. Of an answer: what it covers.
const TOKEN: &str = "x-tidegate-token";
/// The same as gRPC calls it.
const AT_LEAST: &str = "x-tidegate-at-least";
/// Most tokens of a call.
const TOKENS_MAX: usize = 32;

/// How fresh a call's reads must be, and whether its changes are to be seen here before they are answered.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// What must be there before the caller is looked up: its key may be new.
    pub(super) before: Fresh,
    /// How fresh reads must be.
    pub(super) reads: Fresh,
    /// Whether a change is answered only once this node's view has it, so that what is read here next has it, too.
    pub(super) settled: bool,
}

fn bad(message: String) -> ServiceError {
    ServiceError::new(Reason::ValidationError, message)
}

/// The mode that a whole endpoint asks for by its path: `https://host:port/strong`, say.
fn of_path(path: &str) -> Option<&str> {
    match path.trim_matches('/') {
        "" | "eventual" => Some("eventual"),
        mode @ ("strong" | "read-your-writes") => Some(mode),
        _ => None,
    }
}

impl Wanted {
    /// What the path and the headers of a request ask for; the header goes before the path.
    pub(super) fn read(core: &Core, path: &str, headers: &HeaderMap) -> Result<Self, ServiceError> {
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let of_path = of_path(path).ok_or_else(|| {
            bad(format!(
                "the path `{path}` is not `/`, `/eventual`, `/read-your-writes` or `/strong`"
            ))
        })?;
        let mode = header(CONSISTENCY).unwrap_or(of_path).trim();
        let reads = match mode.split_once(':').unwrap_or((mode, "")) {
            ("eventual" | "read-your-writes", "") => Fresh::Eventual,
            ("strong", "") => Fresh::Strong,
            ("bounded", millis) if millis.parse::<u64>().is_ok() => {
                Fresh::Bounded(Duration::from_millis(millis.parse().unwrap_or(0)))
            }
            _ => {
                return Err(bad(format!(
                    "the consistency `{mode}` is not eventual, read-your-writes, strong or bounded:MILLISECONDS"
                )));
            }
        };
        let before = match header(TOKEN).or_else(|| header(AT_LEAST)) {
            Some(tokens) if tokens.split(',').count() <= TOKENS_MAX => {
                Fresh::at_least(core, tokens.split(',').map(str::trim))?
            }
            Some(_) => return Err(bad(format!("more than {TOKENS_MAX} consistency tokens"))),
            None => Fresh::Eventual,
        };
        Ok(Self { before, reads, settled: mode == "read-your-writes" })
    }
}

/// The token that an answer carries.
pub(super) fn token(headers: &HeaderMap) -> Option<&str> {
    headers.get(TOKEN)?.to_str().ok()
}

/// Puts what every answer carries into its headers.
pub(super) fn write(
    core: &Core,
    headers: &mut HeaderMap,
    request_id: &str,
    evidence: Option<&Evidence>,
) {
    let mut put = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("x-amzn-requestid", request_id.to_owned());
    put("x-tidegate-node", core.me.to_string());
    put("x-tidegate-region", core.region.to_string());
    if let Some(evidence) = evidence {
        put(TOKEN, evidence.token.clone());
        put("x-tidegate-decision-id", evidence.decision_id.clone());
        if let Some(staleness) = evidence.staleness {
            put("x-tidegate-staleness-ms", staleness.as_millis().to_string());
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
}

/// Puts the encoded authorization message of a denied call into its headers. AWS's IAM and STS tell none; in the body, whose sentence
/// clients read, it would be in the way.
pub(super) fn write_denial(headers: &mut HeaderMap, message: Option<String>) {
    if let Some(value) = message.and_then(|m| HeaderValue::try_from(m).ok()) {
        headers.insert(HeaderName::from_static("x-tidegate-authorization-message"), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_mode_or_nothing() {
        for (path, mode) in [
            ("/", Some("eventual")),
            ("", Some("eventual")),
            ("/strong/", Some("strong")),
            ("/read-your-writes", Some("read-your-writes")),
            ("/other", None),
            ("/strong/er", None),
        ] {
            assert_eq!(of_path(path), mode, "{path}");
        }
    }
}
