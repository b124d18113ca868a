//! The small vocabularies that cases are made of, so that patterns match and rules collide.

use super::case::Who;

pub(crate) const ACTIONS: [&str; 6] =
    ["s3:GetObject", "s3:PutObject", "s3:GetBucketAcl", "S3:Get", "iam:GetUser", "sts:AssumeRole"];

pub(crate) const ACTION_PATTERNS: [&str; 14] = [
    "*",
    "s3:*",
    "s3:Get*",
    "S3:getobject",
    "s3:?etObject",
    "*:Get*",
    "iam:*",
    "s3:GetObject",
    "s*:*t",
    "s3:PutObject",
    "sts:AssumeRole",
    "s3:Get",
    "s?:*Object",
    "iam:Get?ser",
];

pub(crate) const RESOURCES: [&str; 9] = [
    "*",
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/ada/k",
    "arn:aws:s3:::b/red/k",
    "arn:aws:s3:::b/r*/k",
    "arn:aws:s3:::b/all/é",
    "arn:aws:s3:::c/k",
    "arn:aws:iam::123456789012:user/ada",
    "arn:aws:iam::123456789012:role/deploy",
];

pub(crate) const RESOURCE_PATTERNS: [&str; 15] = [
    "*",
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::*/k",
    "arn:aws:s3:::?/k",
    "arn:aws:s3:::b/all/?",
    "arn:aws:s3:::b/${aws:username}/*",
    "arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}/*",
    "arn:aws:s3:::b/r${*}/k",
    "arn:aws:s3:::${s3:prefix}/k",
    "arn:aws:s3:::b/${aws:TagKeys}/k",
    "arn:aws:*",
    "arn:aws:iam::*:user/*",
    "arn:aws:iam::123456789012:user/${aws:username}",
    "arn:aws:iam::${aws:PrincipalAccount}:role/*",
];

/// Those whose naming has most rules stand here more than once.
pub(crate) const PRINCIPALS: [&str; 21] = [
    r#""*""#,
    r#"{"AWS":"*"}"#,
    r#"{"AWS":"123456789012"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:root"}"#,
    r#"{"AWS":"210987654321"}"#,
    r#"{"AWS":"arn:aws-cn:iam::123456789012:root"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:user/ada"}"#,
    r#"{"AWS":["arn:aws:iam::123456789012:user/ada","123456789012"]}"#,
    r#"{"AWS":"AIDAADA0000000000000"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:role/ops/deploy"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:role/ops/deploy"}"#,
    r#"{"AWS":"arn:aws:iam::123456789012:role/deploy"}"#,
    r#"{"AWS":"AROADEPLOY0000000000"}"#,
    r#"{"AWS":["arn:aws:iam::123456789012:role/ops/deploy","arn:aws:sts::123456789012:assumed-role/deploy/s1","123456789012"]}"#,
    r#"{"AWS":"arn:aws:sts::123456789012:assumed-role/deploy/s1"}"#,
    r#"{"AWS":"arn:aws:sts::123456789012:assumed-role/deploy/s1"}"#,
    r#"{"AWS":"arn:aws:sts::123456789012:federated-user/guest"}"#,
    r#"{"AWS":["arn:aws:iam::123456789012:user/ada","arn:aws:sts::123456789012:federated-user/guest","123456789012"]}"#,
    r#"{"Service":["ec2.amazonaws.com"]}"#,
    r#"{"Federated":"accounts.google.com"}"#,
    r#"{"CanonicalUser":"79a59df900b949e5"}"#,
];

/// Those that most rules are about stand here more than once.
pub(crate) const CALLERS: [Who; 14] = [
    Who::User { path: "/", name: "ada", id: "AIDAADA0000000000000" },
    Who::User { path: "/", name: "ada", id: "AIDAADA0000000000000" },
    Who::User { path: "/", name: "r*", id: "AIDASTAR000000000000" },
    Who::Role { path: "/ops/", name: "deploy", id: "AROADEPLOY0000000000", session: "s1" },
    Who::Role { path: "/ops/", name: "deploy", id: "AROADEPLOY0000000000", session: "s1" },
    Who::Role { path: "/ops/", name: "deploy", id: "AROADEPLOY0000000000", session: "s1" },
    Who::Role {
        path: "/aws-service-role/x/",
        name: "linked",
        id: "AROALINKED0000000000",
        session: "x",
    },
    Who::Guest { path: "/", name: "ada", id: "AIDAADA0000000000000", session: "guest" },
    Who::Guest { path: "/", name: "ada", id: "AIDAADA0000000000000", session: "guest" },
    Who::Root,
    Who::Root,
    Who::Service("ec2.amazonaws.com"),
    Who::Provider("accounts.google.com"),
    Who::Anonymous,
];

