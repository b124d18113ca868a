//! Devices, codes that are used once in one order, and own passwords.

use super::*;
use crate::{
    CallerRef, Command, Rejection,
    apply::tests::{ACCOUNT, World, create_user, root},
    command::{CreateAccessKey, Delete, PutInline, ReplyBox, UpdateUser},
    mfa::MFA_STEP_MILLIS,
    resource::{Change, ChangeResource, PasswordPolicy},
};
use tidegate_policy::AccountId;

/// The step at which these tests stand.
const STEP: u64 = 1_000;

fn change(kind: ResourceKind, name: &str, change: Change) -> Command {
    Command::ChangeResource(ChangeResource {
        kind: kind as u32,
        name: name.to_owned(),
        change: Some(change),
    })
}

fn phone(name: &str) -> Command {
    let device = MfaDevice {
        sealed_seed: b"sealed".to_vec(),
        // What only commands of their own say is not taken from whoever makes one.
        user: Some("ada".to_owned()),
        last_step: u64::MAX,
        ..MfaDevice::default()
    };
    let resource = Resource {
        name: name.to_owned(),
        id: format!("id of {name}"),
        body: Some(Body::MfaDevice(device)),
        ..Resource::default()
    };
    change(ResourceKind::MfaDevice, name, Change::Create(resource))
}

fn delete_phone() -> Command {
    change(ResourceKind::MfaDevice, "phone", Change::Delete(true))
}

fn enable(user: &str, step: u64) -> Command {
    let (name, id) = ("phone".to_owned(), "id of phone".to_owned());
    Command::EnableMfaDevice(EnableMfaDevice { name, id, user: user.to_owned(), step })
}

fn resync(step: u64) -> Command {
    let (name, id) = ("phone".to_owned(), "id of phone".to_owned());
    Command::ResyncMfaDevice(ResyncMfaDevice { name, id, user: "ada".to_owned(), step })
}

fn deactivate(user: &str) -> Command {
    let (name, user) = ("phone".to_owned(), user.to_owned());
    Command::DeactivateMfaDevice(DeactivateMfaDevice { name, user })
}

fn use_code(step: u64) -> Command {
    let (name, id) = ("Phone".to_owned(), "id of phone".to_owned());
    Command::UseMfaCode(UseMfaCode { name, id, step })
}

fn user_of(name: &str) -> CallerRef {
    let access_key = format!("{name}KEY");
    CallerRef { kind: caller_kind::USER, account: ACCOUNT, access_key, ..CallerRef::default() }
}

/// `ada` and `bob` with an access key each, and a device that nobody has.
fn world() -> World {
    let mut world = World::new();
    world.later = STEP * MFA_STEP_MILLIS;
    for name in ["ada", "bob"] {
        world.root(create_user(name)).unwrap();
        let key = CreateAccessKey {
            user: name.to_owned(),
            id: format!("{name}KEY"),
            ..CreateAccessKey::default()
        };
        world.root(Command::CreateAccessKey(key)).unwrap();
    }
    world.root(phone("phone")).unwrap();
    world
}

fn kind(result: Result<ReplyBox, Rejection>) -> RejectionKind {
    result.unwrap_err().kind()
}

fn device(world: &World) -> MfaDevice {
    let account = world.state.account(AccountId::from_u64(ACCOUNT).unwrap()).unwrap();
    of_resource(&account.resource(ResourceKind::MfaDevice, "phone").unwrap().value).unwrap().clone()
}

#[test]
fn a_new_device_is_nobodys_whatever_its_maker_says() {
    let world = world();
    let made = MfaDevice { sealed_seed: b"sealed".to_vec(), ..MfaDevice::default() };
    assert_eq!(device(&world), made);
}

#[test]
fn a_code_is_used_once_and_none_before_it_is_good_any_more() {
    let mut world = world();
    world.root(enable("Ada", STEP)).unwrap();
    let ada = |world: &mut World, step| world.apply_as(user_of("ada"), "", use_code(step));
    // The codes that enabled the device are used up.
    for step in [STEP - 1, STEP] {
        assert_eq!(kind(ada(&mut world, step)), RejectionKind::InvalidAuthenticationCode);
    }
    // One step ahead is good, two are the future.
    assert_eq!(kind(ada(&mut world, STEP + 2)), RejectionKind::InvalidAuthenticationCode);
    ada(&mut world, STEP + 1).unwrap();
    assert_eq!(kind(ada(&mut world, STEP + 1)), RejectionKind::InvalidAuthenticationCode);
    world.later += 5 * MFA_STEP_MILLIS;
    assert_eq!(kind(ada(&mut world, STEP + 3)), RejectionKind::InvalidAuthenticationCode);
    ada(&mut world, STEP + 4).unwrap();
    world.check_fold();
}

