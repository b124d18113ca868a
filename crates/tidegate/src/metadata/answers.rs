//! What is answered to which request: a function of the request, the tokens, and what the source has.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_policy::UnixMillis;

use super::{
    source::{State, Workload},
    tokens::{SECONDS_MAX, Tokens},
};
use crate::http::{Answer, Asked};

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const META: &str = "/latest/meta-data/";
const CREDENTIALS: &str = "iam/security-credentials/";
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";
/// Where containers fetch credentials.
pub(crate) const CONTAINER: &str = "/v2/credentials";

/// Where the machine says that it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    /// Empty: the first of its region, `…a`.
    pub(crate) availability_zone: String,
}

/// Both doors of one workload.
pub(crate) struct Doors {
    tokens: Tokens,
    place: Place,
    /// What containers prove themselves with; `None`: their door is closed.
    container_token: Option<String>,
}

fn missing() -> Answer {
    Answer::text(404, "Not Found\n")
}

/// Compares without telling how far two texts agree.
fn same(a: &str, b: &str) -> bool {
    let differ = a.bytes().zip(b.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    a.len() == b.len() && differ == 0
}

/// Credentials as instance metadata has them.
fn for_instances(w: &Workload) -> Value {
    json!({
        "Code": "Success",
        "LastUpdated": UnixMillis(w.issued).to_string(),
        "Type": "AWS-HMAC",
        "AccessKeyId": w.access_key_id,
        "SecretAccessKey": w.secret_access_key,
        "Token": w.session_token,
        "Expiration": UnixMillis(w.expires).to_string(),
    })
}

/// Credentials as the endpoint of containers has them.
fn for_containers(w: &Workload) -> Value {
    json!({
        "RoleArn": w.role_arn,
        "AccessKeyId": w.access_key_id,
        "SecretAccessKey": w.secret_access_key,
        "Token": w.session_token,
        "Expiration": UnixMillis(w.expires).to_string(),
    })
}

impl Doors {
    /// With no token given out.
    pub(crate) fn new(place: Place, container_token: Option<String>) -> Self {
        Self { tokens: Tokens::default(), place, container_token }
    }

    /// Answers. `now` is the machine's monotonic time, `draw` gives a text that nobody can guess.
    pub(crate) fn answer(
        &mut self,
        asked: &Asked,
        state: &State,
        now: Duration,
        draw: &mut dyn FnMut() -> String,
    ) -> Answer {
        if asked.path == CONTAINER {
            return self.container(asked, state);
        }
        match (asked.method.as_str(), asked.path.as_str()) {
            ("PUT", "/latest/api/token") => self.token(asked, now, draw),
            ("GET" | "HEAD", path) => match asked.header(TOKEN) {
                Some(token) if self.tokens.holds(token, now) => self.get(path, state),
                // Version 1 asks without a token: whatever a server can be made to fetch would do.
                _ => Answer::text(401, "Unauthorized\n"),
            },
            _ => Answer::text(405, "Method Not Allowed\n"),
        }
    }

    fn token(&mut self, asked: &Asked, now: Duration, draw: &mut dyn FnMut() -> String) -> Answer {
        // A proxy that was left open asks for somebody who is not on this machine.
        if asked.header("x-forwarded-for").is_some() {
            return Answer::text(403, "Forbidden\n");
        }
        let seconds = asked.header(TOKEN_TTL).and_then(|s| s.parse::<u32>().ok());
        let Some(seconds) = seconds.filter(|s| (1..=SECONDS_MAX).contains(s)) else {
            return Answer::text(400, "Bad Request\n");
        };
        let token = draw();
        self.tokens.issue(token.clone(), seconds, now);
        let mut answer = Answer::text(200, token);
        answer.headers.push((TOKEN_TTL, seconds.to_string()));
        answer
    }

    fn container(&self, asked: &Asked, state: &State) -> Answer {
        let Some(expected) = &self.container_token else { return missing() };
        if asked.method != "GET" {
            return Answer::text(405, "Method Not Allowed\n");
        }
        let refused = |status, code: &str, message: &str| {
            Answer::json(status, &json!({ "code": code, "message": message }))
        };
        if !asked.header("authorization").is_some_and(|given| same(given, expected)) {
            return refused(401, "Unauthorized", "the authorization token does not fit");
        }
        match state {
            State::Given(w) => Answer::json(200, &for_containers(w)),
            State::Refused(why) => refused(403, "AccessDenied", why),
            State::Waiting(why) => refused(503, "ServiceUnavailable", why),
        }
    }

    fn get(&self, path: &str, state: &State) -> Answer {
        let workload = match state {
            State::Given(workload) => workload,
            // As on a machine that has no role.
            State::Refused(_) => return missing(),
            State::Waiting(_) => return Answer::text(503, "Service Unavailable\n"),
        };
        if path == DOCUMENT {
            return Answer::json(200, &self.document(workload));
        }
        let Some(entry) = path.strip_prefix(META) else {
            return match path {
                "/latest/meta-data" => {
                    Answer::text(200, "iam/\ninstance-id\nplacement/\nservices/")
                }
                _ => missing(),
            };
        };
        let profile = !workload.instance_profile_arn.is_empty();
        match entry {
            "" => Answer::text(200, "iam/\ninstance-id\nplacement/\nservices/"),
            "iam" | "iam/" if profile => Answer::text(200, "info\nsecurity-credentials/"),
            "iam" | "iam/" => Answer::text(200, "security-credentials/"),
            "iam/info" if profile => Answer::json(
                200,
                &json!({
                    "Code": "Success",
                    "LastUpdated": UnixMillis(workload.issued).to_string(),
                    "InstanceProfileArn": workload.instance_profile_arn,
                    "InstanceProfileId": workload.instance_profile_id,
                }),
            ),
            "iam/security-credentials" | CREDENTIALS => {
                Answer::text(200, workload.role_name.as_str())
            }
            "instance-id" => Answer::text(200, workload.instance_id.as_str()),
            "placement" | "placement/" => Answer::text(200, "availability-zone\nregion"),
            "placement/region" => Answer::text(200, workload.region.as_str()),
            "placement/availability-zone" => Answer::text(200, self.zone(workload)),
            "services" | "services/" => Answer::text(200, "partition"),
            "services/partition" => Answer::text(200, workload.partition.as_str()),
            entry => match entry.strip_prefix(CREDENTIALS) {
                Some(role) if role == workload.role_name => {
                    Answer::json(200, &for_instances(workload))
                }
                _ => missing(),
            },
        }
    }

    fn zone(&self, workload: &Workload) -> String {
        match self.place.availability_zone.as_str() {
            "" => format!("{}a", workload.region),
            zone => zone.to_owned(),
        }
    }

    fn document(&self, workload: &Workload) -> Value {
        json!({
            "accountId": workload.account_id,
            "architecture": std::env::consts::ARCH,
            "availabilityZone": self.zone(workload),
            "instanceId": workload.instance_id,
            "region": workload.region,
            "version": "2017-09-30",
        })
    }
}

#[cfg(test)]
mod tests;
