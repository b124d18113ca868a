//! Instance profiles, providers, the alias, the password policy, passwords, tags and renamed groups.

use super::*;
use crate::{
    AccountState, Command,
    apply::tests::{ACCOUNT, TRUST, World, create_user},
    command::{Attach, CreateGroup, CreateRole, Delete, Membership, UpdateUser},
    record::Tag,
    resource::{
        AccountAlias, ChangeTags, Instance, InstanceProfile, LoginProfile, OidcProvider,
        PasswordPolicy, UpdateGroup,
    },
};
use tidegate_policy::AccountId;

fn change(name: &str, kind: ResourceKind, change: Change) -> Command {
    Command::ChangeResource(ChangeResource {
        kind: kind as u32,
        name: name.to_owned(),
        change: Some(change),
    })
}

fn resource(name: &str, body: Body) -> Resource {
    Resource { name: name.to_owned(), body: Some(body), ..Resource::default() }
}

fn create(name: &str, body: Body) -> Command {
    change(name, body.kind(), Change::Create(resource(name, body)))
}

fn refused(world: &mut World, command: Command) -> (RejectionKind, String) {
    let rejection = world.root(command).unwrap_err();
    (rejection.kind(), rejection.message)
}

fn account(world: &World) -> AccountState {
    let id = AccountId::from_u64(ACCOUNT).unwrap();
    AccountState::clone(world.state.account(id).unwrap())
}

fn role(name: &str) -> Command {
    Command::CreateRole(CreateRole {
        name: name.to_owned(),
        id: format!("AROA{name}"),
        trust_policy: TRUST.to_owned(),
        ..CreateRole::default()
    })
}

fn delete(kind: u32, name: &str) -> Command {
    Command::Delete(Delete { kind, name: name.to_owned(), etag: String::new() })
}

#[test]
fn an_instance_profile_holds_one_role_and_holds_on_to_it() {
    let mut world = World::new();
    let kind = ResourceKind::InstanceProfile;
    world.root(create("Web", Body::InstanceProfile(InstanceProfile::default()))).unwrap();
    world.root(role("server")).unwrap();
    let add = |name: &str| change("web", kind, Change::Add(name.to_owned()));
    assert_eq!(refused(&mut world, add("nobody")).0, RejectionKind::NoSuchEntity);
    world.root(add("Server")).unwrap();
    assert_eq!(refused(&mut world, add("server")).0, RejectionKind::LimitExceeded);
    let gone = change("web", kind, Change::Delete(true));
    assert_eq!(refused(&mut world, gone.clone()).0, RejectionKind::DeleteConflict);
    assert_eq!(refused(&mut world, delete(3, "server")).0, RejectionKind::DeleteConflict);
    let remove = change("web", kind, Change::Remove("SERVER".to_owned()));
    world.root(remove.clone()).unwrap();
    assert_eq!(refused(&mut world, remove).0, RejectionKind::NoSuchEntity);
    world.root(gone.clone()).unwrap();
    assert_eq!(
        refused(&mut world, gone),
        (RejectionKind::NoSuchEntity, "Instance Profile web cannot be found.".to_owned())
    );
    world.root(delete(3, "server")).unwrap();
    world.check_fold();
}

#[test]
fn an_update_of_thumbprints_leaves_the_client_ids() {
    let mut world = World::new();
    let provider = |ids: &[&str], prints: &[&str]| {
        let owned = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect();
        Body::OidcProvider(OidcProvider { client_ids: owned(ids), thumbprints: owned(prints) })
    };
    let (name, kind) = ("token.example.com/a", ResourceKind::OidcProvider);
    world.root(create(name, provider(&["one"], &["aa"]))).unwrap();
    assert_eq!(
        refused(&mut world, create(name, provider(&[], &[]))).1,
        "Provider with url https://token.example.com/a already exists."
    );
    world.root(change(name, kind, Change::Add("two".to_owned()))).unwrap();
    world.root(change(name, kind, Change::Remove("one".to_owned()))).unwrap();
    let update = resource(name, provider(&["ignored"], &["bb", "cc"]));
    world.root(change(name, kind, Change::Update(update))).unwrap();
    let stored = account(&world).resource(kind, name).unwrap().value.body.clone();
    assert_eq!(stored, Some(provider(&["two"], &["bb", "cc"])));
    let six = resource(name, provider(&[], &["a"; 6]));
    let six = refused(&mut world, change(name, kind, Change::Update(six)));
    assert_eq!(six.0, RejectionKind::InvalidInput);
    world.check_fold();
}

