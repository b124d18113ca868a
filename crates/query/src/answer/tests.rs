//! Answers and refusals, byte for byte.

use super::*;
use crate::{Asked, Code, Form};

fn asked(action: &str) -> Asked {
    let form = Form::read(&[&format!("Action={action}&Version=2010-05-08")]).unwrap();
    Asked::read(&form, None).unwrap()
}

fn user() -> Fields {
    Fields::new()
        .with("Path", "/")
        .with("UserName", "a<b>&c")
        .with("UserId", "AIDA1")
        .with("Arn", "arn:aws:iam::000000000001:user/a")
        .with("CreateDate", UnixMillis(1_764_000_000_123))
}

#[test]
fn a_structure_has_its_members_in_the_published_order() {
    let output = Fields::new().with("User", user());
    assert_eq!(
        asked("CreateUser").answer(&output, "id-1").unwrap(),
        "<CreateUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><CreateUserResult><User><Path>/</Path><UserName>a&lt;b&gt;&amp;c</UserName><UserId>AIDA1</UserId><Arn>arn:aws:iam::000000000001:user/a</Arn><CreateDate>2025-11-24T16:00:00Z</CreateDate></User></CreateUserResult><ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></CreateUserResponse>"
    );
}

#[test]
fn lists_maps_documents_and_empty_results_are_as_aws_writes_them() {
    let output = Fields::new()
        .with("UserName", "ada")
        .with("PolicyName", "p")
        .with("PolicyDocument", "{\"a b\": [\"*~\"]}");
    let body = asked("GetUserPolicy").answer(&output, "i").unwrap();
    assert!(
        body.contains("<PolicyDocument>%7B%22a%20b%22%3A%20%5B%22%2A~%22%5D%7D</PolicyDocument>"),
        "{body}"
    );
    let none = Fields::new().with("Users", Value::List(Vec::new())).with("IsTruncated", false);
    let body = asked("ListUsers").answer(&none, "i").unwrap();
    assert!(body.contains("<Users></Users><IsTruncated>false</IsTruncated>"), "{body}");
    let map = Value::Map([("Users".to_owned(), Value::Integer(3))].into());
    let body = asked("GetAccountSummary").answer(&Fields::new().with("SummaryMap", map), "i");
    assert!(
        body.unwrap()
            .contains("<SummaryMap><entry><key>Users</key><value>3</value></entry></SummaryMap>")
    );
    let body = asked("DeleteUser").answer(&Fields::new(), "i").unwrap();
    assert_eq!(
        body,
        "<DeleteUserResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ResponseMetadata><RequestId>i</RequestId></ResponseMetadata></DeleteUserResponse>"
    );
}

#[test]
fn an_answer_of_another_shape_is_a_fault_of_ours() {
    let refused = |action, output: Fields| asked(action).answer(&output, "i").unwrap_err().at;
    assert_eq!(
        refused("CreateUser", Fields::new().with("User", user().with("Colour", "red"))),
        "User.Colour"
    );
    assert_eq!(refused("GetUser", Fields::new()), "GetUserResult.User");
    assert_eq!(refused("ListUsers", Fields::new().with("Users", "none")), "Users");
    assert_eq!(refused("DeleteUser", Fields::new().with("User", user())), "DeleteUserResponse");
}

#[test]
fn a_refusal_names_code_and_message() {
    let refusal = Refusal::new(Code::NoSuchEntity, "The user with name <a> cannot be found.\u{1}");
    assert_eq!(
        refusal.body(Some(Service::Iam), "id-2"),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The user with name &lt;a&gt; cannot be found.\u{fffd}</Message></Error><RequestId>id-2</RequestId></ErrorResponse>"
    );
}