/// Operators, keys and values that belong together. The last family puts everything beside everything.
pub(crate) struct Family {
    pub(crate) operators: &'static [&'static str],
    pub(crate) keys: &'static [&'static str],
    pub(crate) values: &'static [&'static str],
}

pub(crate) const FAMILIES: [Family; 8] = [
    Family {
        operators: &[
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            "StringLike",
            "StringNotLike",
        ],
        keys: &[
            "aws:username",
            "aws:PrincipalTag/Team",
            "AWS:principaltag/TEAM",
            "aws:ResourceTag/team",
            "aws:PrincipalType",
            "aws:PrincipalOrgID",
            "aws:ResourceOrgID",
            "aws:SourceIdentity",
            "aws:userid",
            "aws:PrincipalAccount",
            "aws:ResourceAccount",
            "aws:PrincipalServiceName",
            "s3:prefix",
            "no:such",
        ],
        values: &[
            "ada",
            "Ada",
            "mallory",
            "red",
            "r*",
            "*",
            "?ed",
            "",
            "User",
            "o-one",
            "123456789012",
            "210987654321",
            "AROADEPLOY0000000000:*",
            "anonymous",
            "ec2.amazonaws.com",
            "${aws:username}",
            "${s3:prefix, 'b'}",
            "${no:such}",
            "${aws:TagKeys}",
            "${aws:ResourceTag/team}",
            "${aws:PrincipalTag/TEAM, 'red'}",
            "r${*}",
            "${$}",
        ],
    },
    Family {
        operators: &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        keys: &["s3:max", "aws:MultiFactorAuthAge"],
        values: &["5", "7.5", "10", "10.0", "300", "-1", "ten"],
    },
    Family {
        operators: &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        keys: &["aws:CurrentTime", "aws:TokenIssueTime"],
        values: &["2026-01-01T00:00:00Z", "1767225600", "2025-12-31T23:59:59Z", "soon"],
    },
    Family {
        operators: &["Bool"],
        keys: &[
            "aws:SecureTransport",
            "aws:MultiFactorAuthPresent",
            "aws:AssumedRoot",
            "aws:PrincipalIsAWSService",
        ],
        values: &["true", "false", "FALSE", "perhaps"],
    },
    Family {
        operators: &["IpAddress", "NotIpAddress"],
        keys: &["aws:SourceIp"],
        values: &[
            "10.0.0.0/8",
            "10.1.2.3",
            "2001:db8::/32",
            "::/0",
            "0.0.0.0/0",
            "10.0.0.0/33",
            "::ffff:10.1.2.3",
            "::ffff:10.0.0.0/104",
            "::ffff:10.0.0.0/90",
        ],
    },
    Family {
        operators: &["ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals"],
        keys: &["AWS:PrincipalArn", "aws:SourceArn"],
        values: &[
            "arn:aws:iam::*:user/${aws:username}",
            "arn:aws:iam::123456789012:role/ops/*",
            "arn:aws:sts::123456789012:*/*",
            "arn:aws:s*:::b",
            "arn:aws:iam::*",
            "*",
        ],
    },
    Family {
        operators: &["BinaryEquals"],
        keys: &["s3:blob"],
        values: &["QQ==", "QQ", "QUI=", "Q", ""],
    },
    Family {
        operators: &["StringEquals", "StringNotEquals", "NumericLessThan", "ArnLike", "Bool"],
        keys: &["aws:TagKeys", "s3:max", "s3:prefix", "aws:SourceArn", "aws:SecureTransport"],
        values: &["red", "5", "true", "arn:aws:s3:::b", "b"],
    },
];

/// Keys of several values, for the set operators (and, wrongly, without one), and values of theirs.
pub(crate) const SET_KEYS: [&str; 5] = [
    "aws:TagKeys",
    "aws:tagkeys",
    "aws:PrincipalOrgPaths",
    "aws:ResourceOrgPaths",
    "aws:PrincipalServiceNamesList",
];
pub(crate) const SET_VALUES: [&str; 6] =
    ["red", "Ada", "", "b", "o-one/r-one/*", "ec2.amazonaws.com"];

