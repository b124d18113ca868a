//! An account as an issuer, and sessions for which a provider vouched.

use tidegate_policy::AccountId;

use super::*;
use crate::{
    AccountState, CallerRef, Command,
    apply::tests::{ACCOUNT, TRUST, World},
    command::{ContextEntry, CreateRole, caller_kind},
    federation::Federation,
    record::Tag,
};

fn enable(id: &str) -> Command {
    let key = OutboundKey {
        id: id.to_owned(),
        algorithm: "ES384".to_owned(),
        sealed: vec![1],
        jwk: "{}".to_owned(),
        created: 0,
    };
    let issuer = format!("https://{id}.example.com");
    Command::ChangeOutbound(ChangeOutbound { enabled: true, issuer, keys: vec![key] })
}

fn disable() -> Command {
    Command::ChangeOutbound(ChangeOutbound::default())
}

fn account(world: &World) -> AccountState {
    let id = AccountId::from_u64(ACCOUNT).unwrap();
    AccountState::clone(world.state.account(id).unwrap())
}

#[test]
fn turning_off_and_on_changes_the_key_keeps_the_issuer_and_publishes_the_old_key() {
    let mut world = World::new();
    let kind = |world: &mut World, command| world.root(command).unwrap_err().kind();
    assert_eq!(kind(&mut world, disable()), RejectionKind::NoSuchEntity);
    assert_eq!(account(&world).outbound(), None);
    world.root(enable("k1")).unwrap();
    assert_eq!(kind(&mut world, enable("k2")), RejectionKind::EntityAlreadyExists);
    assert_eq!(account(&world).outbound().unwrap().signing("ES384").unwrap().id, "k1");
    assert_eq!(account(&world).outbound().unwrap().signing("RS256"), None);
    world.root(disable()).unwrap();
    assert!(!account(&world).outbound().unwrap().enabled);
    for n in 2..12 {
        world.root(enable(&format!("k{n}"))).unwrap();
        world.root(disable()).unwrap();
    }
    let outbound = account(&world).outbound().cloned().unwrap();
    assert_eq!(outbound.issuer, "https://k1.example.com");
    assert_eq!(outbound.signing("ES384").unwrap().id, "k11");
    assert_eq!((outbound.keys.len(), &*outbound.keys[1].id), (KEYS_MAX, "k10"));
    assert!(outbound.keys[0].created > 0);
    world.check_fold();
}

#[test]
fn without_a_key_nothing_is_turned_on() {
    let mut world = World::new();
    let none = ChangeOutbound { enabled: true, issuer: "https://x".to_owned(), keys: vec![] };
    let refused = world.root(Command::ChangeOutbound(none)).unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::ValidationError);
}

#[test]
fn a_federated_session_has_its_own_tags_and_what_its_provider_said() {
    let mut world = World::new();
    let role = CreateRole {
        name: "r".into(),
        id: "AROAr".into(),
        trust_policy: TRUST.into(),
        tags: vec![
            Tag { key: "team".into(), value: "red".into() },
            Tag { key: "Cost".into(), value: "9".into() },
        ],
        ..CreateRole::default()
    };
    world.root(Command::CreateRole(role)).unwrap();
    let federation = Federation {
        provider: "arn:aws:iam::000000000001:saml-provider/corp".into(),
        keys: vec![ContextEntry { key: "saml:sub".into(), values: vec!["ada".into()] }],
    };
    let caller = CallerRef {
        kind: caller_kind::SESSION,
        account: ACCOUNT,
        id: "AROAr".into(),
        session: "s".into(),
        expires: 10_000,
        federation: Some(federation),
        session_tags: vec![Tag { key: "Team".into(), value: "blue".into() }],
        source_identity: "ada".into(),
        ..CallerRef::default()
    };
    let found = account(&world).resolve(&caller, 1).unwrap();
    assert_eq!(found.principal.tag("TEAM"), Some("blue"));
    assert_eq!(found.principal.tag("cost"), Some("9"));
    assert_eq!(found.principal.tags.len(), 2);
    let session = found.principal.session.as_ref().unwrap();
    for (key, value) in [
        ("saml:sub", "ada"),
        ("aws:SourceIdentity", "ada"),
        ("aws:FederatedProvider", "arn:aws:iam::000000000001:saml-provider/corp"),
        ("aws:MultiFactorAuthPresent", "false"),
    ] {
        let found = session.get(key).map(|v| v.as_slice().to_vec());
        assert_eq!(found, Some(vec![value.to_owned()]), "{key}");
    }
    // Sessions of the same role and name for which nobody vouched have none of it.
    let bare = CallerRef { federation: None, session_tags: vec![], ..caller };
    let found = account(&world).resolve(&bare, 1).unwrap();
    assert_eq!(found.principal.tag("Team"), Some("red"));
    let session = found.principal.session.as_ref().unwrap();
    assert_eq!((session.get("saml:sub"), session.get("aws:FederatedProvider")), (None, None));
}
