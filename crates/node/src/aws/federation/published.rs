//! What everybody may read of an account that vouches for its principals: who it is as an issuer, and the keys that it signs with.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tidegate_authn::{JwsAlgorithm, SIGNING_ALGORITHMS};
use tidegate_model::federation::Outbound;
use tidegate_policy::AccountId;

use crate::core::Core;

/// What stands before the account in an issuer's path.
const FOLDER: &str = "oidc";

/// The issuer that an account becomes below a URL.
pub(super) fn issuer(base: &str, account: AccountId) -> String {
    format!("{base}/{FOLDER}/{account}")
}

/// The account and the document that a path asks for. What stands before them is whatever a proxy in front of the node left there.
fn wanted(path: &str) -> Option<(AccountId, &str)> {
    let mut parts = path.rsplit('/');
    let document = parts.next()?;
    let well_known = parts.next()? == ".well-known";
    let account = parts.next()?.parse().ok()?;
    (well_known && parts.next()? == FOLDER).then_some((account, document))
}

fn discovery(outbound: &Outbound) -> Value {
    json!({
        "issuer": outbound.issuer,
        "jwks_uri": format!("{}/.well-known/jwks.json", outbound.issuer),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": SIGNING_ALGORITHMS.map(JwsAlgorithm::name),
        "claims_supported": ["iss", "sub", "aud", "iat", "exp", "jti", "https://sts.amazonaws.com/"],
    })
}

fn keys(outbound: &Outbound) -> Value {
    let keys = outbound.keys.iter().filter_map(|k| serde_json::from_str::<Value>(&k.jwk).ok());
    json!({ "keys": keys.collect::<Vec<_>>() })
}

/// The answer to a request for a document that is published; `None` where it asks for something else.
pub(in crate::aws) fn published<B>(
    core: &Core,
    request: &Request<B>,
) -> Option<Response<Full<Bytes>>> {
    if request.method() != Method::GET {
        return None;
    }
    let (account, document) = wanted(request.uri().path())?;
    let view = core.views.load();
    // Keys stay published while no new tokens are given out: those that were are still to be verified.
    let outbound = view.account(account).ok().and_then(|state| state.outbound());
    let (status, body) = match (outbound, document) {
        (Some(outbound), "openid-configuration") => (StatusCode::OK, discovery(outbound)),
        (Some(outbound), "jwks.json") => (StatusCode::OK, keys(outbound)),
        _ => (StatusCode::NOT_FOUND, json!({ "error": "not_found" })),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_an_account_and_a_document() {
        let account: AccountId = "000000000007".parse().unwrap();
        let url = issuer("https://iam.example.com/x", account);
        assert_eq!(url, "https://iam.example.com/x/oidc/000000000007");
        for path in
            ["", "/x", "/a/b"].map(|p| format!("{p}/oidc/000000000007/.well-known/jwks.json"))
        {
            assert_eq!(wanted(&path), Some((account, "jwks.json")), "{path}");
        }
        for path in [
            "/",
            "/strong",
            "/.well-known/jwks.json",
            "/oidc/7/.well-known/jwks.json",
            "/oidc/000000000007/jwks.json",
            "/other/000000000007/.well-known/jwks.json",
        ] {
            assert_eq!(wanted(path), None, "{path}");
        }
    }
}
