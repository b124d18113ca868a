//! Who may contain whom, and that whoever is contained gets no further by any door.

use prost::Message;
use tidegate_authn::{ClusterKey, Presented, Secret, SigningKey, SigningKeyCache, amz_date, sign};
use tidegate_model::{
    CallerRef, GroupState, Key,
    command::caller_kind,
    ids,
    record::{AccessKey, Account, AccountPlacement, Cluster, InlinePolicy, Role, User},
    region::{CLOCK_SKEW_MAX_MILLIS, Lift, RegionKey},
};
use tidegate_policy::{Context, Effect};
use tidegate_replica::{Dot, GroupId, Origin, Record, Stamp};

use super::*;
use crate::{AssumeRole, Question, assume_role, authenticate, check_standing, decide};

const ACCOUNT: u64 = 123_456_789_012;
const OPERATOR: u64 = 1;
const NOW: UnixMillis = UnixMillis(1_795_467_600_000);
const NODE: NodeId = NodeId(4);
const ADA: &str = "arn:aws:iam::123456789012:user/ada";
const BOB: &str = "arn:aws:iam::123456789012:user/bob";
const ROLE: &str = "arn:aws:iam::123456789012:role/worker";
const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}"#;

fn cluster_key() -> ClusterKey {
    ClusterKey::new(1, &[7; 32]).unwrap()
}

/// The key of a user; empty name: of the root user.
fn key_id(account: u64, user: &str) -> String {
    let mut entropy = [0; 16];
    for (place, byte) in entropy.iter_mut().zip(user.bytes()) {
        *place = byte;
    }
    ids::access_key_id(account, &entropy)
}

struct Rig {
    view: View,
    sequence: u64,
}

impl Rig {
    /// An operator; and an account with the users `ada` and `bob`, of whom `ada` may do everything, and the role `worker`.
    fn new() -> Self {
        let mut rig = Self { view: View::default(), sequence: 0 };
        let cluster = Cluster { operator: OPERATOR, ..Cluster::default() };
        rig.directory(&Key::Cluster, &cluster);
        for account in [OPERATOR, ACCOUNT] {
            let placement =
                AccountPlacement { account, group: 1, active: true, ..AccountPlacement::default() };
            rig.directory(&Key::AccountPlacement(account), &placement);
            rig.group(&Key::Account(account), &Account { id: account, ..Account::default() });
            rig.key(account, "");
        }
        for name in ["ada", "bob"] {
            let user = User {
                name: name.into(),
                path: "/".into(),
                id: format!("AIDA{name}"),
                ..User::default()
            };
            rig.group(&Key::User(ACCOUNT, name.into()), &user);
            rig.key(ACCOUNT, name);
        }
        let policy = InlinePolicy { name: "all".into(), document: ALL.into() };
        rig.group(&Key::Inline(ACCOUNT, EntityKind::User, "ada".into(), "all".into()), &policy);
        let role = Role {
            name: "worker".into(),
            path: "/".into(),
            id: "AROAworker".into(),
            trust_policy: TRUST.into(),
            session_seconds_max: 3_600,
            ..Role::default()
        };
        rig.group(&Key::Role(ACCOUNT, "worker".into()), &role);
        rig.group(&Key::Inline(ACCOUNT, EntityKind::Role, "worker".into(), "all".into()), &policy);
        rig
    }

    fn record(&mut self, key: bytes::Bytes, value: &impl Message, origin: Origin) -> Record {
        self.sequence += 1;
        let (sequence, value) = (self.sequence, Some(value.encode_to_vec().into()));
        let stamp = Stamp { epoch: 0, revision: sequence };
        Record { key, value, stamp, dot: Dot { origin, sequence } }
    }

    fn directory(&mut self, key: &Key, value: &impl Message) {
        let origin = Origin::Group { group: GroupId::DIRECTORY, generation: 0 };
        let record = self.record(key.encode(), value, origin);
        self.view.directory.absorb(&record).unwrap();
    }

    fn group(&mut self, key: &Key, value: &impl Message) {
        let origin = Origin::Group { group: GroupId(1), generation: 0 };
        let record = self.record(key.encode(), value, origin);
        let mut state = self.view.groups.remove(&1).unwrap_or_else(|| GroupState::new(GroupId(1)));
        state.absorb(&record).unwrap();
        self.view.groups.insert(1, state);
    }

