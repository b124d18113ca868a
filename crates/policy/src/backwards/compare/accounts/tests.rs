//! Two dumps of one account.

use super::*;
use crate::backwards::Change;

fn account(policy: &str, trusted: &str) -> Account {
    let text = format!(
        r#"{{"UserDetailList": [{{"Arn": "arn:aws:iam::123456789012:user/ada", "UserId": "AIDAADA", "UserPolicyList":
            [{{"PolicyName": "p", "PolicyDocument": {{"Statement": {{"Effect": "Allow", "Action": "{policy}", "Resource": "*"}}}}}}]}}],
          "RoleDetailList": [{{"Arn": "arn:aws:iam::123456789012:role/deploy", "RoleId": "AROADEPLOY", "AssumeRolePolicyDocument":
            {{"Statement": {{"Effect": "Allow", "Principal": {{"AWS": "{trusted}"}}, "Action": "sts:AssumeRole"}}}}}}]}}"#
    );
    Account::new(&serde_json::from_str(&text).unwrap(), None).unwrap()
}

#[test]
fn members_and_trust_are_compared() {
    let old = account("s3:GetObject", "arn:aws:iam::123456789012:user/ada");
    let new = account("s3:GetObjectAcl", "arn:aws:iam::111122223333:root");
    assert!(compare_accounts(&old, &old, None).differences.is_empty());
    let found = compare_accounts(&old, &new, None);
    let told: Vec<String> = found
        .differences
        .iter()
        .map(|d| {
            let (who, what) = (d.callers.join(" "), d.actions.join(" "));
            format!("{:?} {who} {what} on {}", d.change, d.witness.resource)
        })
        .collect();
    assert_eq!(
        told,
        [
            "Widened arn:aws:iam::123456789012:user/ada s3:GetObjectAcl on arn:aws:s3:::x/x",
            "Widened arn:aws:iam::111122223333:root sts:AssumeRole on arn:aws:iam::123456789012:role/deploy",
            "Narrowed arn:aws:iam::123456789012:user/ada s3:GetObject on arn:aws:s3:::x/x",
            "Narrowed arn:aws:iam::123456789012:user/ada sts:AssumeRole on arn:aws:iam::123456789012:role/deploy",
        ]
    );
    let only = compare_accounts(&old, &new, Some("arn:aws:iam::123456789012:role/deploy"));
    assert!(only.any(Change::Widened) && only.differences.len() == 2);
}
