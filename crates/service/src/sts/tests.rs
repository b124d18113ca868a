//! Sessions as their callers meet them: who gets one, what it is, and what it may do.

use tidegate_authn::ClusterKey;
use tidegate_model::{
    CallerRef, Command, Envelope, GroupState, Key,
    command::{CreateAccessKey, CreateRole, CreateUser, InitAccount, PutInline},
    record::{AccessKey, AccountPlacement},
};
use tidegate_policy::{AccountId, Value};
use tidegate_replica::{Dot, GroupId, Origin, Record, Stamp};

use super::*;
use crate::{authenticate::reference_of, check};

const ACCOUNT: u64 = 123_456_789_012;
const OTHER: u64 = 210_987_654_321;
const NOW: UnixMillis = UnixMillis(1_795_467_600_000);
const ROLE: &str = "arn:aws:iam::123456789012:role/team/worker";
const TRUSTED: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}"#;

fn key() -> ClusterKey {
    ClusterKey::new(1, &[7; 32]).unwrap()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}

fn tags(all: &[(&str, &str)]) -> Vec<Tag> {
    all.iter().map(|(key, value)| tag(key, value)).collect()
}

fn allow(actions: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Resource":"*"}}}}"#
    )
}

struct Rig {
    view: View,
    index: u64,
}

