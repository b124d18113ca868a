//! Secrets that are sealed anew.

use super::*;
use crate::{
    command::RaiseVersion,
    federation::{ChangeOutbound, OutboundKey},
    mfa::MfaDevice,
    resource::{Body, Change, ChangeResource, Resource, ResourceKind},
    secrets::{Reseal, Resealed, secret_kind},
    version::SEALING_KEYS,
};

fn system() -> CallerRef {
    CallerRef { kind: caller_kind::SYSTEM, ..CallerRef::default() }
}

fn anew(kind: u32, id: &str, from: &[u8], sealed: &[u8]) -> Resealed {
    Resealed { kind, id: id.into(), from: from.to_vec(), sealed: sealed.to_vec() }
}

fn reseal(secrets: &[Resealed]) -> Command {
    Command::Reseal(Reseal { secrets: secrets.to_vec() })
}

/// Root with a key, a device and two keys for tokens, each sealed as `old` and its number.
fn sealed() -> World {
    let mut world = World::new();
    let key = CreateAccessKey {
        id: "AKIA1".into(),
        sealed_secret: b"old1".to_vec(),
        ..Default::default()
    };
    world.root(Command::CreateAccessKey(key)).unwrap();
    let device = Resource {
        name: "Phone".into(),
        id: "d".into(),
        body: Some(Body::MfaDevice(MfaDevice {
            sealed_seed: b"old2".to_vec(),
            ..MfaDevice::default()
        })),
        ..Resource::default()
    };
    world
        .root(Command::ChangeResource(ChangeResource {
            kind: ResourceKind::MfaDevice as u32,
            name: "Phone".into(),
            change: Some(Change::Create(device)),
        }))
        .unwrap();
    let key = |n: u8| OutboundKey {
        id: format!("k{n}"),
        algorithm: "ES384".into(),
        sealed: format!("old{n}").into_bytes(),
        jwk: "{}".into(),
        created: 0,
    };
    world
        .root(Command::ChangeOutbound(ChangeOutbound {
            enabled: true,
            issuer: "https://here".into(),
            keys: vec![key(3), key(4)],
        }))
        .unwrap();
    world
}

fn stands(world: &World) -> Vec<(u32, String, String, String)> {
    let account = world.state.account(AccountId::from_u64(ACCOUNT).unwrap()).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    account
        .sealed_secrets()
        .map(|s| (s.kind, s.id.to_owned(), s.owner.clone(), text(s.sealed)))
        .collect()
}

fn row(kind: u32, id: &str, owner: &str, sealed: &str) -> (u32, String, String, String) {
    (kind, id.into(), owner.into(), sealed.into())
}

#[test]
fn secrets_are_sealed_anew_where_they_still_are_what_was_looked_at() {
    let mut world = sealed();
    let (key, device, outbound) =
        (secret_kind::ACCESS_KEY, secret_kind::MFA_DEVICE, secret_kind::OUTBOUND_KEY);
    let all = [
        anew(key, "AKIA1", b"old1", b"new1"),
        anew(device, "Phone", b"old2", b"new2"),
        anew(outbound, "k3", b"old3", b"new3"),
        anew(outbound, "k4", b"old4", b"new4"),
    ];
    let early = world.apply_as(system(), "", reseal(&all)).unwrap_err();
    assert!(early.message.contains("Not every voter"), "{early:?}");
    for version in 2..=SEALING_KEYS {
        world.apply_as(system(), "", Command::RaiseVersion(RaiseVersion { version })).unwrap();
    }
    assert!(world.root(reseal(&all)).is_err(), "the cluster alone");
    assert!(world.apply_as(system(), "", reseal(&[anew(9, "AKIA1", b"old1", b"new1")])).is_err());
    assert!(world.apply_as(system(), "", reseal(&[anew(key, "AKIA1", b"old1", b"")])).is_err());

    // What was changed or deleted meanwhile stays as it is.
    let before = stands(&world);
    let stale = [
        anew(key, "AKIA1", b"older", b"new1"),
        anew(key, "AKIA2", b"old1", b"new1"),
        anew(device, "Phone", b"older", b"new2"),
        anew(device, "Pad", b"old2", b"new2"),
        anew(outbound, "k3", b"older", b"new3"),
    ];
    world.apply_as(system(), "", reseal(&stale)).unwrap();
    assert_eq!(stands(&world), before);

    world.apply_as(system(), "", reseal(&all)).unwrap();
    let serial = "arn:aws:iam::123456789012:mfa/Phone";
    assert_eq!(
        stands(&world),
        [
            row(key, "AKIA1", "AKIA1", "new1"),
            row(device, "Phone", serial, "new2"),
            row(outbound, "k3", "k3", "new3"),
            row(outbound, "k4", "k4", "new4"),
        ]
    );
    let account = world.state.account(AccountId::from_u64(ACCOUNT).unwrap()).unwrap();
    assert!(account.access_key("AKIA1").unwrap().active && account.outbound().unwrap().enabled);
}
