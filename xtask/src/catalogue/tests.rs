//! What is packed, and what is refused.

use super::*;

#[test]
fn a_service_becomes_lines_in_the_order_of_names() {
    let service = r#"{"prefix":"s9","service":"Storage","actions":{
        "PutThing":{"access_level":"Write","resource_types":{"thing":{"required":true,"condition_keys":["S9:Size","s9:Tag/<key>"]},"box":{}},
            "condition_keys":["aws:TagKeys"],"dependent_actions":["kms:Decrypt","iam:PassRole"]},
        "ListThings":{"access_level":"List"}},
        "resources":{"thing":{"arn":"arn:${Partition}:s9:::${Thing}","condition_keys":[]},
            "box":{"arn":"arn:${Partition}:s9:::box/${Box}","condition_keys":["aws:TagKeys"]}},
        "condition_keys":{"s9:size":"Numeric","aws:TagKeys":"ArrayOfString","s9:Tag/tag-key":"String"}}"#;
    let first =
        r#"{"prefix":"a1","service":"First","actions":{},"resources":{},"condition_keys":{}}"#;
    let text = format!("{}\n{first}", service.replace('\n', ""));
    let expected = [
        "S\ta1\tFirst",
        "S\ts9\tStorage",
        "K\taws:TagKeys\tArrayOfString",
        "K\ts9:Tag/${TagKey}\tString",
        "K\ts9:size\tNumeric",
        "R\tbox\tarn:${Partition}:s9:::box/${Box}\t0",
        "R\tthing\tarn:${Partition}:s9:::${Thing}\t",
        "A\tListThings\tL\t\t\t",
        "A\tPutThing\tW\t0,1!.2.1\t0\tkms:Decrypt,iam:PassRole",
    ];
    assert_eq!(encode(&text).unwrap().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_does_not_hold_together_is_refused() {
    for (service, error) in [
        ("[", "line 1: EOF while parsing a list at line 1 column 1"),
        (r#"{"service":"S"}"#, "no text `prefix`"),
        (r#"{"prefix":"s","service":"S"}"#, "s: no object `condition_keys`"),
        (
            r#"{"prefix":"s","service":"S","condition_keys":{},"resources":{},"actions":{"A":{"access_level":"Much"}}}"#,
            "s: `Much` is no access level",
        ),
        (
            r#"{"prefix":"s","service":"S","condition_keys":{},"resources":{},"actions":{"A":{"access_level":"Read","condition_keys":["s:x"]}}}"#,
            "s: `s:x` is used and not listed",
        ),
    ] {
        assert_eq!(encode(service).unwrap_err(), error);
    }
}