impl Rig {
    /// An account with the user `ada`, tagged `team=red`, who may do everything, and the roles `worker` and `next`, tagged `team=blue`.
    fn new() -> Self {
        let mut rig = Self { view: View::default(), index: 0 };
        rig.view.groups.insert(1, GroupState::new(GroupId(1)));
        rig.account(ACCOUNT);
        rig.root(Command::CreateUser(CreateUser {
            name: "ada".into(),
            id: "AIDAADA".into(),
            tags: tags(&[("team", "red"), ("floor", "2")]),
            ..CreateUser::default()
        }));
        rig.root(Command::CreateAccessKey(CreateAccessKey {
            user: "ada".into(),
            id: "ADA".into(),
            ..CreateAccessKey::default()
        }));
        rig.grant(1, "ada", &allow(r#""*""#));
        for name in ["worker", "next"] {
            rig.role(name, TRUSTED);
            rig.grant(3, name, &allow(r#""*""#));
        }
        rig
    }

    /// An account with its root user's key.
    fn account(&mut self, account: u64) {
        self.index += 1;
        let placement =
            AccountPlacement { account, group: 1, active: true, ..AccountPlacement::default() };
        let origin = Origin::Group { group: GroupId::DIRECTORY, generation: 0 };
        let record = Record {
            key: Key::AccountPlacement(account).encode(),
            value: Some(prost::Message::encode_to_vec(&placement).into()),
            stamp: Stamp { epoch: 0, revision: self.index },
            dot: Dot { origin, sequence: self.index },
        };
        self.view.directory.absorb(&record).unwrap();
        let id = if account == ACCOUNT { "ROOT" } else { "ROOT2" };
        let root_key = Some(AccessKey { id: id.into(), ..AccessKey::default() });
        let system = CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() };
        let init = InitAccount {
            name: "a".into(),
            email: "a@b".into(),
            root_key,
            ..InitAccount::default()
        };
        self.apply(account, system, Command::InitAccount(init));
    }

    fn apply(&mut self, account: u64, caller: CallerRef, command: Command) {
        self.index += 1;
        let envelope = Envelope {
            account,
            caller: Some(caller),
            command: Some(command),
            ..Envelope::default()
        };
        let mut group = self.view.groups.get(&1).cloned().unwrap();
        group.apply(self.index, NOW.0, &envelope).outcome.into_result().unwrap();
        self.view.groups.insert(1, group);
    }

    fn root(&mut self, command: Command) {
        self.apply(ACCOUNT, Self::reference(ACCOUNT, caller_kind::ROOT, "ROOT"), command);
    }

    fn grant(&mut self, kind: u32, name: &str, document: &str) {
        let (name, policy, document) = (name.into(), "own".into(), document.into());
        self.root(Command::PutInline(PutInline { kind, name, policy, document }));
    }

    fn role(&mut self, name: &str, trust: &str) {
        self.root(Command::CreateRole(CreateRole {
            name: name.into(),
            path: "/team/".into(),
            id: format!("AROA{}", name.to_uppercase()),
            trust_policy: trust.into(),
            session_seconds_max: 7_200,
            tags: tags(&[("team", "blue"), ("Kind", "worker")]),
            ..CreateRole::default()
        }));
    }

    fn reference(account: u64, kind: u32, access_key: &str) -> CallerRef {
        CallerRef { kind, account, access_key: access_key.into(), ..CallerRef::default() }
    }

    fn caller(&self, reference: CallerRef, now: UnixMillis) -> Caller {
        let account = AccountId::from_u64(reference.account).unwrap();
        let state = Arc::clone(self.view.account(account).unwrap());
        let resolved = state.resolve(&reference, now.0).unwrap();
        let context = Context::default();
        Caller { reference, account, group: GroupId(1), state, resolved, context }
    }

    fn ada(&self) -> Caller {
        self.caller(Self::reference(ACCOUNT, caller_kind::USER, "ADA"), NOW)
    }

    fn as_root(&self) -> Caller {
        self.caller(Self::reference(ACCOUNT, caller_kind::ROOT, "ROOT"), NOW)
    }

    /// Whoever holds a token, as a node finds it.
    fn holder(&self, token: &str, now: UnixMillis) -> Caller {
        let session = Session::open(&key(), token, now.0).unwrap();
        self.caller(reference_of(session), now)
    }

    fn assume(&self, caller: &Caller, request: &AssumeRole) -> Result<Caller, ServiceError> {
        let mut entropy = |bytes: &mut [u8]| bytes.fill(9);
        let assumed = assume_role(&self.view, caller, request, NOW, &mut entropy, &key())?;
        Ok(self.holder(&assumed.token, NOW))
    }

    fn begin(
        &self,
        caller: &Caller,
        seconds: u32,
        mfa_at: Option<u64>,
    ) -> Result<Issued, ServiceError> {
        let mut entropy = |bytes: &mut [u8]| bytes.fill(9);
        get_session_token(&self.view, caller, seconds, mfa_at, NOW, &mut entropy, &key())
    }

    fn federate(
        &self,
        caller: &Caller,
        request: &GetFederationToken,
    ) -> Result<Issued, ServiceError> {
        let mut entropy = |bytes: &mut [u8]| bytes.fill(9);
        get_federation_token(&self.view, caller, request, NOW, &mut entropy, &key())
    }
}

fn worker() -> AssumeRole {
    AssumeRole { role_arn: ROLE.into(), session_name: "work".into(), ..AssumeRole::default() }
}

fn next() -> AssumeRole {
    AssumeRole { role_arn: ROLE.replace("worker", "next"), ..worker() }
}

fn why<T: core::fmt::Debug>(result: Result<T, ServiceError>) -> Reason {
    result.unwrap_err().reason
}

fn session_key(caller: &Caller, key: &str) -> Option<String> {
    let session = caller.resolved.principal.session.as_ref()?;
    session.get(key).map(|v| v.as_slice().join(","))
}

#[test]
fn a_role_session_has_the_tags_of_both_and_the_sessions_own_win() {
    let rig = Rig::new();
    let asked = tags(&[("TEAM", "green"), ("cost", "7")]);
    let session = rig.assume(&rig.ada(), &AssumeRole { tags: asked, ..worker() }).unwrap();
    let principal = &session.resolved.principal;
    let of = |key| principal.tag(key);
    assert_eq!(
        (of("team"), of("cost"), of("kind"), of("floor")),
        (Some("green"), Some("7"), Some("worker"), None)
    );
    assert_eq!(&*principal.arn, "arn:aws:sts::123456789012:assumed-role/worker/work");
    assert_eq!(session_key(&session, "aws:MultiFactorAuthPresent").as_deref(), Some("false"));
    assert_eq!(session_key(&session, "aws:TokenIssueTime"), Some(NOW.to_string()));
}

#[test]
fn transitive_tags_and_the_source_identity_stay_through_a_chain() {
    let rig = Rig::new();
    let request = AssumeRole {
        tags: tags(&[("cost", "7"), ("own", "x")]),
        transitive_tag_keys: vec!["COST".into()],
        source_identity: "ada".into(),
        ..worker()
    };
    let first = rig.assume(&rig.ada(), &request).unwrap();
    let second = rig.assume(&first, &next()).unwrap();
    let third = rig.assume(&second, &worker()).unwrap();
    for session in [&second, &third] {
        assert_eq!(session.resolved.principal.tag("cost"), Some("7"));
        assert_eq!(session.resolved.principal.tag("own"), None);
        assert_eq!(session_key(session, "aws:SourceIdentity").as_deref(), Some("ada"));
    }
    let other_value = AssumeRole { tags: tags(&[("Cost", "8")]), ..next() };
    assert_eq!(why(rig.assume(&first, &other_value)), Reason::ValidationError);
    let other_name = AssumeRole { source_identity: "eve".into(), ..next() };
    assert_eq!(why(rig.assume(&first, &other_name)), Reason::AccessDenied);
    let same_name = AssumeRole { source_identity: "ada".into(), ..next() };
    assert!(rig.assume(&first, &same_name).is_ok());
    let unknown = AssumeRole { transitive_tag_keys: vec!["none".into()], ..worker() };
    assert_eq!(why(rig.assume(&rig.ada(), &unknown)), Reason::ValidationError);
}

#[test]
fn each_role_in_a_chain_must_take_tags_and_source_identities() {
    let mut rig = Rig::new();
    let only = |actions: &str| {
        TRUSTED.replace(r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#, actions)
    };
    rig.role("plain", &only(r#""sts:AssumeRole""#));
    let plain = || AssumeRole { role_arn: ROLE.replace("worker", "plain"), ..worker() };
    let (ada, some) = (rig.ada(), tags(&[("cost", "7")]));
    assert!(rig.assume(&ada, &plain()).is_ok());
    let tagged = AssumeRole { tags: some.clone(), ..plain() };
    let named = AssumeRole { source_identity: "ada".into(), ..plain() };
    for (request, action) in [(tagged, "sts:TagSession"), (named, "sts:SetSourceIdentity")] {
        let refused = rig.assume(&ada, &request).unwrap_err();
        assert_eq!(refused.reason, Reason::AccessDenied);
        assert!(refused.message.contains(&format!("not authorized to perform: {action} on")));
    }
    let handed_on =
        AssumeRole { tags: some.clone(), transitive_tag_keys: vec!["cost".into()], ..worker() };
    let kept = AssumeRole { tags: some, ..worker() };
    for (request, passes) in [(handed_on, false), (kept, true)] {
        let first = rig.assume(&ada, &request).unwrap();
        assert_eq!(rig.assume(&first, &plain()).is_ok(), passes);
    }
}

#[test]
fn trust_policies_ask_about_codes_tags_names_and_external_ids() {
    for (condition, yes, no) in [
        (
            r#""Bool":{"aws:MultiFactorAuthPresent":"true"}"#,
            AssumeRole { mfa_at: Some(NOW.0), ..worker() },
            worker(),
        ),
        (
            r#""NumericLessThan":{"aws:MultiFactorAuthAge":"60"}"#,
            AssumeRole { mfa_at: Some(NOW.0 - 59_000), ..worker() },
            AssumeRole { mfa_at: Some(NOW.0 - 60_000), ..worker() },
        ),
        (
            r#""StringEquals":{"sts:ExternalId":"agreed"}"#,
            AssumeRole { external_id: "agreed".into(), ..worker() },
            AssumeRole { external_id: "guessed".into(), ..worker() },
        ),
        (
            r#""StringEquals":{"sts:RoleSessionName":"work"}"#,
            worker(),
            AssumeRole { session_name: "play".into(), ..worker() },
        ),
        (
            r#""StringEquals":{"aws:RequestTag/cost":"${aws:PrincipalTag/floor}"}"#,
            AssumeRole { tags: tags(&[("cost", "2")]), ..worker() },
            AssumeRole { tags: tags(&[("cost", "3")]), ..worker() },
        ),
        (
            r#""ForAllValues:StringEquals":{"aws:TagKeys":["cost"]}"#,
            AssumeRole { tags: tags(&[("cost", "3")]), ..worker() },
            AssumeRole { tags: tags(&[("cost", "3"), ("x", "")]), ..worker() },
        ),
        (
            r#""ForAnyValue:StringEquals":{"sts:TransitiveTagKeys":"cost"}"#,
            AssumeRole {
                tags: tags(&[("cost", "3")]),
                transitive_tag_keys: vec!["cost".into()],
                ..worker()
            },
            AssumeRole { tags: tags(&[("cost", "3")]), ..worker() },
        ),
        (
            r#""StringEquals":{"sts:SourceIdentity":"${aws:username}"}"#,
            AssumeRole { source_identity: "ada".into(), ..worker() },
            AssumeRole { source_identity: "eve".into(), ..worker() },
        ),
        (
            r#""StringEquals":{"aws:ResourceTag/kind":"worker","iam:ResourceTag/team":"blue"}"#,
            worker(),
            AssumeRole { role_arn: ROLE.replace("worker", "bare"), ..worker() },
        ),
    ] {
        let mut rig = Rig::new();
        let end = format!(r#"],"Condition":{{{condition}}}}}}}"#);
        let conditioned = TRUSTED.replace("]}}", &end);
        rig.root(Command::UpdateRole(tidegate_model::command::UpdateRole {
            name: "worker".into(),
            trust_policy: conditioned.clone(),
            ..Default::default()
        }));
        rig.root(Command::CreateRole(CreateRole {
            name: "bare".into(),
            path: "/team/".into(),
            id: "AROABARE".into(),
            trust_policy: conditioned,
            ..CreateRole::default()
        }));
        let ada = rig.ada();
        assert!(rig.assume(&ada, &yes).is_ok(), "{condition}");
        assert_eq!(why(rig.assume(&ada, &no)), Reason::AccessDenied, "{condition}");
    }
}

#[test]
fn a_session_lasts_what_the_role_lets_it_and_an_hour_in_a_chain() {
    let rig = Rig::new();
    let seconds = |duration_seconds| AssumeRole { duration_seconds, ..worker() };
    let ada = rig.ada();
    for (asked, passes) in [(899, false), (900, true), (7_200, true), (7_201, false)] {
        assert_eq!(rig.assume(&ada, &seconds(asked)).is_ok(), passes, "{asked}");
    }
    let session = rig.assume(&ada, &worker()).unwrap();
    assert!(rig.assume(&session, &seconds(3_600)).is_ok());
    let chained = rig.assume(&session, &seconds(3_601)).unwrap_err();
    assert!(chained.message.contains("1 hour session limit"), "{chained}");
    // A user's own session is no role: what it begins is no chain.
    let own = rig.begin(&ada, 0, None).unwrap();
    assert!(rig.assume(&rig.holder(&own.token, NOW), &seconds(7_200)).is_ok());
}

#[test]
fn session_tags_have_awss_limits() {
    let rig = Rig::new();
    let ada = rig.ada();
    let many: Vec<Tag> = (0..51).map(|n| tag(&n.to_string(), "")).collect();
    for (bad, part) in [
        (tags(&[("a", "1"), ("A", "2")]), "Duplicate"),
        (tags(&[("AWS:x", "1")]), "reserved"),
        (tags(&[("", "1")]), "no key"),
        (vec![tag(&"k".repeat(129), "1")], "too long"),
        (vec![tag("k", &"v".repeat(257))], "too long"),
        (many, "at most 50"),
    ] {
        let refused = rig.assume(&ada, &AssumeRole { tags: bad, ..worker() }).unwrap_err();
        assert_eq!(refused.reason, Reason::ValidationError);
        assert!(refused.message.contains(part), "{refused}");
    }
    for identity in ["x", "a b", &"i".repeat(65)] {
        let request = AssumeRole { source_identity: identity.into(), ..worker() };
        assert_eq!(why(rig.assume(&ada, &request)), Reason::ValidationError);
    }
}

#[test]
fn a_users_session_is_the_user_and_knows_its_code() {
    let rig = Rig::new();
    let issued = rig.begin(&rig.ada(), 0, Some(NOW.0 - 1_000)).unwrap();
    assert_eq!(issued.session.expires - issued.session.issued, 43_200_000);
    let later = UnixMillis(NOW.0 + 9_000);
    let session = rig.holder(&issued.token, later);
    assert_eq!(&*session.resolved.principal.arn, "arn:aws:iam::123456789012:user/ada");
    assert_eq!(session.resolved.principal.tag("team"), Some("red"));
    assert_eq!(session_key(&session, "aws:MultiFactorAuthPresent").as_deref(), Some("true"));
    assert_eq!(session_key(&session, "aws:MultiFactorAuthAge").as_deref(), Some("10"));
    assert!(check(&session, "s3:GetObject", "arn:aws:s3:::b/k").is_ok());
    // Long-term credentials know nothing of a session.
    assert_eq!(session_key(&rig.ada(), "aws:MultiFactorAuthPresent"), None);
    for (seconds, passes) in [(899, false), (900, true), (129_600, true), (129_601, false)] {
        assert_eq!(rig.begin(&rig.ada(), seconds, None).is_ok(), passes, "{seconds}");
    }
    let root = rig.begin(&rig.as_root(), 43_200, None).unwrap();
    assert_eq!(root.session.expires - root.session.issued, 3_600_000);
    let root = rig.holder(&root.token, NOW);
    assert_eq!(&*root.resolved.principal.arn, "arn:aws:iam::123456789012:root");
    assert!(check(&root, "s3:GetObject", "arn:aws:s3:::b/k").is_ok());
    let role = rig.assume(&rig.ada(), &worker()).unwrap();
    for session in [&session, &role] {
        assert_eq!(why(rig.begin(session, 0, None)), Reason::AccessDenied);
        let federation = GetFederationToken { name: "bob".into(), ..Default::default() };
        assert_eq!(why(rig.federate(session, &federation)), Reason::AccessDenied);
    }
}

#[test]
fn a_users_session_ends_with_the_user() {
    let mut rig = Rig::new();
    let issued = rig.begin(&rig.ada(), 0, None).unwrap();
    let reference = reference_of(issued.session);
    rig.grant(1, "ada", "");
    let gone = tidegate_model::command::UpdateAccessKey {
        user: "ada".into(),
        id: "ADA".into(),
        delete: true,
        ..Default::default()
    };
    rig.root(Command::UpdateAccessKey(gone));
    let state = Arc::clone(rig.view.account(AccountId::from_u64(ACCOUNT).unwrap()).unwrap());
    assert!(state.resolve(&reference, NOW.0).is_ok());
    let delete =
        tidegate_model::command::Delete { kind: 1, name: "ada".into(), ..Default::default() };
    rig.root(Command::Delete(delete));
    let state = Arc::clone(rig.view.account(AccountId::from_u64(ACCOUNT).unwrap()).unwrap());
    assert!(state.resolve(&reference, NOW.0).is_err());
}

#[test]
fn a_federated_user_may_do_what_both_the_user_and_its_session_allow() {
    let mut rig = Rig::new();
    let reads = allow(r#"["s3:GetObject","ec2:RunInstances"]"#);
    let request = GetFederationToken {
        name: "Bob".into(),
        policies: vec![reads.clone()],
        tags: tags(&[("Team", "green")]),
        ..GetFederationToken::default()
    };
    for caller in [rig.ada(), rig.as_root()] {
        let issued = rig.federate(&caller, &request).unwrap();
        let bob = rig.holder(&issued.token, NOW);
        let principal = &bob.resolved.principal;
        assert_eq!(&*principal.arn, "arn:aws:sts::123456789012:federated-user/Bob");
        assert_eq!(&*principal.user_id, "123456789012:Bob");
        assert_eq!(principal.entity_arn, caller.resolved.principal.arn);
        assert_eq!((principal.tag("team"), principal.username.as_deref()), (Some("green"), None));
        assert!(check(&bob, "s3:GetObject", "arn:aws:s3:::b/k").is_ok());
        assert_eq!(why(check(&bob, "s3:PutObject", "arn:aws:s3:::b/k")), Reason::AccessDenied);
        let bare = GetFederationToken { policies: Vec::new(), ..request.clone() };
        let nobody = rig.holder(&rig.federate(&caller, &bare).unwrap().token, NOW);
        assert_eq!(why(check(&nobody, "s3:GetObject", "arn:aws:s3:::b/k")), Reason::AccessDenied);
    }
    let bad = GetFederationToken { policies: vec!["{".into()], ..request.clone() };
    assert_eq!(why(rig.federate(&rig.ada(), &bad)), Reason::MalformedPolicyDocument);
    for name in ["x", "a b", &"n".repeat(33)] {
        let bad = GetFederationToken { name: name.into(), ..request.clone() };
        assert_eq!(why(rig.federate(&rig.ada(), &bad)), Reason::ValidationError);
    }
    rig.grant(1, "ada", &allow(r#"["sts:GetFederationToken","s3:*"]"#));
    let tagged = rig.federate(&rig.ada(), &request).unwrap_err();
    assert!(tagged.message.contains("sts:TagSession"), "{tagged}");
    let untagged = GetFederationToken { tags: Vec::new(), ..request };
    let bob = rig.holder(&rig.federate(&rig.ada(), &untagged).unwrap().token, NOW);
    assert_eq!(why(check(&bob, "ec2:RunInstances", "*")), Reason::AccessDenied);
    rig.grant(1, "ada", &allow(r#""s3:*""#));
    assert_eq!(why(rig.federate(&rig.ada(), &untagged)), Reason::AccessDenied);
}

#[test]
fn a_role_of_another_account_needs_the_word_of_both_and_remembers_where_its_sessions_come_from() {
    use tidegate_model::region::{Quarantine, RegionKey, Target, target_kind};
    let mut rig = Rig::new();
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/ada"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"agreed"}}}}"#;
    rig.account(OTHER);
    rig.apply(
        OTHER,
        Rig::reference(OTHER, caller_kind::ROOT, "ROOT2"),
        Command::CreateRole(CreateRole {
            name: "guest".into(),
            id: "AROAGUEST".into(),
            trust_policy: trust.into(),
            ..CreateRole::default()
        }),
    );
    let guest = |external_id: &str| AssumeRole {
        role_arn: "arn:aws:iam::210987654321:role/guest".into(),
        session_name: "visit".into(),
        external_id: external_id.into(),
        ..AssumeRole::default()
    };
    assert_eq!(why(rig.assume(&rig.ada(), &guest("guessed"))), Reason::AccessDenied);
    let session = rig.assume(&rig.ada(), &guest("agreed")).unwrap();
    assert_eq!(
        &*session.resolved.principal.arn,
        "arn:aws:sts::210987654321:assumed-role/guest/visit"
    );
    assert_eq!(session.reference.lineage, ["123456789012/ADA", "123456789012/AIDAADA"]);
    let nobody = AssumeRole { role_arn: guest("").role_arn.replace("2109", "3109"), ..guest("") };
    assert_eq!(why(rig.assume(&rig.ada(), &nobody)), Reason::AccessDenied);
    // Whoever contains ada contains what she began there.
    let stands = |rig: &Rig| {
        check_standing(&rig.view, &session.state, &session.reference, &session.resolved, NOW)
    };
    assert!(stands(&rig).is_ok());
    let target = |id: &str| Quarantine {
        id: id.into(),
        account: ACCOUNT,
        target: Some(Target { kind: target_kind::PRINCIPAL, id: id.into(), ..Target::default() }),
        until: NOW.0 + 60_000,
        reason: "test".into(),
        issued: NOW.0,
        ..Quarantine::default()
    };
    for (id, contained) in [("AIDABOB", false), ("AIDAADA", true)] {
        let origin = Origin::Node { node: tidegate_replica::NodeId(4), incarnation: 1 };
        rig.index += 1;
        let record = Record {
            key: RegionKey::Quarantine(ACCOUNT, id.into()).encode(origin).unwrap(),
            value: Some(prost::Message::encode_to_vec(&target(id)).into()),
            stamp: Stamp { epoch: 0, revision: rig.index },
            dot: Dot { origin, sequence: rig.index },
        };
        rig.view.region.absorb(&record).unwrap();
        assert_eq!(stands(&rig).is_err(), contained, "{id}");
    }
    // The trust policy names her; across accounts her own policies must allow it too.
    rig.view.region = tidegate_model::region::RegionState::default();
    rig.grant(1, "ada", &allow(r#""s3:*""#));
    assert_eq!(why(rig.assume(&rig.ada(), &guest("agreed"))), Reason::AccessDenied);
}

#[test]
fn a_lineage_names_accounts_where_they_are_others() {
    let ids = |all: &[&str]| all.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let across = lineage_across;
    assert_eq!(across(ids(&["AIDA", "2/AROA"]), 1, 1), ids(&["AIDA", "2/AROA"]));
    assert_eq!(
        across(ids(&["AIDA", "2/AROA", "3/root"]), 1, 2),
        ids(&["1/AIDA", "3/root", "AROA"])
    );
}

#[test]
fn a_denial_is_read_by_its_own_account_alone() {
    let mut rig = Rig::new();
    let deny = r#"{"Version":"2012-10-17","Statement":{"Sid":"NoRoles","Effect":"Deny","Action":"iam:*","Resource":"*"}}"#;
    rig.grant(1, "ada", deny);
    let mut ada = rig.ada();
    ada.context.insert("aws:TagKeys", Value::Many(vec!["a".into(), "b".into()]));
    let role = "arn:aws:iam::123456789012:role/*";
    let denied = check(&ada, "iam:ListRoles", role).unwrap_err();
    let encoded = denied.denial.unwrap().encode(&key(), [3; 12]).unwrap();
    let own = AccountId::from_u64(ACCOUNT).unwrap();
    let message = crate::decode_authorization_message(&key(), own, &encoded).unwrap();
    let read: serde_json::Value = serde_json::from_str(&message).unwrap();
    assert_eq!((&read["allowed"], &read["explicitDeny"]), (&false.into(), &true.into()));
    assert_eq!(read["matchedStatements"]["items"][0]["statementId"], "NoRoles");
    assert_eq!(read["context"]["principal"]["id"], "AIDAADA");
    assert_eq!(read["context"]["action"], "iam:ListRoles");
    assert_eq!(read["context"]["resource"], role);
    let condition = &read["context"]["conditions"]["items"][0];
    assert_eq!(
        (&condition["key"], &condition["values"]["items"][1]["value"]),
        (&"aws:tagkeys".into(), &"b".into())
    );
    let other = AccountId::from_u64(1).unwrap();
    assert!(crate::decode_authorization_message(&key(), other, &encoded).is_err());
    let mut forged = encoded.into_bytes();
    forged[40] ^= 1;
    let forged = String::from_utf8(forged).unwrap();
    assert!(crate::decode_authorization_message(&key(), own, &forged).is_err());
    // The trust policy's refusal has one too.
    rig.grant(1, "ada", &allow(r#""s3:*""#));
    assert!(rig.assume(&rig.ada(), &worker()).unwrap_err().denial.is_some());
}

#[test]
fn a_root_user_takes_on_no_role_nor_does_its_session() {
    let rig = Rig::new();
    let (root, ada) = (rig.as_root(), rig.ada());
    let refused = rig.assume(&root, &worker()).unwrap_err();
    assert_eq!(refused.reason, Reason::AccessDenied);
    assert_eq!(refused.message, "Roles may not be assumed by root accounts.");
    let session = rig.holder(&rig.begin(&root, 900, None).unwrap().token, NOW);
    assert_eq!(rig.assume(&session, &worker()).unwrap_err().message, refused.message);
    assert!(rig.assume(&ada, &worker()).is_ok(), "what a user of the account may");
}