    fn key(&mut self, account: u64, user: &str) {
        let id = key_id(account, user);
        let sealed_secret = cluster_key().seal(&id, b"secret", [1; 12]).unwrap();
        let key = AccessKey {
            id: id.clone(),
            user: user.into(),
            active: true,
            sealed_secret,
            created: 1,
        };
        self.group(&Key::AccessKey(account, id), &key);
    }

    fn region(&mut self, key: &RegionKey, value: &impl Message) {
        let origin = Origin::Node { node: NODE, incarnation: 1 };
        let record = self.record(key.encode(origin).unwrap(), value, origin);
        self.view.region.absorb(&record).unwrap();
    }

    fn caller(&self, account: u64, user: &str) -> Caller {
        let kind = if user.is_empty() { caller_kind::ROOT } else { caller_kind::USER };
        self.look_up(CallerRef {
            kind,
            account,
            access_key: key_id(account, user),
            ..CallerRef::default()
        })
    }

    fn look_up(&self, reference: CallerRef) -> Caller {
        let account = AccountId::from_u64(reference.account).unwrap();
        let state = Arc::clone(self.view.account(account).unwrap());
        let resolved = state.resolve(&reference, NOW.0).unwrap();
        let (group, context) = (GroupId(1), Context::default());
        Caller { reference, account, group, state, resolved, context }
    }

    fn ask(&self, caller: &Caller, target: Named) -> Result<Quarantine, ServiceError> {
        quarantine(&self.view, caller, &asked(target), NODE, NOW)
    }

    /// Somebody is contained by the operator.
    fn contain(&mut self, target: Named) -> Quarantine {
        let taken = self.ask(&self.caller(OPERATOR, ""), target).unwrap();
        self.region(&RegionKey::Quarantine(ACCOUNT, taken.id.clone()), &taken);
        taken
    }

    fn assume(&self, caller: &Caller) -> Result<crate::AssumedRole, ServiceError> {
        let request = AssumeRole {
            role_arn: ROLE.into(),
            session_name: "session".into(),
            ..AssumeRole::default()
        };
        let mut drawn = 0;
        let mut entropy = |bytes: &mut [u8]| {
            drawn += 1;
            bytes.fill(drawn);
        };
        assume_role(&self.view, caller, &request, NOW, &mut entropy, &cluster_key())
    }
}

fn asked(target: Named) -> Contain {
    Contain { id: "q1".into(), target, reason: " leaked ".into(), millis: 3_600_000 }
}

fn arn(text: &str) -> Named {
    Named::Principal(text.into())
}

fn why<T: core::fmt::Debug>(result: Result<T, ServiceError>) -> Reason {
    result.unwrap_err().reason
}

#[test]
fn a_target_is_named_in_many_ways_and_kept_by_its_unique_id() {
    let rig = Rig::new();
    let operator = rig.caller(OPERATOR, "");
    let (key, session) = (key_id(ACCOUNT, "ada"), ids::session_key_id(ACCOUNT, &[3; 16]));
    let of_session = format!("arn:aws:iam::123456789012:access-key/{session}");
    let root = "arn:aws:iam::123456789012:root";
    for (named, kind, id, text) in [
        (arn(ADA), target_kind::PRINCIPAL, "AIDAada", ADA),
        (arn(ROLE), target_kind::PRINCIPAL, "AROAworker", ROLE),
        (arn(root), target_kind::ROOT, "", root),
        (Named::AccessKey(key.clone()), target_kind::ACCESS_KEY, &key, ADA),
        (Named::AccessKey(session.clone()), target_kind::ACCESS_KEY, &session, &of_session),
        (Named::Account("123456789012".into()), target_kind::ACCOUNT, "", root),
    ] {
        let taken = rig.ask(&operator, named.clone()).unwrap();
        let target = Target { kind, id: id.into(), arn: text.into() };
        assert_eq!(taken.target, Some(target), "{named:?}");
        assert_eq!((taken.account, taken.until), (ACCOUNT, NOW.0 + 3_600_000));
        assert_eq!((taken.reason.as_str(), taken.node), ("leaked", NODE.0));
    }
    for (named, reason) in [
        (arn("arn:aws:iam::123456789012:user/nobody"), Reason::NoSuchEntity),
        (arn("arn:aws:iam::123456789012:user/other/ada"), Reason::NoSuchEntity),
        (arn("arn:aws:iam::000000000009:user/ada"), Reason::AccountNotFound),
        (arn("arn:aws:sts::123456789012:assumed-role/worker/s"), Reason::ValidationError),
        (arn("ada"), Reason::ValidationError),
        (Named::AccessKey("AKIA".into()), Reason::ValidationError),
        (Named::AccessKey(key_id(ACCOUNT, "nobody")), Reason::NoSuchEntity),
        (Named::Account("1".into()), Reason::ValidationError),
        (Named::Account("000000000009".into()), Reason::AccountNotFound),
    ] {
        assert_eq!(why(rig.ask(&operator, named.clone())), reason, "{named:?}");
    }
}

