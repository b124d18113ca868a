//! What users hold, roles of services, reports, settings, and tags that policies see.

use tidegate_policy::{AccountId, Context};

use super::*;
use crate::{
    AccountState, Command, EntityKind,
    apply::tests::{ACCOUNT, TRUST, World, create_user},
    command::{
        Attach, CreateRole, CreateServiceLinkedRole, Delete, DeleteServiceLinkedRole, PutBoundary,
        PutInline, UpdateRole, UpdateUser,
    },
    record::Tag,
    resource::{
        AccessReport, AccountProperties, Change, ChangeResource, ReportKind, ServerCertificate,
        ServiceCredential, SigningCertificate, SshPublicKey,
    },
};

fn change(name: &str, kind: ResourceKind, change: Change) -> Command {
    let name = name.to_owned();
    Command::ChangeResource(ChangeResource { kind: kind as u32, name, change: Some(change) })
}

fn resource(name: &str, body: Body) -> Resource {
    Resource { name: name.to_owned(), body: Some(body), ..Resource::default() }
}

fn create(name: &str, body: Body) -> Command {
    change(name, body.kind(), Change::Create(resource(name, body)))
}

fn update(name: &str, body: Body) -> Command {
    change(name, body.kind(), Change::Update(resource(name, body)))
}

fn refused(world: &mut World, command: Command) -> RejectionKind {
    world.root(command).unwrap_err().kind()
}

fn account(world: &World) -> AccountState {
    let id = AccountId::from_u64(ACCOUNT).unwrap();
    AccountState::clone(world.state.account(id).unwrap())
}

fn ssh(key: &str) -> Body {
    Body::SshPublicKey(SshPublicKey { key: key.to_owned(), active: true, ..Default::default() })
}

fn signing(fingerprint: &str) -> Body {
    let fingerprint = fingerprint.to_owned();
    Body::SigningCertificate(SigningCertificate { fingerprint, active: true, ..Default::default() })
}

fn credential(service: &str) -> Body {
    let service = service.to_owned();
    Body::ServiceCredential(ServiceCredential { service, active: true, ..Default::default() })
}

#[test]
fn what_a_user_holds_is_limited_is_his_and_goes_where_his_name_goes() {
    let mut world = World::new();
    world.root(create_user("Ada")).unwrap();
    world.root(create_user("adam")).unwrap();
    assert_eq!(refused(&mut world, create("bob/K1", ssh("a"))), RejectionKind::NoSuchEntity);
    for n in 0..crate::SSH_KEYS_MAX {
        world.root(create(&format!("Ada/K{n}"), ssh(&n.to_string()))).unwrap();
    }
    assert_eq!(refused(&mut world, create("ada/K9", ssh("9"))), RejectionKind::LimitExceeded);
    let again = create("ADA/K9", ssh("1"));
    assert_eq!(refused(&mut world, again), RejectionKind::DuplicateSshPublicKey);
    // The same key is another's as well, and another's name that begins alike is no part of it.
    world.root(create("adam/K7", ssh("1"))).unwrap();
    assert_eq!(account(&world).held(ResourceKind::SshPublicKey, "ada").count(), 5);
    let off = |name: &str| {
        let body = Body::SshPublicKey(SshPublicKey::default());
        update(name, body)
    };
    assert_eq!(refused(&mut world, off("ada/K7")), RejectionKind::NoSuchEntity);
    world.root(off("ada/K1")).unwrap();
    let renamed = UpdateUser { name: "ada".into(), new_name: "Eve".into(), ..Default::default() };
    world.root(Command::UpdateUser(renamed)).unwrap();
    let moved = account(&world);
    let kind = ResourceKind::SshPublicKey;
    assert_eq!(moved.held(kind, "ada").count(), 0);
    let key = moved.resource(kind, "eve/k1").unwrap();
    assert_eq!(holder(&key.value.name), ("eve", "K1"));
    assert!(matches!(&key.value.body, Some(Body::SshPublicKey(k)) if !k.active && k.key == "1"));
    let gone = Command::Delete(Delete { kind: 1, name: "eve".into(), ..Delete::default() });
    assert_eq!(refused(&mut world, gone.clone()), RejectionKind::DeleteConflict);
    for n in 0..crate::SSH_KEYS_MAX {
        world.root(change(&format!("eve/k{n}"), kind, Change::Delete(true))).unwrap();
    }
    world.root(gone).unwrap();
    world.check_fold();
}

