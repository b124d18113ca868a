//! Who is named how, in every form of the element.

use super::*;

const ACCOUNT: &str = "123456789012";

fn callers() -> [(&'static str, Principal); 6] {
    let account = ACCOUNT.parse().unwrap();
    [
        ("root", Principal::root(account)),
        ("user", Principal::user(account, "/", "ada", "AIDAADA0000000000000")),
        (
            "role",
            Principal::role_session(account, "/ops/", "deploy", "AROADEPLOY0000000000", "build-7"),
        ),
        (
            "federated",
            Principal::federated_user(account, "/", "ada", "AIDAADA0000000000000", "guest"),
        ),
        ("service", Principal::service("ec2.amazonaws.com")),
        ("anonymous", Principal::anonymous()),
    ]
}

fn check(principals: &[(&str, &str)], expected: &[(&str, Named)]) {
    let pairs: Vec<PrincipalPair> =
        principals.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let element = PrincipalElement::new(false, &pairs);
    let found: Vec<(&str, Named)> = callers()
        .into_iter()
        .filter_map(|(name, caller)| {
            Some((name, element.names(&caller, StatementEffect::Allow, false)?))
        })
        .collect();
    assert_eq!(found, expected, "{principals:?}");
}

fn check_spared(principals: &[&str], expected: &[&str]) {
    let pairs: Vec<PrincipalPair> =
        principals.iter().map(|v| ("AWS".into(), (*v).into())).collect();
    let element = PrincipalElement::new(true, &pairs);
    let spared = callers()
        .into_iter()
        .filter(|(_, c)| element.names(c, StatementEffect::Deny, false).is_none());
    assert_eq!(spared.map(|(name, _)| name).collect::<Vec<_>>(), expected, "{principals:?}");
}

#[test]
fn principals_are_named_in_each_form() {
    use Named::{Account, Anyone, Identity, Session};
    let all = ["root", "user", "role", "federated", "service", "anonymous"].map(|n| (n, Anyone));
    let in_account = ["root", "user", "role", "federated"].map(|n| (n, Account));
    check(&[("*", "*")], &all);
    check(&[("AWS", "*")], &all);
    check(&[("AWS", ACCOUNT)], &in_account);
    check(&[("AWS", "arn:aws:iam::123456789012:root")], &in_account);
    check(
        &[("AWS", "arn:aws:iam::123456789012:user/ada")],
        &[("user", Identity), ("federated", Identity)],
    );
    check(&[("AWS", "AIDAADA0000000000000")], &[("user", Identity), ("federated", Identity)]);
    check(&[("AWS", "AROADEPLOY0000000000")], &[("role", Identity)]);
    check(&[("AWS", "arn:aws:iam::123456789012:role/ops/deploy")], &[("role", Identity)]);
    check(&[("AWS", "arn:aws:iam::123456789012:role/deploy")], &[]);
    check(
        &[("AWS", "arn:aws:sts::123456789012:assumed-role/deploy/build-7")],
        &[("role", Session)],
    );
    check(&[("AWS", "arn:aws:sts::123456789012:assumed-role/deploy/build-8")], &[]);
    check(&[("AWS", "arn:aws:sts::123456789012:federated-user/guest")], &[("federated", Session)]);
    check(&[("Service", "ec2.amazonaws.com")], &[("service", Identity)]);
    check(&[("Service", "*")], &[("service", Identity)]);
    check(&[("Service", "s3.amazonaws.com"), ("AWS", "210987654321")], &[]);
    check(
        &[("AWS", ACCOUNT), ("AWS", "AIDAADA0000000000000")],
        &[("root", Account), ("user", Identity), ("role", Account), ("federated", Identity)],
    );
}

#[test]
fn accounts_have_an_older_name_and_services_several() {
    let mut ada = Principal::user(ACCOUNT.parse().unwrap(), "/", "ada", "AIDAADA0000000000000");
    let names = ["states.amazonaws.com", "states.eu-west-1.amazonaws.com"].map(str::to_owned);
    let states = Principal::service("states.amazonaws.com").with_service_names(names);
    let names = |kind: &str, value: &str, caller: &Principal| {
        let element = PrincipalElement::new(false, &[(kind.into(), value.into())]);
        element.names(caller, StatementEffect::Allow, false)
    };
    assert_eq!(names("CanonicalUser", "79a59df9", &ada), None);
    ada.canonical_user_id = Some("79a59df9".into());
    assert_eq!(names("CanonicalUser", "79a59df9", &ada), Some(Named::Account));
    assert_eq!(names("CanonicalUser", "79a59df0", &ada), None);
    let regional = "states.eu-west-1.amazonaws.com";
    assert_eq!(names("Service", regional, &states), Some(Named::Identity));
    assert_eq!(names("Service", "states.us-east-1.amazonaws.com", &states), None);
}

#[test]
fn trap_not_principal_with_deny_spares_only_who_is_listed_with_account_role_and_session() {
    let (account, user) = ("arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:user/ada");
    let (role, session) = (
        "arn:aws:iam::123456789012:role/ops/deploy",
        "arn:aws:sts::123456789012:assumed-role/deploy/build-7",
    );
    check_spared(&[user], &[]);
    check_spared(&[account], &["root"]);
    check_spared(&[account, user], &["root", "user"]);
    check_spared(&[account, role], &["root"]);
    check_spared(&[account, role, session], &["root", "role"]);
}