#[test]
fn a_permission_is_needed_and_a_place_above_the_target() {
    let rig = Rig::new();
    let (root, ada, bob) =
        (rig.caller(ACCOUNT, ""), rig.caller(ACCOUNT, "ada"), rig.caller(ACCOUNT, "bob"));
    assert!(rig.ask(&root, arn(BOB)).is_ok());
    assert!(rig.ask(&ada, arn(BOB)).is_ok());
    assert!(rig.ask(&ada, arn(ADA)).is_ok(), "whoever knows that his key has leaked may say so");
    assert_eq!(why(rig.ask(&bob, arn(ADA))), Reason::AccessDenied);
    let operators = "arn:aws:iam::000000000001:root";
    for named in [
        arn("arn:aws:iam::123456789012:root"),
        Named::AccessKey(key_id(ACCOUNT, "")),
        Named::Account("123456789012".into()),
        arn(operators),
    ] {
        assert_eq!(why(rig.ask(&ada, named.clone())), Reason::AccessDenied, "{named:?}");
    }
    let operator = rig.caller(OPERATOR, "");
    assert!(rig.ask(&operator, arn(operators)).is_ok());
    assert_eq!(
        why(rig.ask(&operator, Named::Account("000000000001".into()))),
        Reason::ValidationError
    );
    for bad in [
        Contain { reason: " ".into(), ..asked(arn(BOB)) },
        Contain { reason: "x".repeat(513), ..asked(arn(BOB)) },
        Contain { millis: 59_999, ..asked(arn(BOB)) },
        Contain { millis: QUARANTINE_MILLIS_MAX + 1, ..asked(arn(BOB)) },
    ] {
        let refused = quarantine(&rig.view, &root, &bad, NODE, NOW);
        assert_eq!(why(refused), Reason::ValidationError);
    }
}

#[test]
fn one_request_is_one_quarantine_for_ever() {
    let mut rig = Rig::new();
    let operator = rig.caller(OPERATOR, "");
    let taken = rig.contain(arn(ADA));
    let later = UnixMillis(NOW.0 + 5_000);
    let again = quarantine(&rig.view, &operator, &asked(arn(ADA)), NodeId(9), later);
    assert_eq!(again.unwrap(), taken, "the same, with its first end");
    assert_eq!(why(rig.ask(&operator, arn(BOB))), Reason::IdempotencyMismatch);
    rig.group(&Key::Lift(ACCOUNT, taken.id), &Lift::default());
    assert_eq!(why(rig.ask(&operator, arn(ADA))), Reason::IdempotencyMismatch, "it was lifted");
}

fn presented(id: &str) -> Presented {
    let date = amz_date(NOW);
    let headers = [("host", "h"), ("x-amz-content-sha256", "x"), ("x-amz-date", &*date)];
    let key = SigningKey::of_grpc(&Secret::new("secret".into()), &date[..8], "r");
    let authorization = sign(&key, id, "/p", &headers, "x", &date, "r");
    let header = |name: &str| match name {
        "authorization" => Some(&*authorization),
        name => headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v),
    };
    Presented::read(&header).unwrap()
}