#[test]
fn certificates_are_the_accounts_and_credentials_are_counted_by_service() {
    let mut world = World::new();
    for user in ["ada", "bob"] {
        world.root(create_user(user)).unwrap();
    }
    world.root(create("ada/C1", signing("f1"))).unwrap();
    let others = create("bob/C2", signing("f1"));
    assert_eq!(refused(&mut world, others), RejectionKind::DuplicateCertificate);
    world.root(create("/C3", signing("f3"))).unwrap();
    world.root(create("ada/C4", signing("f4"))).unwrap();
    assert_eq!(refused(&mut world, create("ada/C5", signing("f5"))), RejectionKind::LimitExceeded);
    for (n, service) in [(1, "a"), (2, "a"), (3, "b")] {
        world.root(create(&format!("ada/S{n}"), credential(service))).unwrap();
    }
    assert_eq!(
        refused(&mut world, create("ada/S4", credential("a"))),
        RejectionKind::LimitExceeded
    );
    let reset = ServiceCredential { hash: "new".into(), ..Default::default() };
    world.root(update("ada/S1", Body::ServiceCredential(reset))).unwrap();
    let found = account(&world);
    let found = found.resource(ResourceKind::ServiceCredential, "ada/s1").unwrap();
    let Some(Body::ServiceCredential(found)) = &found.value.body else { panic!("{found:?}") };
    assert_eq!((found.service.as_str(), found.hash.as_str(), found.active), ("a", "new", true));
    for id in ["", "ada/", "ada/x/y"] {
        assert!(world.root(create(id, credential("c"))).is_err(), "{id}");
    }
    world.check_fold();
}

#[test]
fn a_server_certificate_is_renamed_and_moved() {
    let mut world = World::new();
    let kind = ResourceKind::ServerCertificate;
    let body = || Body::ServerCertificate(ServerCertificate::default());
    let full = Body::ServerCertificate(ServerCertificate { expires: 9, ..Default::default() });
    world.root(create("Site", full)).unwrap();
    world.root(create("other", body())).unwrap();
    let renamed = |name: &str, path: &str| {
        let new = Resource { path: path.to_owned(), ..resource(name, body()) };
        change("site", kind, Change::Update(new))
    };
    assert_eq!(refused(&mut world, renamed("OTHER", "")), RejectionKind::EntityAlreadyExists);
    assert_eq!(refused(&mut world, renamed("a b", "")), RejectionKind::ValidationError);
    world.root(renamed("", "/web/")).unwrap();
    world.root(renamed("Place", "")).unwrap();
    let found = account(&world);
    assert!(found.resource(kind, "site").is_none());
    let place = found.resource(kind, "place").unwrap();
    assert_eq!((place.value.name.as_str(), place.value.path.as_str()), ("Place", "/web/"));
    assert!(matches!(&place.value.body, Some(Body::ServerCertificate(c)) if c.expires == 9));
    world.check_fold();
}

#[test]
fn reports_are_remembered_up_to_a_bound_and_nobody_makes_tasks_up() {
    let mut world = World::new();
    let report = |n: usize| {
        let body = AccessReport { kind: ReportKind::Services as u32, subject: "arn".into() };
        create(&format!("job{n:03}"), Body::AccessReport(body))
    };
    for n in 0..crate::TASKS_MAX + 2 {
        world.root(report(n)).unwrap();
    }
    let kind = ResourceKind::AccessReport;
    let found = account(&world);
    assert_eq!(found.resources(kind).count(), crate::TASKS_MAX);
    assert!(found.resource(kind, "job001").is_none() && found.resource(kind, "job002").is_some());
    let forged = create("task/x", Body::RoleDeletion(crate::resource::RoleDeletion::default()));
    assert_eq!(refused(&mut world, forged), RejectionKind::AccessDenied);
    let erased = change("job002", kind, Change::Delete(true));
    assert_eq!(refused(&mut world, erased), RejectionKind::AccessDenied);
    world.check_fold();
}

#[test]
fn properties_are_of_one_namespace_at_a_time_and_add_up() {
    let mut world = World::new();
    let put = |pairs: &[(&str, &str)]| {
        let properties = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        update("123456789012", Body::AccountProperties(AccountProperties { properties }))
    };
    for bad in
        [&[][..], &[("x", "1")], &[("/x", "1")], &[("a/b/c", "1")], &[("a/x", "1"), ("b/x", "1")]]
    {
        assert_eq!(refused(&mut world, put(bad)), RejectionKind::InvalidInput, "{bad:?}");
    }
    world.root(put(&[("a/x", "1"), ("a/y", "2")])).unwrap();
    world.root(put(&[("b/x", "3")])).unwrap();
    world.root(put(&[("a/x", "4")])).unwrap();
    let found = account(&world);
    let found = found.resource(ResourceKind::AccountProperties, "123456789012").unwrap();
    let Some(Body::AccountProperties(body)) = &found.value.body else { panic!("{found:?}") };
    let pairs: Vec<(&str, &str)> =
        body.properties.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(pairs, [("a/x", "4"), ("a/y", "2"), ("b/x", "3")]);
    world.check_fold();
}

