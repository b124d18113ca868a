//! The doors as an SDK, a proxy and a stranger find them.

use std::sync::Arc;

use super::*;

fn workload() -> Workload {
    Workload {
        account_id: "000000000042".into(),
        instance_id: "i-0123456789abcdef0".into(),
        region: "eu-central-1".into(),
        partition: "aws".into(),
        role_name: "web".into(),
        role_arn: "arn:aws:iam::000000000042:role/web".into(),
        instance_profile_arn: "arn:aws:iam::000000000042:instance-profile/web".into(),
        instance_profile_id: "AIPAX".into(),
        access_key_id: "ASIAX".into(),
        secret_access_key: "s".into(),
        session_token: "t".into(),
        issued: 0,
        expires: 3_600_000,
    }
}

struct Machine {
    doors: Doors,
    state: State,
    now: Duration,
}

impl Machine {
    fn new() -> Self {
        let doors = Doors::new(Place::default(), Some("container".into()));
        Self { doors, state: State::Given(Arc::new(workload())), now: Duration::ZERO }
    }

    fn ask(&mut self, method: &str, path: &str, headers: &[(&'static str, &str)]) -> Answer {
        let mut draw = || "drawn".to_owned();
        let asked = Asked::new(method, path, headers);
        self.doors.answer(&asked, &self.state, self.now, &mut draw)
    }

    /// The status and body of a request with a token.
    fn get(&mut self, path: &str) -> (u16, String) {
        let answer = self.ask("GET", path, &[(TOKEN, "drawn")]);
        (answer.status, answer.body)
    }
}

#[test]
fn a_token_opens_the_door_for_its_time_and_nothing_else_does() {
    let mut machine = Machine::new();
    let path = "/latest/meta-data/instance-id";
    assert_eq!(machine.ask("GET", path, &[]).status, 401, "version 1");
    assert_eq!(machine.get(path).0, 401, "before it was issued");
    for ttl in ["", "0", "21601", "x", "-1"] {
        assert_eq!(machine.ask("PUT", "/latest/api/token", &[(TOKEN_TTL, ttl)]).status, 400);
    }
    assert_eq!(machine.ask("PUT", "/latest/api/token", &[]).status, 400);
    let forwarded = [(TOKEN_TTL, "60"), ("x-forwarded-for", "203.0.113.7")];
    assert_eq!(machine.ask("PUT", "/latest/api/token", &forwarded).status, 403);
    assert_eq!(machine.ask("POST", "/latest/api/token", &[(TOKEN_TTL, "60")]).status, 405);
    let issued = machine.ask("PUT", "/latest/api/token", &[(TOKEN_TTL, "60")]);
    assert_eq!((issued.status, issued.body.as_str()), (200, "drawn"));
    assert!(issued.headers.contains(&(TOKEN_TTL, "60".to_owned())));
    assert_eq!(machine.get(path), (200, "i-0123456789abcdef0".to_owned()));
    assert_eq!(machine.ask("GET", path, &[(TOKEN, "other")]).status, 401);
    machine.now = Duration::from_secs(60);
    assert_eq!(machine.get(path).0, 401, "over");
}

#[test]
fn the_tree_is_that_of_instance_metadata() {
    let mut machine = Machine::new();
    machine.ask("PUT", "/latest/api/token", &[(TOKEN_TTL, "60")]);
    let meta = |path: &str| format!("/latest/meta-data/{path}");
    for (path, body) in [
        ("iam/security-credentials/", "web"),
        ("placement/region", "eu-central-1"),
        ("placement/availability-zone", "eu-central-1a"),
        ("services/partition", "aws"),
    ] {
        assert_eq!(machine.get(&meta(path)), (200, body.to_owned()), "{path}");
    }
    let json = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let (_, credentials) = machine.get(&meta("iam/security-credentials/web"));
    let credentials = json(credentials);
    for (name, value) in [
        ("Code", "Success"),
        ("AccessKeyId", "ASIAX"),
        ("Token", "t"),
        ("Expiration", "1970-01-01T01:00:00Z"),
    ] {
        assert_eq!(credentials[name], value, "{name}");
    }
    let info = json(machine.get(&meta("iam/info")).1);
    assert_eq!(info["InstanceProfileId"], "AIPAX");
    let document = json(machine.get(DOCUMENT).1);
    assert_eq!(document["accountId"], "000000000042");
    for path in ["iam/security-credentials/other", "public-keys/", "../x"] {
        assert_eq!(machine.get(&meta(path)).0, 404, "{path}");
    }
    assert_eq!(machine.get("/latest/user-data").0, 404);
    machine.state = State::Refused("quarantined".into());
    assert_eq!(machine.get(&meta("iam/security-credentials/")).0, 404);
    machine.state = State::Waiting("no node answers".into());
    assert_eq!(machine.get(&meta("iam/security-credentials/")).0, 503);
}

#[test]
fn containers_prove_themselves_with_their_token() {
    let mut machine = Machine::new();
    let with = |token: &'static str| [("authorization", token)];
    assert_eq!(machine.ask("GET", CONTAINER, &[]).status, 401);
    assert_eq!(machine.ask("GET", CONTAINER, &with("containeR")).status, 401);
    assert_eq!(machine.ask("PUT", CONTAINER, &with("container")).status, 405);
    let answer = machine.ask("GET", CONTAINER, &with("container"));
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &body["RoleArn"]), (200, &json!(workload().role_arn)));
    machine.state = State::Refused("quarantined".into());
    assert_eq!(machine.ask("GET", CONTAINER, &with("container")).status, 403);
    let mut closed = Doors::new(Place::default(), None);
    let asked = Asked::new("GET", CONTAINER, &with("container"));
    let answer = closed.answer(&asked, &machine.state, Duration::ZERO, &mut String::new);
    assert_eq!(answer.status, 404);
}