/// Whatever order the account meets them in: what was reserved last in the directory stays, and nothing that was given up comes back.
#[test]
fn of_two_aliases_at_once_the_one_reserved_last_stays() {
    let kind = ResourceKind::AccountAlias;
    let alias = |name: &str, reserved| create(name, Body::AccountAlias(AccountAlias { reserved }));
    for order in [[("first", 10), ("second", 11)], [("second", 11), ("first", 10)]] {
        let mut world = World::new();
        for (name, reserved) in order {
            world.root(alias(name, reserved)).unwrap();
        }
        let now = account(&world);
        let names: Vec<_> = now.resources(kind).map(|r| r.value.name.clone()).collect();
        assert_eq!(names, ["second"], "{order:?}");
        assert_eq!(now.account().unwrap().aliases_upto, 11);
        let gone = world.root(change("second", kind, Change::Delete(true))).unwrap();
        let Some(Reply::Resource(gone)) = gone.reply else { panic!("no alias") };
        assert_eq!(gone.body, Some(Body::AccountAlias(AccountAlias { reserved: 11 })));
        // One that was on its way all the while.
        world.root(alias("late", 9)).unwrap();
        assert_eq!(account(&world).resources(kind).count(), 0);
        world.root(alias("third", 12)).unwrap();
        assert_eq!(account(&world).resources(kind).count(), 1);
        world.check_fold();
    }
}

#[test]
fn there_is_one_alias_and_one_password_policy() {
    let mut world = World::new();
    for alias in ["first", "second"] {
        world.root(create(alias, Body::AccountAlias(AccountAlias::default()))).unwrap();
    }
    let account_now = account(&world);
    let aliases: Vec<_> = account_now.resources(ResourceKind::AccountAlias).collect();
    assert_eq!((aliases.len(), aliases[0].value.name.as_str()), (1, "second"));
    let kind = ResourceKind::PasswordPolicy;
    let gone = change("here", kind, Change::Delete(true));
    assert_eq!(refused(&mut world, gone.clone()).0, RejectionKind::NoSuchEntity);
    for length_min in [8, 12] {
        let body = Body::PasswordPolicy(PasswordPolicy { length_min, ..PasswordPolicy::default() });
        world.root(change("here", kind, Change::Update(resource("here", body.clone())))).unwrap();
        assert_eq!(account(&world).resource(kind, "here").unwrap().value.body, Some(body));
    }
    world.root(gone).unwrap();
    world.check_fold();
}

#[test]
fn a_password_belongs_to_its_user_whatever_the_user_is_called() {
    let mut world = World::new();
    let login = |hash: &str, reset_required| {
        Body::LoginProfile(LoginProfile {
            hash: hash.to_owned(),
            reset_required,
            ..LoginProfile::default()
        })
    };
    assert_eq!(refused(&mut world, create("ada", login("h", None))).0, RejectionKind::NoSuchEntity);
    world.root(create_user("ada")).unwrap();
    world.root(create("ada", login("h", Some(true)))).unwrap();
    assert_eq!(refused(&mut world, delete(1, "ada")).0, RejectionKind::DeleteConflict);
    let rename = UpdateUser {
        name: "ada".to_owned(),
        new_name: "Grace".to_owned(),
        ..UpdateUser::default()
    };
    world.root(Command::UpdateUser(rename)).unwrap();
    let kind = ResourceKind::LoginProfile;
    assert!(account(&world).resource(kind, "ada").is_none());
    let update = resource("grace", login("", Some(false)));
    world.root(change("grace", kind, Change::Update(update))).unwrap();
    let stored = account(&world).resource(kind, "grace").unwrap().value.clone();
    let Some(Body::LoginProfile(profile)) = stored.body else { panic!("no password") };
    assert_eq!((&*profile.hash, profile.reset_required), ("h", Some(false)));
    assert_eq!(profile.changed, stored.created, "the password itself is as it was");
    let update = resource("grace", login("other", None));
    world.root(change("grace", kind, Change::Update(update))).unwrap();
    let stored = account(&world).resource(kind, "grace").unwrap().value.clone();
    let Some(Body::LoginProfile(profile)) = stored.body else { panic!("no password") };
    assert!(profile.changed > stored.created && profile.reset_required == Some(false));
    world.check_fold();
}

#[test]
fn tags_are_replaced_where_they_stand_and_taken_off_by_key() {
    let mut world = World::new();
    world.root(create_user("ada")).unwrap();
    world.root(create("web", Body::InstanceProfile(InstanceProfile::default()))).unwrap();
    let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
    let tags = |kind, name: &str, put: Vec<Tag>, remove: &[&str]| {
        let remove = remove.iter().map(|s| (*s).to_owned()).collect();
        Command::ChangeTags(ChangeTags { kind, name: name.to_owned(), put, remove })
    };
    for (kind, name) in [(1, "ada"), (101, "web")] {
        world.root(tags(kind, name, vec![tag("Team", "a"), tag("stage", "dev")], &[])).unwrap();
        world.root(tags(kind, name, vec![tag("team", "b")], &[])).unwrap();
        world.root(tags(kind, name, vec![], &["STAGE", "absent"])).unwrap();
    }
    let now = account(&world);
    assert_eq!(now.user("ada").unwrap().value.tags, [tag("team", "b")]);
    let profile = now.resource(ResourceKind::InstanceProfile, "web").unwrap();
    assert_eq!(profile.value.tags, [tag("team", "b")]);
    let many: Vec<Tag> = (0..50).map(|n| tag(&format!("k{n}"), "")).collect();
    let many = refused(&mut world, tags(1, "ada", many, &[]));
    assert_eq!(many.0, RejectionKind::LimitExceeded);
    assert_eq!(
        refused(&mut world, tags(3, "none", vec![tag("a", "b")], &[])).0,
        RejectionKind::NoSuchEntity
    );
    world.check_fold();
}