#[test]
fn the_role_of_a_service_is_changed_by_nobody_else() {
    let mut world = World::new();
    let make = |service: &str, suffix: &str| {
        Command::CreateServiceLinkedRole(CreateServiceLinkedRole {
            service: service.into(),
            suffix: suffix.into(),
            id: "AROASLR".into(),
            ..Default::default()
        })
    };
    world.root(make("autoscaling.amazonaws.com", "")).unwrap();
    let again = make("autoscaling.amazonaws.com", "");
    assert_eq!(refused(&mut world, again), RejectionKind::InvalidInput);
    world.root(make("autoscaling.amazonaws.com", "two")).unwrap();
    let name = || "AWSServiceRoleForAutoScaling".to_owned();
    let read_only = || "arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned();
    let attach = |attached| Attach { kind: 3, name: name(), arn: read_only(), attached };
    let trust = UpdateRole { name: name(), trust_policy: TRUST.into(), ..Default::default() };
    let longer = UpdateRole { name: name(), session_seconds_max: 7_200, ..Default::default() };
    for command in [
        Command::Attach(attach(true)),
        Command::Attach(attach(false)),
        Command::UpdateRole(trust),
        Command::UpdateRole(longer),
        Command::PutBoundary(PutBoundary { kind: 3, name: name(), arn: read_only() }),
        Command::PutInline(PutInline {
            kind: 3,
            name: name(),
            policy: "x".into(),
            document: "{}".into(),
        }),
        Command::Delete(Delete { kind: 3, name: name(), ..Default::default() }),
    ] {
        assert_eq!(refused(&mut world, command), RejectionKind::UnmodifiableEntity);
    }
    let path = "/aws-service-role/autoscaling.amazonaws.com/".to_owned();
    let forged =
        CreateRole { name: "x".into(), path, trust_policy: TRUST.into(), ..Default::default() };
    assert_eq!(refused(&mut world, Command::CreateRole(forged)), RejectionKind::InvalidInput);
    let stolen = Attach {
        kind: 1,
        name: "ada".into(),
        arn: "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy".into(),
        attached: true,
    };
    world.root(create_user("ada")).unwrap();
    assert_eq!(refused(&mut world, Command::Attach(stolen)), RejectionKind::PolicyNotAttachable);
    let delete = |name: String| {
        Command::DeleteServiceLinkedRole(DeleteServiceLinkedRole { name, task: "t".into() })
    };
    assert_eq!(refused(&mut world, delete("ada".into())), RejectionKind::NoSuchEntity);
    let reply = world.root(delete(name())).unwrap().reply;
    let task = "task/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling/t";
    assert!(matches!(reply, Some(crate::Reply::Resource(r)) if r.name == task));
    let found = account(&world);
    assert!(found.role(&name()).is_none());
    assert_eq!(found.attached(EntityKind::Role, &name()).count(), 0);
    world.check_fold();
}

#[test]
fn policies_see_the_tags_of_what_a_call_is_about() {
    let mut world = World::new();
    let tag = Tag { key: "team".into(), value: "red".into() };
    let certificate = Resource {
        tags: vec![tag],
        path: "/web/".into(),
        ..resource("site", Body::ServerCertificate(ServerCertificate::default()))
    };
    let kind = ResourceKind::ServerCertificate;
    world.root(change("site", kind, Change::Create(certificate))).unwrap();
    let found = account(&world);
    let context = Context::default().with("aws:SourceIp", "10.0.0.1");
    let arn = "arn:aws:iam::123456789012:server-certificate/web/site";
    let seen = found.with_tags_of(arn, &context);
    for key in ["aws:ResourceTag/team", "iam:ResourceTag/team"] {
        assert_eq!(
            seen.get(key).map(tidegate_policy::Value::as_slice),
            Some(&["red".to_owned()][..])
        );
    }
    assert!(seen.get("aws:SourceIp").is_some());
    for other in [
        "arn:aws:iam::999999999999:server-certificate/web/site",
        "*",
        "arn:aws:iam::123456789012:user/site",
    ] {
        assert!(found.tags_of(other).is_empty(), "{other}");
    }
}

/// Too many for a test through a client.
#[test]
fn an_account_has_awss_number_of_users_and_no_more() {
    let mut world = World::new();
    for n in 0..crate::USERS_MAX {
        world.root(create_user(&format!("u{n}"))).unwrap();
    }
    let refusal = world.root(create_user("one-more")).unwrap_err();
    assert_eq!(refusal.kind(), RejectionKind::LimitExceeded);
    assert_eq!(refusal.message, "Cannot exceed quota for UsersPerAccount: 5000");
}