#[test]
fn every_credential_of_a_target_is_refused_at_the_door_and_while_it_is_in() {
    let mut rig = Rig::new();
    let door = |view: &View, user: &str| {
        let (key, cache) = (cluster_key(), SigningKeyCache::default());
        let presented = presented(&key_id(ACCOUNT, user));
        authenticate(view, &key, &cache, &presented, NOW, Context::default()).map(|(c, _)| c)
    };
    let mut inside = door(&rig.view, "ada").unwrap();
    let taken = rig.contain(arn(ADA));
    let refused = door(&rig.view, "ada").unwrap_err();
    assert_eq!(refused.reason, Reason::Quarantined);
    assert!(refused.message.contains("q1") && refused.message.contains("leaked"));
    assert!(refused.details.contains(&("quarantine", "q1".to_owned())));
    assert!(refused.details.contains(&("until", UnixMillis(taken.until).to_string())));
    assert!(door(&rig.view, "bob").is_ok());
    assert!(door(&rig.view, "").is_ok());
    assert_eq!(why(inside.renew(&rig.view, NOW)), Reason::Quarantined, "nor does a stream go on");
    let over = UnixMillis(taken.until + CLOCK_SKEW_MAX_MILLIS + 1);
    assert!(inside.renew(&rig.view, over).is_ok());
    rig.contain_by("q2", Named::Account("123456789012".into()));
    for user in ["", "ada", "bob"] {
        assert_eq!(why(door(&rig.view, user)), Reason::Quarantined, "{user}");
    }
}

impl Rig {
    fn contain_by(&mut self, id: &str, target: Named) {
        let operator = self.caller(OPERATOR, "");
        let asked = Contain { id: id.into(), ..asked(target) };
        let taken = quarantine(&self.view, &operator, &asked, NODE, NOW).unwrap();
        self.region(&RegionKey::Quarantine(ACCOUNT, taken.id.clone()), &taken);
    }

    fn session(&self, assumed: &crate::AssumedRole) -> Caller {
        let session = assumed.session.clone();
        self.look_up(CallerRef {
            kind: caller_kind::SESSION,
            account: session.account,
            id: session.role_id,
            access_key: session.access_key_id,
            session: session.name,
            expires: session.expires,
            lineage: session.lineage,
            issued: session.issued,
            ..CallerRef::default()
        })
    }

    fn stands(&self, caller: &Caller) -> Result<(), ServiceError> {
        check_standing(&self.view, &caller.state, &caller.reference, &caller.resolved, NOW)
    }
}

#[test]
fn a_session_is_contained_with_whoever_began_it_and_none_is_issued_to_the_contained() {
    let assumed = Rig::new().assume(&Rig::new().caller(ACCOUNT, "ada")).unwrap();
    for target in [
        arn(ADA),
        arn(ROLE),
        Named::AccessKey(key_id(ACCOUNT, "ada")),
        Named::AccessKey(assumed.session.access_key_id.clone()),
        Named::Account("123456789012".into()),
    ] {
        let mut rig = Rig::new();
        let (ada, session) = (rig.caller(ACCOUNT, "ada"), rig.session(&assumed));
        assert!(rig.stands(&session).is_ok());
        rig.contain(target.clone());
        assert_eq!(why(rig.stands(&session)), Reason::Quarantined, "{target:?}");
        let only_this_session = target == Named::AccessKey(assumed.session.access_key_id.clone());
        assert_eq!(rig.assume(&ada).is_ok(), only_this_session, "{target:?}");
    }
    let mut rig = Rig::new();
    rig.contain(arn(BOB));
    assert!(rig.stands(&rig.session(&assumed)).is_ok());
}

#[test]
fn a_chain_of_sessions_remembers_where_it_began_and_has_an_end() {
    let rig = Rig::new();
    let ada = rig.caller(ACCOUNT, "ada");
    let assumed = rig.assume(&ada).unwrap();
    assert_eq!(assumed.session.lineage, ["AIDAada", &*key_id(ACCOUNT, "ada")]);
    let mut reference = rig.session(&assumed).reference;
    reference.lineage = (0..40).map(|n| format!("AROA{n}")).collect();
    assert_eq!(why(rig.assume(&rig.look_up(reference))), Reason::LimitExceeded);
}