#[test]
fn a_retried_request_is_the_same_use() {
    let mut world = world();
    world.root(enable("ada", STEP)).unwrap();
    for _ in 0..2 {
        world.apply_as(user_of("ada"), "request", use_code(STEP + 1)).unwrap();
    }
    let again = world.apply_as(user_of("ada"), "another", use_code(STEP + 1));
    assert_eq!(kind(again), RejectionKind::InvalidAuthenticationCode);
}

#[test]
fn nobody_uses_the_code_of_another() {
    let mut world = world();
    let ada = world.apply_as(user_of("ada"), "", use_code(STEP));
    assert_eq!(kind(ada), RejectionKind::AccessDenied);
    world.root(enable("ada", STEP - 1)).unwrap();
    for caller in [user_of("bob"), root()] {
        let denied = world.apply_as(caller, "", use_code(STEP));
        assert_eq!(kind(denied), RejectionKind::AccessDenied);
    }
    world.apply_as(user_of("ada"), "", use_code(STEP)).unwrap();
}

#[test]
fn the_root_users_credentials_are_its_own_affair() {
    let mut world = world();
    let all =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    world
        .root(Command::PutInline(PutInline {
            kind: 1,
            name: "ada".into(),
            policy: "all".into(),
            document: all.into(),
        }))
        .unwrap();
    let key = CreateAccessKey { id: "NEWKEY".into(), ..CreateAccessKey::default() };
    for command in [enable("", STEP), deactivate(""), Command::CreateAccessKey(key)] {
        let refused = world.apply_as(user_of("ada"), "", command);
        assert_eq!(kind(refused), RejectionKind::ValidationError);
    }
    world.root(enable("", STEP)).unwrap();
    world.apply_as(root(), "", use_code(STEP + 1)).unwrap();
}

#[test]
fn a_device_has_one_user_and_a_user_eight_devices() {
    let mut world = world();
    assert_eq!(kind(world.root(enable("nobody", STEP))), RejectionKind::NoSuchEntity);
    assert_eq!(kind(world.root(enable("ada", STEP - 2))), RejectionKind::InvalidAuthenticationCode);
    world.root(enable("ada", STEP)).unwrap();
    assert_eq!(kind(world.root(enable("bob", STEP + 1))), RejectionKind::EntityAlreadyExists);
    assert_eq!(kind(world.root(phone("PHONE"))), RejectionKind::EntityAlreadyExists);
    for n in 0..8 {
        let name = format!("phone-{n}");
        world.root(phone(&name)).unwrap();
        let id = format!("id of {name}");
        let enable = EnableMfaDevice { name, id, user: "ada".into(), step: STEP };
        let enabled = world.root(Command::EnableMfaDevice(enable));
        assert_eq!(enabled.is_ok(), n < 7, "{n}");
    }
}

#[test]
fn a_device_in_use_holds_on_to_its_user() {
    let mut world = world();
    world.root(enable("ada", STEP)).unwrap();
    assert_eq!(kind(world.root(delete_phone())), RejectionKind::DeleteConflict);
    let key = crate::command::UpdateAccessKey {
        user: "ada".into(),
        id: "adaKEY".into(),
        delete: true,
        ..Default::default()
    };
    world.root(Command::UpdateAccessKey(key)).unwrap();
    let delete = |name: &str| {
        Command::Delete(Delete { kind: 1, name: name.to_owned(), ..Delete::default() })
    };
    assert_eq!(kind(world.root(delete("ada"))), RejectionKind::DeleteConflict);
    let rename = UpdateUser { name: "ada".into(), new_name: "Eve".into(), ..UpdateUser::default() };
    world.root(Command::UpdateUser(rename)).unwrap();
    assert_eq!(device(&world).user.as_deref(), Some("eve"));
    assert_eq!(kind(world.root(deactivate("bob"))), RejectionKind::NoSuchEntity);
    world.root(deactivate("EVE")).unwrap();
    // What was used stays used.
    assert_eq!(kind(world.root(enable("bob", STEP))), RejectionKind::InvalidAuthenticationCode);
    world.root(delete("eve")).unwrap();
    world.root(delete_phone()).unwrap();
    assert_eq!(kind(world.root(delete_phone())), RejectionKind::NoSuchEntity);
    world.check_fold();
}

#[test]
fn a_device_that_was_made_anew_is_not_the_one_that_was_looked_at() {
    let mut world = world();
    let command = EnableMfaDevice {
        name: "phone".into(),
        id: "id of the one before".into(),
        user: "ada".into(),
        step: STEP,
    };
    let refused = world.root(Command::EnableMfaDevice(command));
    assert_eq!(kind(refused), RejectionKind::EntityTemporarilyUnmodifiable);
}