#[test]
fn a_renamed_group_keeps_its_members_and_policies() {
    let mut world = World::new();
    world.root(create_user("ada")).unwrap();
    let group = CreateGroup { name: "devs".into(), id: "AGPA1".into(), ..CreateGroup::default() };
    world.root(Command::CreateGroup(group)).unwrap();
    let member = Membership { group: "devs".into(), user: "ada".into(), member: true };
    world.root(Command::Membership(member)).unwrap();
    let arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let attach = Attach { kind: 2, name: "devs".into(), arn: arn.into(), attached: true };
    world.root(Command::Attach(attach)).unwrap();
    let rename =
        UpdateGroup { name: "devs".into(), new_name: "Ops".into(), new_path: "/a/".into() };
    world.root(Command::UpdateGroup(rename)).unwrap();
    let now = account(&world);
    assert!(now.group("devs").is_none());
    assert_eq!(now.group("ops").unwrap().value.path, "/a/");
    assert_eq!(now.members_of("ops").map(|u| &**u).collect::<Vec<_>>(), ["ada"]);
    assert_eq!(now.attached(crate::EntityKind::Group, "ops").count(), 1);
    world.check_fold();
}

#[test]
fn an_instance_is_given_a_role_that_lets_instances_have_it() {
    const SERVICE: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
    let mut world = World::new();
    world.root(role("people")).unwrap();
    let trusting = CreateRole {
        name: "Web".into(),
        id: "AROAW".into(),
        trust_policy: SERVICE.into(),
        ..CreateRole::default()
    };
    world.root(Command::CreateRole(trusting)).unwrap();
    world.root(create("profile", Body::InstanceProfile(InstanceProfile::default()))).unwrap();
    let id = "i-0123456789abcdef0";
    let instance = |profile: &str, role: &str| {
        let body =
            Instance { profile: profile.into(), role: role.into(), secret_hash: vec![7; 32] };
        let new = Resource { path: "eu-central-1".into(), ..resource(id, Body::Instance(body)) };
        change(id, ResourceKind::Instance, Change::Create(new))
    };
    for (profile, role, why) in [
        ("", "", "either an instance profile or a role"),
        ("profile", "web", "either an instance profile or a role"),
        ("none", "", "Instance Profile none cannot be found."),
        ("profile", "", "has no role"),
        ("", "nobody", "role with name nobody"),
        ("", "people", "does not let ec2.amazonaws.com"),
    ] {
        let refused = world.root(instance(profile, role)).unwrap_err().message;
        assert!(refused.contains(why), "{refused} is not {why}");
    }
    for (name, region) in [("i-0", "eu-central-1"), (id, "no region"), (id, "")] {
        let body = Instance { role: "web".into(), secret_hash: vec![7; 32], ..Instance::default() };
        let new = Resource { path: region.into(), ..resource(name, Body::Instance(body)) };
        world.root(change(name, ResourceKind::Instance, Change::Create(new))).unwrap_err();
    }
    world
        .root(change("profile", ResourceKind::InstanceProfile, Change::Add("Web".into())))
        .unwrap();
    let needed = crate::permissions(&instance("profile", ""), &account(&world));
    let needed: Vec<_> =
        needed.iter().map(|(action, arn)| (action.as_str(), arn.as_str())).collect();
    assert_eq!(
        needed,
        [
            (
                "tidegate:RegisterInstance",
                "arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0"
            ),
            ("iam:PassRole", "arn:aws:iam::123456789012:role/Web"),
        ]
    );
    world.root(instance("profile", "")).unwrap();
    assert!(refused(&mut world, instance("", "web")).1.contains("already exists"));
    let end = || change(id, ResourceKind::Instance, Change::Delete(true));
    let needed = crate::permissions(&end(), &account(&world));
    assert_eq!(needed[0].0, "tidegate:EndInstance");
    assert!(needed[0].1.contains(":eu-central-1:"), "{needed:?}");
    world.root(end()).unwrap();
    assert_eq!(refused(&mut world, end()).0, RejectionKind::NoSuchEntity);
    world.check_fold();
}