/// Conditions with a rule of their own.
pub(crate) const CONDITIONS: [&str; 27] = [
    r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["red"]}}"#,
    r#"{"ForAllValues:StringNotEquals":{"aws:TagKeys":["red","Ada"]}}"#,
    r#"{"ForAnyValue:StringNotEquals":{"aws:TagKeys":["red"]}}"#,
    r#"{"ForAnyValue:StringEquals":{"aws:TagKeys":["","red"]}}"#,
    r#"{"ForAnyValue:StringLike":{"aws:TagKeys":"*"}}"#,
    r#"{"Null":{"aws:TagKeys":"true"}}"#,
    r#"{"Null":{"aws:MultiFactorAuthPresent":"true"}}"#,
    r#"{"ForAllValues:Null":{"aws:TagKeys":"true"}}"#,
    r#"{"ForAnyValue:Null":{"aws:PrincipalOrgID":"false"}}"#,
    r#"{"Bool":{"aws:MultiFactorAuthPresent":"false"}}"#,
    r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}}"#,
    r#"{"StringEquals":{"aws:username":"mallory"}}"#,
    r#"{"StringNotEquals":{"aws:username":"mallory"}}"#,
    r#"{"StringEquals":{"aws:PrincipalTag/team":""}}"#,
    r#"{"StringEquals":{"aws:PrincipalTag/Team":"red"}}"#,
    r#"{"StringEquals":{"aws:ResourceTag/team":"red"}}"#,
    r#"{"StringNotEquals":{"aws:ResourceTag/TEAM":"red"}}"#,
    r#"{"StringEqualsIfExists":{"aws:ResourceOrgID":"o-one"}}"#,
    r#"{"StringLike":{"s3:prefix":"${aws:PrincipalTag/team}"}}"#,
    r#"{"StringEquals":{"s3:prefix":"${aws:username}"}}"#,
    r#"{"StringNotEquals":{"s3:prefix":"${aws:username}"}}"#,
    r#"{"StringEquals":{"s3:prefix":"${aws:TagKeys, 'b'}"}}"#,
    r#"{"StringNotEquals":{"s3:prefix":"${aws:TagKeys}"}}"#,
    r#"{"ArnLike":{"aws:SourceArn":"arn:aws:s3:*:1:f/*"}}"#,
    r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/ops/deploy"}}"#,
    r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:sts::*:*"}}"#,
    r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#,
];

/// What a context may hold, by key. Some speak of what a context must not speak of.
pub(crate) const CONTEXT: [(&str, &[&str]); 12] = [
    ("s3:prefix", &["b", "ada", "r*", "red", "", "$"]),
    ("s3:max", &["5", "10", "7.5", "many"]),
    ("s3:blob", &["QQ==", "QUI", "="]),
    ("aws:SourceIp", &["10.1.2.3", "11.0.0.1", "2001:db8::1", "::ffff:10.1.2.3", "nowhere"]),
    ("aws:CurrentTime", &["2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z", "1767225601", "now"]),
    ("aws:SecureTransport", &["true", "false", "yes"]),
    ("aws:SourceArn", &["arn:aws:s3:::b", "arn:aws:s3:a:b:1:f/d", "arn:aws:s3:a:1:f/d", "b"]),
    ("aws:ResourceTag/Team", &["red", "blue"]),
    ("aws:ResourceOrgID", &["o-one"]),
    ("AWS:USERNAME", &["mallory"]),
    ("aws:MultiFactorAuthPresent", &["true"]),
    ("aws:PrincipalTag/team", &["red"]),
];

/// What temporary credentials may know.
pub(crate) const SESSION: [(&str, &[&str]); 6] = [
    ("aws:TokenIssueTime", &["2026-01-01T00:00:00Z", "2025-12-31T23:59:59Z"]),
    ("aws:MultiFactorAuthPresent", &["true", "false", "false"]),
    ("aws:MultiFactorAuthAge", &["5", "300"]),
    ("aws:SourceIdentity", &["ada", "red"]),
    ("aws:FederatedProvider", &["accounts.google.com"]),
    ("aws:AssumedRoot", &["true"]),
];

pub(crate) const ORGANIZATIONS: [(&str, &str); 2] =
    [("o-one", "o-one/r-one/ou-a/"), ("o-two", "o-two/r-two/")];
