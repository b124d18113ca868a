//! Whom a trust policy lets in on a provider's word, for how long, and what the session remembers of it.

use prost::Message;
use tidegate_authn::Session;
use tidegate_model::{
    GroupState, Key,
    record::{Account, AccountPlacement, Role},
};
use tidegate_replica::{Dot, GroupId, Origin, Record, Stamp};

use super::*;

const ACCOUNT: u64 = 123_456_789_012;
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const ROLE: &str = "arn:aws:iam::123456789012:role/team/deploy";
const PROVIDER: &str = "arn:aws:iam::123456789012:oidc-provider/idp.example.com";

fn record(key: &Key, value: &impl Message, group: GroupId) -> Record {
    let dot = Dot { origin: Origin::Group { group, generation: 0 }, sequence: 1 };
    let stamp = Stamp { epoch: 0, revision: 1 };
    Record { key: key.encode(), value: Some(value.encode_to_vec().into()), stamp, dot }
}

/// An account with one role, which lasts two hours at most.
fn view(trust: &str) -> View {
    let mut view = View::default();
    let placement = AccountPlacement {
        account: ACCOUNT,
        group: 1,
        active: true,
        ..AccountPlacement::default()
    };
    let placed = record(&Key::AccountPlacement(ACCOUNT), &placement, GroupId::DIRECTORY);
    view.directory.absorb(&placed).unwrap();
    let mut state = GroupState::new(GroupId(1));
    let account = Account { id: ACCOUNT, ..Account::default() };
    state.absorb(&record(&Key::Account(ACCOUNT), &account, GroupId(1))).unwrap();
    let role = Role {
        name: "deploy".into(),
        path: "/team/".into(),
        id: "AROAdeploy".into(),
        trust_policy: trust.into(),
        session_seconds_max: 7_200,
        ..Role::default()
    };
    state.absorb(&record(&Key::Role(ACCOUNT, "deploy".into()), &role, GroupId(1))).unwrap();
    view.groups.insert(1, state);
    view
}

/// Trusts one subject of the provider, who may tag his session.
fn trust() -> String {
    trust_with(r#""sts:AssumeRoleWithWebIdentity","sts:TagSession""#)
}

fn trust_with(actions: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"Federated":"{PROVIDER}"}},"Action":[{actions}],"Condition":{{"StringEquals":{{"idp.example.com:aud":"tide","idp.example.com:sub":"repo:a/b"}}}}}}}}"#
    )
}

fn identity() -> FederatedIdentity {
    let key = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
    FederatedIdentity {
        subject: "repo:a/b".into(),
        issuer: "https://idp.example.com".into(),
        audience: "tide".into(),
        keys: vec![
            key("idp.example.com:aud", "tide"),
            key("idp.example.com:sub", "repo:a/b"),
            key("idp.example.com:other", "x"),
        ],
        session_keys: 2,
        ..FederatedIdentity::default()
    }
}

fn vouched(identity: &FederatedIdentity) -> Vouched<'_> {
    Vouched {
        action: "sts:AssumeRoleWithWebIdentity",
        provider: PROVIDER,
        identity,
        seconds_max: None,
        until: None,
    }
}

