//! Files that can be begun from, and what is said of those that can't.

use super::*;

const GOOD: &str = r#"
[[account]]
id = "111122223333"
name = "shop"
root_key = [{ id = "AKIAROOTROOTROOTROOT", secret = "root" }]

[[account.policy]]
name = "reads"
document = { Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:GetObject", Resource = "*" }] }

[[account.group]]
name = "devs"
policies = ["reads"]

[[account.user]]
name = "ada"
groups = ["devs"]
policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
tags = { team = "a" }
inline.own = '''{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}}'''

[[account.user.key]]
id = "AKIAIOSFODNN7EXAMPLE"
secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

[[account.role]]
name = "web"
trust = '''{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}'''

[[account.instance_profile]]
name = "web"
role = "web"

[[account]]
id = "444455556666"
partition = "aws-cn"

[[account.user]]
name = "li"
policies = ["arn:aws-cn:iam::aws:policy/ReadOnlyAccess"]
"#;

#[test]
fn a_file_becomes_accounts_with_what_is_in_them() {
    let seed = Seed::parse("seed.toml", GOOD).unwrap();
    let mut n = 0_u8;
    let mut draw = || {
        n += 1;
        [n; 16]
    };
    let accounts = seed.accounts(&mut draw);
    let names: Vec<_> = accounts.iter().map(|a| a.account.name.as_str()).collect();
    assert_eq!(names, ["shop", "account-444455556666"]);
    let keys: Vec<_> = accounts[0].keys.iter().map(|k| (k.user.as_str(), k.id.as_str())).collect();
    assert_eq!(keys, [("", "AKIAROOTROOTROOTROOT"), ("ada", "AKIAIOSFODNN7EXAMPLE")]);
    assert_eq!(accounts[0].commands.len(), 10);
    assert_eq!(accounts[1].account.partition, "aws-cn");
    assert_eq!(Seed::parse("empty.toml", "").unwrap().accounts(&mut draw).len(), 0);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let check = |text: &str, expected: &str| {
        let error = Seed::parse("seed.toml", text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error} is not {expected}");
    };
    check("account = 1", "seed.toml:1: invalid type");
    check("\n[[account]]\nid = \"1\"", "seed.toml:3: an account id has 12 digits");
    check("[[account]]\nid = \"111122223333\"\ncolour = 1", "seed.toml:3: unknown field `colour`");
    let account = "[[account]]\nid = \"111122223333\"\n";
    check(&format!("{account}{account}"), "seed.toml:4: the account 111122223333 is there twice");
    check(&format!("{account}partition = \"mars\""), "seed.toml:2: `mars` is no partition");
    let with = |rest: &str| format!("{account}{rest}");
    check(
        &with("[[account.user]]\nname = \"a b\""),
        "seed.toml:4: The specified value for userName",
    );
    check(
        &with("[[account.user]]\nname = \"ada\"\ngroups = [\n\"none\"]"),
        "seed.toml:6: The group with name none cannot be found.",
    );
    check(
        &with("[[account.user]]\nname = \"ada\"\n[[account.user]]\nname = \"Ada\""),
        "seed.toml:6: User with name",
    );
    check(
        &with("[[account.policy]]\nname = \"p\"\ndocument = \"{\""),
        "seed.toml:4: Syntax errors in policy",
    );
    let key = |id: &str| format!("{account}root_key = [{{ id = \"{id}\", secret = \"s\" }}]\n");
    check(&key("short"), "seed.toml:3: an access key id has 16 to 128");
    check(&key("ASIAIOSFODNN7EXAMPLE"), "seed.toml:3: an access key id has");
    let second = "[[account]]\nid = \"444455556666\"\n";
    let again = "root_key = [{ id = \"AKIAIOSFODNN7EXAMPLE\", secret = \"s\" }]\n";
    check(
        &format!("{}{second}{again}", key("AKIAIOSFODNN7EXAMPLE")),
        "seed.toml:6: the access key id AKIAIOSFODNN7EXAMPLE is there twice",
    );
    let says = tidegate_model::ids::access_key_id(444_455_556_666, &[1; 16]);
    check(&format!("{}{second}", key(&says)), &format!("seed.toml:3: the id {says} says another"));
}