#[test]
fn void_sessions_end_and_who_knows_of_it_issues_good_ones() {
    let mut rig = Rig::new();
    let ada = rig.caller(ACCOUNT, "ada");
    let old = rig.session(&rig.assume(&ada).unwrap());
    let (account, void) = void_sessions(&rig.view, &ada, ROLE, None, NOW).unwrap();
    rig.region(&RegionKey::Void(account.as_u64(), void.role.clone()), &void);
    assert_eq!(why(rig.stands(&old)), Reason::SessionVoid);
    let fresh = rig.assume(&ada).unwrap();
    assert_eq!(fresh.session.issued, NOW.0 + CLOCK_SKEW_MAX_MILLIS);
    assert!(rig.stands(&rig.session(&fresh)).is_ok());
    let future = Some(UnixMillis(NOW.0 + 1));
    let voids =
        |caller: &Caller, role: &str, before| void_sessions(&rig.view, caller, role, before, NOW);
    assert_eq!(why(voids(&ada, ROLE, future)), Reason::ValidationError);
    assert_eq!(why(voids(&ada, ADA, None)), Reason::ValidationError);
    assert_eq!(why(voids(&rig.caller(ACCOUNT, "bob"), ROLE, None)), Reason::AccessDenied);
    assert!(voids(&rig.caller(OPERATOR, ""), ROLE, None).is_ok());
}

#[test]
fn a_decision_about_the_contained_denies_and_says_by_what() {
    let mut rig = Rig::new();
    let root = rig.caller(ACCOUNT, "");
    let ask = |view: &View, principal: &str| {
        let (action, resource) = ("s3:GetObject", "arn:aws:s3:::bucket/key");
        let question = Question { principal, action, resource, context: Context::default() };
        decide(view, &root, &question, NOW).unwrap()
    };
    assert_eq!(ask(&rig.view, ADA).decision.effect, Effect::Allow);
    rig.contain(arn(ADA));
    let answered = ask(&rig.view, ADA);
    assert_eq!(answered.decision.effect, Effect::ExplicitDeny);
    assert!(answered.decision.statements.is_empty());
    assert_eq!(answered.quarantine.unwrap().id, "q1");
    assert!(answered.sentence.unwrap().contains("is quarantined by q1"));
    assert_eq!(ask(&rig.view, BOB).quarantine, None);
}

#[test]
fn a_lift_is_asked_of_what_is_known_and_borne_out_by_the_leader() {
    let mut rig = Rig::new();
    let taken = rig.contain(arn(ADA));
    let account = AccountId::from_u64(ACCOUNT).unwrap();
    let ids = [taken.id.clone()];
    let ask = |rig: &Rig, caller: &Caller, ids: &[String]| lift(&rig.view, caller, account, ids);
    let (root, operator) = (rig.caller(ACCOUNT, ""), rig.caller(OPERATOR, ""));
    let (ada, bob) = (rig.caller(ACCOUNT, "ada"), rig.caller(ACCOUNT, "bob"));
    assert_eq!(ask(&rig, &root, &ids).unwrap().quarantines, [taken]);
    assert!(ask(&rig, &operator, &ids).unwrap().by_operator);
    assert_eq!(why(ask(&rig, &ada, &ids)), Reason::AccessDenied, "the target itself");
    assert_eq!(why(ask(&rig, &bob, &ids)), Reason::AccessDenied, "no permission");
    assert_eq!(why(ask(&rig, &root, &["other".into()])), Reason::NoSuchEntity);
    let elsewhere = lift(&rig.view, &root, AccountId::from_u64(OPERATOR).unwrap(), &ids);
    assert_eq!(why(elsewhere), Reason::AccessDenied);
    let command = ask(&rig, &operator, &ids).unwrap();
    assert!(check_foreign_lift(&rig.view, &operator, &command).is_ok());
    assert_eq!(why(check_foreign_lift(&rig.view, &root, &command)), Reason::AccessDenied);
}

#[test]
fn quarantines_are_shown_to_their_account_and_to_operators() {
    let mut rig = Rig::new();
    rig.contain(arn(ADA));
    let account = AccountId::from_u64(ACCOUNT).ok();
    let other = AccountId::from_u64(OPERATOR).ok();
    let ids =
        |of| quarantines(&rig.view, of, NOW).iter().map(|(q, _)| q.id.clone()).collect::<Vec<_>>();
    assert_eq!(
        (ids(account), ids(None), ids(other)),
        (vec!["q1".into()], vec!["q1".into()], vec![])
    );
    let (root, operator) = (rig.caller(ACCOUNT, ""), rig.caller(OPERATOR, ""));
    assert!(check_list(&rig.view, &root, account).is_ok());
    assert!(check_list(&rig.view, &root, None).is_err());
    assert!(check_list(&rig.view, &root, other).is_err());
    assert!(check_list(&rig.view, &operator, None).is_ok());
    assert!(check_list(&rig.view, &rig.caller(ACCOUNT, "bob"), account).is_err());
}