#[test]
fn a_clock_that_is_off_is_followed_after_a_resynchronisation() {
    let mut world = world();
    world.root(enable("ada", STEP)).unwrap();
    let ada = |world: &mut World, step| world.apply_as(user_of("ada"), "", use_code(step));
    assert_eq!(kind(world.root(resync(STEP))), RejectionKind::InvalidAuthenticationCode);
    assert_eq!(kind(world.root(resync(STEP + 21))), RejectionKind::InvalidAuthenticationCode);
    world.root(resync(STEP + 7)).unwrap();
    assert_eq!(kind(ada(&mut world, STEP + 1)), RejectionKind::InvalidAuthenticationCode);
    ada(&mut world, STEP + 8).unwrap();
    world.later += 100 * MFA_STEP_MILLIS;
    ada(&mut world, STEP + 107).unwrap();
}

fn login(hash: &str) -> Resource {
    let login = LoginProfile { hash: hash.to_owned(), ..LoginProfile::default() };
    Resource {
        name: "ada".to_owned(),
        body: Some(Body::LoginProfile(login)),
        ..Resource::default()
    }
}

fn own_password(user: &str, old: &str, new: &str) -> Command {
    let (user, old_hash, hash) = (user.to_owned(), old.to_owned(), new.to_owned());
    Command::ChangePassword(ChangePassword { user, old_hash, hash })
}

#[test]
fn users_change_their_own_password_where_the_account_lets_them() {
    let mut world = world();
    let ada = |world: &mut World, command| world.apply_as(user_of("ada"), "", command);
    let own = || own_password("Ada", "one", "two");
    assert_eq!(kind(ada(&mut world, own())), RejectionKind::AccessDenied);
    let policy = PasswordPolicy { users_may_change: true, ..PasswordPolicy::default() };
    let name = AccountId::from_u64(ACCOUNT).unwrap().to_string();
    let policy = Resource {
        name: name.clone(),
        body: Some(Body::PasswordPolicy(policy)),
        ..Resource::default()
    };
    world.root(change(ResourceKind::PasswordPolicy, &name, Change::Update(policy))).unwrap();
    assert_eq!(kind(ada(&mut world, own())), RejectionKind::NoSuchEntity);
    world.root(change(ResourceKind::LoginProfile, "ada", Change::Create(login("one")))).unwrap();
    ada(&mut world, own()).unwrap();
    // It was changed since the old one was looked at.
    assert_eq!(kind(ada(&mut world, own())), RejectionKind::EntityTemporarilyUnmodifiable);
    let another = own_password("bob", "two", "three");
    assert_eq!(kind(ada(&mut world, another)), RejectionKind::AccessDenied);
    // The root user has another way.
    let roots = own_password("ada", "two", "three");
    assert_eq!(kind(world.root(roots)), RejectionKind::AccessDenied);
    for n in 0..30 {
        let update = Change::Update(login(&format!("password {n}")));
        world.root(change(ResourceKind::LoginProfile, "ada", update)).unwrap();
    }
    let account = world.state.account(AccountId::from_u64(ACCOUNT).unwrap()).unwrap();
    let stored = account.resource(ResourceKind::LoginProfile, "ada").unwrap();
    let Some(Body::LoginProfile(stored)) = &stored.value.body else { panic!("{stored:?}") };
    assert_eq!((stored.previous.len(), stored.previous[0].as_str()), (24, "password 28"));
    world.check_fold();
}

#[test]
fn sessions_without_a_code_and_federated_users_change_nothing() {
    let mut world = world();
    let session = |kind, mfa_at| CallerRef {
        kind,
        id: "AIDAada".into(),
        session: "s".into(),
        expires: u64::MAX,
        mfa_at,
        ..user_of("ada")
    };
    for caller in [
        session(caller_kind::USER_SESSION, None),
        session(caller_kind::FEDERATED_SESSION, None),
        session(caller_kind::FEDERATED_SESSION, Some(1)),
    ] {
        let refused = world.apply_as(caller, "", create_user("eve"));
        assert_eq!(kind(refused), RejectionKind::InvalidClientTokenId);
    }
    let with_code = session(caller_kind::USER_SESSION, Some(1));
    let denied = world.apply_as(with_code, "", create_user("eve"));
    assert_eq!(kind(denied), RejectionKind::AccessDenied);
    // But for using the code of an own device, to assume a role with.
    world.root(enable("ada", STEP)).unwrap();
    let without = session(caller_kind::USER_SESSION, None);
    world.apply_as(without, "", use_code(STEP + 1)).unwrap();
}
