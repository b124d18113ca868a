//! Inputs of real operations: what is taken, and what is said of the rest.

use proptest::prelude::*;

use super::*;
use crate::Service;

fn input(operation: &str, form: &str) -> Result<Fields, Refusal> {
    let api = Service::Iam.api();
    let form = Form::read(&[form]).unwrap();
    read(api, api.operation(operation).unwrap(), &form)
}

fn refused(operation: &str, form: &str) -> (Code, String) {
    let refusal = input(operation, form).unwrap_err();
    (refusal.code, refusal.message)
}

#[test]
fn lists_structures_and_scalars_are_read_by_their_shapes() {
    let form = "UserName=ada&Path=/dev/&Tags.member.2.Key=b&Tags.member.2.Value=&Tags.member.1.Key=a&Tags.member.1.Value=1&Unknown=x";
    let fields = input("CreateUser", form).unwrap();
    assert_eq!(fields.text("UserName"), Some("ada"));
    let tags: Vec<_> = fields.structures("Tags").map(|t| t.text_or_empty("Key")).collect();
    assert_eq!(tags, ["a", "b"]);
    assert!(fields.get("Unknown").is_none());
    let fields = input("ListUsers", "MaxItems=5").unwrap();
    assert_eq!(fields.integer("MaxItems"), Some(5));
    let fields = input("CreateUser", "UserName=ada&Tags=").unwrap();
    assert_eq!(fields.get("Tags"), Some(&Value::List(Vec::new())));
    let fields = input(
        "SimulateCustomPolicy",
        "PolicyInputList.member.1=x&ActionNames.member.1=iam:GetUser&ContextEntries.member.1.ContextKeyName=aws:username&ContextEntries.member.1.ContextKeyValues.member.1=a",
    );
    let fields = fields.unwrap();
    let entry = fields.structures("ContextEntries").next().unwrap();
    assert_eq!(entry.texts("ContextKeyValues"), ["a"]);
}

#[test]
fn broken_constraints_are_told_in_awss_words() {
    let check = |operation, form: &str, message: &str| {
        assert_eq!(refused(operation, form), (Code::ValidationError, message.to_owned()));
    };
    check(
        "CreateUser",
        "",
        "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null",
    );
    let long = "a".repeat(65);
    check(
        "CreateUser",
        &format!("UserName={long}"),
        &format!(
            "1 validation error detected: Value '{long}' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64"
        ),
    );
    check(
        "CreateUser",
        "UserName=a%20b",
        "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
    );
    check(
        "ListUsers",
        "MaxItems=1001",
        "1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000",
    );
    check(
        "UpdateAccessKey",
        "AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=On",
        "1 validation error detected: Value 'On' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive, Expired]",
    );
    check(
        "CreateUser",
        "UserName=ada&Tags.member.1.Value=v",
        "1 validation error detected: Value null at 'tags.1.member.key' failed to satisfy constraint: Member must not be null",
    );
    check(
        "CreateRole",
        "RoleName=r",
        "1 validation error detected: Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null",
    );
    check(
        "CreateLoginProfile",
        "UserName=ada&Password=%01",
        "1 validation error detected: Value '***Sensitive***' at 'password' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
    );
    check(
        "CreateUser",
        "Path=x",
        "2 validation errors detected: Value 'x' at 'path' failed to satisfy constraint: Member must satisfy regular expression pattern: (\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F); Value null at 'userName' failed to satisfy constraint: Member must not be null",
    );
}

#[test]
fn values_of_another_type_are_malformed() {
    for (operation, form) in [
        ("ListUsers", "MaxItems=many"),
        ("ListPolicies", "OnlyAttached=perhaps"),
        ("ListUsers", "MaxItems=99999999999"),
    ] {
        assert_eq!(refused(operation, form).0, Code::MalformedInput, "{form}");
    }
}

proptest! {
    #[test]
    fn no_form_breaks_any_operation(
        n in 0usize..180,
        names in proptest::collection::vec("[A-Za-z]{0,6}(\\.(member|entry|key|value|[0-9]{1,3}|Tags)){0,5}", 0..8),
        value in ".{0,20}",
    ) {
        let api = Service::Iam.api();
        let operation = api.operations().nth(n).unwrap();
        let Some(Kind::Structure(members)) = operation.input.and_then(|i| api.shape(i)).map(|s| &s.kind) else { return Ok(()) };
        let value = value.bytes().map(|b| format!("%{b:02x}")).collect::<Vec<_>>().concat();
        let given = members.iter().zip(&names).map(|(m, n)| format!("{}.{n}={value}", m.name));
        let own = members.iter().map(|m| format!("{}={value}", m.name));
        let text: Vec<String> = given.chain(own).collect();
        if let Ok(form) = Form::read(&[&text.join("&")]) {
            match read(api, operation, &form) {
                Ok(fields) => prop_assert!(fields.iter().all(|(n, _)| members.iter().any(|m| m.name == n))),
                Err(refusal) => prop_assert!(!refusal.message.is_empty()),
            }
        }
    }
}