fn ask(
    trust: &str,
    vouched: &Vouched<'_>,
    change: impl FnOnce(&mut AssumeFederated<'_>),
) -> Result<AssumedRole, ServiceError> {
    let mut request = AssumeFederated {
        role_arn: ROLE,
        session_name: "ci-1",
        duration_seconds: 0,
        policies: Vec::new(),
        context: Context::default(),
    };
    change(&mut request);
    let key = ClusterKey::new(1, &[7; 32]).unwrap();
    let mut entropy = |bytes: &mut [u8]| bytes.fill(3);
    assume_federated(&view(trust), vouched, &request, NOW, &mut entropy, &key)
}

fn seconds(assumed: &AssumedRole) -> u64 {
    (assumed.session.expires - NOW.0) / 1000
}

#[test]
fn a_trusted_subject_gets_a_session_that_remembers_who_vouched() {
    let identity = identity();
    let assumed = ask(&trust(), &vouched(&identity), |_| {}).unwrap();
    assert_eq!(assumed.arn, "arn:aws:sts::123456789012:assumed-role/deploy/ci-1");
    assert_eq!(seconds(&assumed), 3_600);
    let federation = assumed.session.federation.clone().unwrap();
    assert_eq!(federation.provider, PROVIDER);
    // The session keeps what says who it is, not everything that the provider said.
    let kept: Vec<&str> = federation.keys.iter().map(|k| &*k.key).collect();
    assert_eq!(kept, ["idp.example.com:aud", "idp.example.com:sub"]);
    let key = ClusterKey::new(1, &[7; 32]).unwrap();
    assert_eq!(Session::open(&key, &assumed.token, NOW.0).unwrap(), assumed.session);
}

#[test]
fn others_and_other_roles_are_refused_in_the_same_words() {
    let good = identity();
    let mut stranger = identity();
    stranger.keys[1].1 = vec!["repo:evil/b".into()];
    let elsewhere = Vouched {
        provider: "arn:aws:iam::123456789012:oidc-provider/evil.example.com",
        ..vouched(&good)
    };
    let foreign = Vouched {
        provider: "arn:aws:iam::999999999999:oidc-provider/idp.example.com",
        ..vouched(&good)
    };
    let by_saml = Vouched { action: "sts:AssumeRoleWithSAML", ..vouched(&good) };
    let text = |result: Result<AssumedRole, ServiceError>| {
        let refused = result.unwrap_err();
        assert_eq!(refused.reason, Reason::AccessDenied);
        refused.message
    };
    let words = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    assert_eq!(text(ask(&trust(), &vouched(&stranger), |_| {})), words);
    assert_eq!(text(ask(&trust(), &elsewhere, |_| {})), words);
    assert_eq!(text(ask(&trust(), &foreign, |_| {})), words);
    assert_eq!(
        text(ask(&trust(), &by_saml, |_| {})),
        "Not authorized to perform sts:AssumeRoleWithSAML"
    );
    for role in [
        "arn:aws:iam::123456789012:role/nobody",
        "arn:aws:iam::123456789012:role/deploy",
        "arn:aws:iam::123456789012:user/team/deploy",
        "arn:aws:iam::999999999999:role/team/deploy",
    ] {
        assert_eq!(text(ask(&trust(), &vouched(&good), |r| r.role_arn = role)), words, "{role}");
    }
    // Trust in an account's users is no trust in its providers.
    let users = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:*"}}"#;
    assert_eq!(text(ask(users, &vouched(&good), |_| {})), words);
}

#[test]
fn tags_and_a_source_identity_need_an_allow_of_their_own() {
    let mut tagged = identity();
    tagged.tags = vec![("Team".into(), "blue".into())];
    let assumed = ask(&trust(), &vouched(&tagged), |_| {}).unwrap();
    assert_eq!(assumed.session.attributes.tags[0].key, "Team");
    let bare = trust_with(r#""sts:AssumeRoleWithWebIdentity""#);
    let refused = ask(&bare, &vouched(&tagged), |_| {}).unwrap_err();
    assert_eq!(refused.message, "Not authorized to perform sts:TagSession");
    let mut named = identity();
    named.source_identity = Some("ada".into());
    let refused = ask(&trust(), &vouched(&named), |_| {}).unwrap_err();
    assert_eq!(refused.message, "Not authorized to perform sts:SetSourceIdentity");
    let all = trust_with(r#""sts:*""#);
    assert!(ask(&all, &vouched(&named), |_| {}).is_ok());
}

#[test]
fn a_session_lasts_as_long_as_everybody_allows() {
    let identity = identity();
    let with = |asked: u32, allowed: Option<u32>, until: Option<u64>| {
        let vouched = Vouched {
            seconds_max: allowed,
            until: until.map(|s| UnixMillis(NOW.0 + s * 1000)),
            ..vouched(&identity)
        };
        ask(&trust(), &vouched, |r| r.duration_seconds = asked).map(|a| seconds(&a))
    };
    assert_eq!(with(900, None, None).unwrap(), 900);
    assert_eq!(with(7_200, None, None).unwrap(), 7_200);
    assert_eq!(with(0, Some(1_800), None).unwrap(), 1_800);
    assert_eq!(with(7_200, Some(1_800), None).unwrap(), 1_800);
    assert_eq!(with(900, Some(1_800), None).unwrap(), 900);
    assert_eq!(with(7_200, None, Some(60)).unwrap(), 60);
    let refused = with(7_201, None, None).unwrap_err();
    assert_eq!(
        refused.message,
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    );
    assert_eq!(with(0, Some(43_200), None).unwrap_err().reason, Reason::ValidationError);
    assert_eq!(with(899, None, None).unwrap_err().reason, Reason::ValidationError);
}

#[test]
fn bad_names_and_policies_are_refused() {
    let identity = identity();
    let refused = |change: &dyn Fn(&mut AssumeFederated<'_>)| {
        ask(&trust(), &vouched(&identity), |r| change(r)).unwrap_err().reason
    };
    assert_eq!(refused(&|r| r.session_name = "a b"), Reason::ValidationError);
    assert_eq!(refused(&|r| r.role_arn = "deploy"), Reason::ValidationError);
    assert_eq!(refused(&|r| r.policies = vec!["{}".into()]), Reason::MalformedPolicyDocument);
}
