//! For each code a policy that has it, and one that nearly has it and is clean.

use super::LintCode::{self, *};
use crate::PolicyKind::{
    self, Identity, Resource, ResourceControl, ServiceControl, Session, Trust,
};

/// A statement stands for the policy of version 2012-10-17 that has it alone.
pub(super) struct Case {
    pub(super) code: LintCode,
    pub(super) kind: PolicyKind,
    pub(super) raises: &'static str,
    pub(super) near_miss: &'static str,
}

macro_rules! cases {
    ($($code:ident $kind:ident { $raises:literal $near_miss:literal })*) => {
        pub(super) const CASES: &[Case] = &[
            $(Case { code: $code, kind: $kind, raises: $raises, near_miss: $near_miss },)*
        ];
    };
}

cases! {
    JsonSyntaxError Identity {
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"},]}"#
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#
    }
    DuplicateKeys Identity {
        r#"{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#
    }
    UnsupportedCharacter Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::ā"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::ä"}"#
    }
    DataTypeMismatch Identity {
        r#"{"Effect":"Deny","Action":7,"Resource":"*"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"s3:max-keys":7}}}"#
    }
    InvalidVersion Identity {
        r#"{"Version":"2012-10-18","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#
    }
    InvalidPolicyElement Identity {
        r#"{"Effect":"Deny","Actions":"*","Resource":"*"}"#
        r#"{"Effect":"Deny","NotAction":"sts:*","Resource":"*"}"#
    }
    MissingStatement Identity {
        r#"{"Version":"2012-10-17","Statement":[]}"#
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#
    }
    MissingEffect Identity {
        r#"{"Action":"*","Resource":"*"}"#
        r#"{"Action":"*","Resource":"*","Effect":"Deny"}"#
    }
    InvalidEffect Identity {
        r#"{"Effect":"deny","Action":"*","Resource":"*"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#
    }
    MissingAction Identity {
        r#"{"Effect":"Deny","Resource":"*"}"#
        r#"{"Effect":"Deny","NotAction":"sts:*","Resource":"*"}"#
    }
    MissingPrincipal Trust {
        r#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}"#
    }
    MissingResource Identity {
        r#"{"Effect":"Deny","Action":"*"}"#
        r#"{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::b"}"#
    }
    UnsupportedElementCombination Identity {
        r#"{"Effect":"Deny","Action":"*","NotAction":"sts:*","Resource":"*"}"#
        r#"{"Effect":"Deny","NotAction":"sts:*","Resource":"*"}"#
    }
    UnsupportedPrincipal Identity {
        r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#
    }
    UnsupportedSid Identity {
        r#"{"Sid":"No no","Effect":"Deny","Action":"*","Resource":"*"}"#
        r#"{"Sid":"No1","Effect":"Deny","Action":"*","Resource":"*"}"#
    }
    UniqueSidsRequired Identity {
        r#"[{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"sqs:*","Resource":"*"}]"#
        r#"[{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"},{"Sid":"a","Effect":"Deny","Action":"sqs:*","Resource":"*"}]"#
    }
    InvalidArnPrefix Identity {
        r#"{"Effect":"Deny","Action":"s3:GetObject","Resource":"aws:s3:::b/*"}"#
        r#"{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
    }
    MissingArnField Identity {
        r#"{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3::b"}"#
        r#"{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3*"}"#
    }
    InvalidPrincipalFormat Trust {
        r#"{"Effect":"Allow","Principal":{"AWS":"12345678901"},"Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}"#
    }
    InvalidPrincipalKey Trust {
        r#"{"Effect":"Allow","Principal":{"User":"123456789012"},"Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}"#
    }
    InvalidServicePrincipalFormat Trust {
        r#"{"Effect":"Allow","Principal":{"Service":"ec2"},"Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#
    }
    UnsupportedWildcardInPrincipal Trust {
        r#"{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::123456789012:role/*"},"Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}"#
    }
    InvalidConditionOperator Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEqual":{"aws:username":"a"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"a"}}}"#
    }
    NullWithIfExists Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NullIfExists":{"aws:username":"true"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Null":{"aws:username":"true"}}}"#
    }
    NullWithQualifier Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAnyValue:Null":{"aws:TagKeys":"true"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Null":{"aws:TagKeys":"true"}}}"#
    }
    DuplicateKeysWithDifferentCase Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"a","aws:UserName":"b"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"a"},"StringLike":{"aws:UserName":"b*"}}}"#
    }
    InvalidConditionKeyFormat Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"username":"a"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":"a"}}}"#
    }
    RoleTrustPolicySyntaxErrorNotPrincipal Trust {
        r#"{"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Deny","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}"#
    }
    RoleTrustPolicySyntaxErrorResource Trust {
        r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Resource":"*"}"#
        r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}"#
    }
    ScpSyntaxErrorPrincipal ServiceControl {
        r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"*","Resource":"*"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#
    }

    InvalidServiceInAction Identity {
        r#"{"Effect":"Allow","Action":"lamda:InvokeFunction","Resource":"*"}"#
        r#"{"Effect":"Allow","Action":"lambda:InvokeFunction","Resource":"*"}"#
    }
    InvalidAction Identity {
        r#"{"Effect":"Allow","Action":"s3:GetObjects","Resource":"*"}"#
        r#"{"Effect":"Allow","Action":"s3:getobject*","Resource":"*"}"#
    }
    InvalidGlobalConditionKey Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegions":"eu-west-1"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"AWS:requestedRegion":"eu-west-1"}}}"#
    }
    InvalidServiceConditionKey Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:prefixs":"a"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:Prefix":"a"}}}"#
    }
    InvalidService Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:lamda:eu-west-1:123456789012:function:f"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:lambda:eu-west-1:123456789012:function:f"}"#
    }
    InvalidService Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"lamda:Principal":"a"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"lambda:Principal":"a"}}}"#
    }
    MissingTagKeyInCondition Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag":"a"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"a"}}}"#
    }
    InvalidPartition Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:amazon:s3:::b/*"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws-cn:s3:::b/*"}"#
    }
    InvalidArnServiceCase Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:S3:::b/*"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::B/*"}"#
    }
    InvalidArnRegion Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:sqs:ireland:123456789012:q"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:sqs:us-gov-east-1:123456789012:q"}"#
    }
    InvalidArnRegion Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:sqs:europe-1:123456789012:q"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:sqs:eu-*-1:123456789012:q"}"#
    }
    InvalidArnAccount Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:sqs:eu-west-1:12345678901:q"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:sqs:eu-west-1:1234567890*:q"}"#
    }
    MissingArnRegion Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:sqs::123456789012:q"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:sqs:*:123456789012:q"}"#
    }
    MissingArnAccount Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:iam:::role/r"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:ssm:eu-west-1::document/AWS-RunShellScript"}"#
    }
    ArnRegionNotAllowed Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:iam:eu-west-1:123456789012:role/r"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:iam:*:123456789012:role/r"}"#
    }
    ArnAccountNotAllowed Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3::123456789012:b/*"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3::*:b/*"}"#
    }
    InvalidArnResource Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:states:*:123456789012:statemachine:m"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:states:*:123456789012:stateMachine:m"}"#
    }
    InvalidConditionMultipleBoolean Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":[true,false]}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":[false]}}}"#
    }
    MissingQualifier Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:TagKeys":"team"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:TagKeys":"team"}}}"#
    }
    MissingQualifier Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:TagKeys":"team"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAllValues:StringNotEquals":{"aws:TagKeys":"team"}}}"#
    }
    PrivateIpAddress Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}}}"#
    }
    PrivateNotIpAddress Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"fd00::/8"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"2001:db8::/32"}}}"#
    }
    MissingBraceInVariable Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:username"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}"#
    }
    MissingQuoteInVariable Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:username, 'all}"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:username, 'all'}"}"#
    }
    UnsupportedSpaceInVariable Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws: username}"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/Cost Center}"}"#
    }
    EmptyVariable Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${}"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${*}"}"#
    }
    VariableUnsupportedInElement Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:sqs:${aws:RequestedRegion}:123456789012:q"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:sqs:*:123456789012:${aws:RequestedRegion}"}"#
    }
    VariableUnsupportedInVersion Identity {
        r#"{"Version":"2008-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}}"#
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}}"#
    }
    InvalidVariableForOperator Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NumericEquals":{"s3:max-keys":"${aws:username}"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:prefix":"${aws:username}"}}}"#
    }
    MultivaluedKeyInVariable Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:TagKeys}"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:CalledViaFirst}"}"#
    }
    InvalidGlobalConditionKey Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:user}"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:userid}"}"#
    }
    NotPrincipalWithoutAccount Resource {
        r#"{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::123456789012:user/a"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
        r#"{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:iam::123456789012:user/a","123456789012"]},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
    }
    NotPrincipalWithoutAccount Resource {
        r#"{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:sts::123456789012:assumed-role/r/s","arn:aws:iam::123456789012:root"]},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
        r#"{"Effect":"Deny","NotPrincipal":{"AWS":["arn:aws:sts::123456789012:assumed-role/r/s","arn:aws:iam::123456789012:role/team/r","arn:aws:iam::123456789012:root"]},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
    }
    MismatchedActionForTrustPolicy Trust {
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","s3:GetObject"]}"#
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole","sts:TagSession"]}"#
    }
    MismatchedActionForPrincipal Trust {
        r#"{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:saml-provider/p"},"Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:saml-provider/p"},"Action":"sts:AssumeRoleWithSAML"}"#
    }
    MismatchedActionForPrincipal Trust {
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRoleWithWebIdentity"}"#
        r#"{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":["sts:AssumeRole*"]}"#
    }
    InvalidFederatedPrincipalSyntaxInRoleTrustPolicy Trust {
        r#"{"Effect":"Allow","Principal":{"Federated":"idp.example.com"},"Action":"sts:AssumeRoleWithWebIdentity"}"#
        r#"{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/idp.example.com"},"Action":"sts:AssumeRoleWithWebIdentity"}"#
    }
    RoleTrustPolicyUnsupportedWildcardInPrincipal Trust {
        r#"{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}"#
    }
    RoleTrustPolicyUnsupportedWildcardInPrincipal Trust {
        r#"{"Effect":"Deny","Principal":{"Service":"*"},"Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Deny","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#
    }
    ScpSyntaxErrorActionWildcard ServiceControl {
        r#"{"Effect":"Deny","Action":"iam:*Role","Resource":"*"}"#
        r#"{"Effect":"Deny","Action":"iam:*","Resource":"*"}"#
    }
    ScpSyntaxErrorActionWildcard ServiceControl {
        r#"{"Effect":"Deny","Action":"iam:Get*e","Resource":"*"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#
    }
    ScpSyntaxErrorAllowCondition ServiceControl {
        r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}}"#
        r#"{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}}"#
    }
    ScpSyntaxErrorAllowNotAction ServiceControl {
        r#"{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}"#
        r#"{"Effect":"Deny","NotAction":"s3:*","Resource":"*"}"#
    }
    ScpSyntaxErrorAllowResource ServiceControl {
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
        r#"{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
    }
    ScpSyntaxErrorNotResource ServiceControl {
        r#"{"Effect":"Deny","Action":"s3:GetObject","NotResource":"arn:aws:s3:::b/*"}"#
        r#"{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
    }
    RcpSyntaxErrorAllow ResourceControl {
        r#"{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}}"#
        r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":false}}}"#
    }
    RcpSyntaxErrorPrincipal ResourceControl {
        r#"{"Effect":"Deny","Principal":{"AWS":"123456789012"},"Action":"s3:*","Resource":"*"}"#
        r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}"#
    }
    RcpSyntaxErrorAction ResourceControl {
        r#"{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}"#
        r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}"#
    }
    RcpSyntaxErrorNotAction ResourceControl {
        r#"{"Effect":"Deny","Principal":"*","NotAction":"s3:*","Resource":"*"}"#
        r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}"#
    }

    AllowWithNotPrincipal Resource {
        r#"{"Effect":"Allow","NotPrincipal":{"AWS":"123456789012"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
        r#"{"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
    }
    AllowWithNotAction Identity {
        r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#
        r#"{"Effect":"Allow","NotAction":"s3:*","Resource":"arn:aws:s3:::b/*"}"#
    }
    AllowWithNotResource Identity {
        r#"{"Effect":"Allow","Action":"s3:GetObject","NotResource":"arn:aws:s3:::b/*"}"#
        r#"{"Effect":"Deny","Action":"s3:GetObject","NotResource":"arn:aws:s3:::b/*"}"#
    }
    PassRoleWithStarInResource Identity {
        r#"{"Effect":"Allow","Action":"iam:Pass*","Resource":"*"}"#
        r#"{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}"#
    }
    ForAllValuesWithSingleValuedKey Identity {
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-1"}}}"#
        r#"{"Effect":"Allow","Action":"ec2:CreateTags","Resource":"*","Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":"team"}}}"#
    }
    AnyonePrincipalWithoutCondition Resource {
        r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
        r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-abcdefghij"}}}"#
    }
    RestrictAccessToServicePrincipal Resource {
        r#"{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#
        r#"{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"}}}"#
    }
    MissingConditionKeyForOidcPrincipal Trust {
        r#"{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity"}"#
        r#"{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:a/b:*"}}}"#
    }
    MissingConditionKeyForOidcPrincipal Trust {
        r#"{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringLike":{"token.actions.githubusercontent.com:sub":"repo:*"}}}"#
        r#"{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/idp.example.com"},"Action":"sts:AssumeRoleWithWebIdentity"}"#
    }
    MfaConditionWithoutIfExists Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}"#
        r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}"#
    }
    MissingPairedConditionKeys Identity {
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"}}}"#
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"IpAddress":{"aws:VpcSourceIp":"10.0.0.0/8"},"StringEquals":{"aws:SourceVpc":"vpc-1"}}}"#
    }

    MissingVersion Identity {
        r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#
        r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"},"Version":"2012-10-17"}"#
    }
    UnknownService Identity {
        r#"{"Effect":"Allow","Action":"photos:GetAlbum","Resource":"*"}"#
        r#"{"Effect":"Allow","Action":"*:GetAlbum","Resource":"*"}"#
    }
    UnknownService Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:photos:eu-west-1:123456789012:album/a"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:*:eu-west-1:123456789012:album/a"}"#
    }
    UnknownAction Identity {
        r#"{"Effect":"Allow","Action":"s3:GetAlbum","Resource":"*"}"#
        r#"{"Effect":"Allow","Action":"s3:GetA*","Resource":"*"}"#
    }
    UnknownResourceType Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:iam::123456789012:album/a"}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"arn:aws:iam::123456789012:role/a"}"#
    }
    UnknownConditionKey Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:album":"a"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:ExistingObjectTag/album":"a"}}}"#
    }
    ResourceMismatch Identity {
        r#"{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"arn:aws:s3:::b/*"}"#
        r#"{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"]}"#
    }
    IrrelevantConditionKey Identity {
        r#"{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"*","Condition":{"StringEquals":{"s3:prefix":"a"}}}"#
        r#"{"Effect":"Allow","Action":"s3:List*","Resource":"*","Condition":{"StringEquals":{"s3:prefix":"a"}}}"#
    }
    IrrelevantConditionKey Identity {
        r#"{"Effect":"Deny","Action":"ec2:DescribeInstances","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"a"}}}"#
        r#"{"Effect":"Deny","Action":"ec2:CreateTags","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"a"}}}"#
    }
    UnsupportedActionForConditionKey Identity {
        r#"{"Effect":"Allow","Action":["ec2:StartInstances","ec2:DescribeInstances"],"Resource":"*","Condition":{"StringEquals":{"ec2:ResourceTag/team":"a"}}}"#
        r#"{"Effect":"Allow","Action":["ec2:StartInstances","ec2:DescribeInstances"],"Resource":"*","Condition":{"StringEqualsIfExists":{"ec2:ResourceTag/team":"a"}}}"#
    }
    CreateSlrWithStarInResource Identity {
        r#"{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*"}"#
        r#"{"Effect":"Allow","Action":"iam:CreateServiceLinkedRole","Resource":"*","Condition":{"StringEquals":{"iam:AWSServiceName":"ec2.amazonaws.com"}}}"#
    }
    InvalidRoleReference Trust {
        r#"{"Effect":"Allow","Principal":{"AWS":"AROA1234567890EXAMPLE"},"Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/AROA1234567890EXAMPLE"},"Action":"sts:AssumeRole"}"#
    }
    InvalidUserReference Trust {
        r#"{"Effect":"Allow","Principal":{"AWS":"AIDA1234567890EXAMPLE"},"Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/AIDA1234567890EXAMPLE"},"Action":"sts:AssumeRole"}"#
    }
    WildcardWithoutLikeOperator Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"s3:prefix":"${aws:username}/*"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"s3:prefix":"${aws:username}/${*}"}}}"#
    }
    ForAnyValueWithSingleValuedKey Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:SourceVpc":"vpc-1"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"aws:CalledVia":"athena.amazonaws.com"}}}"#
    }
    TypeMismatch Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SecureTransport":"false"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"aws:EpochTime":"1700000000"},"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/r"}}}"#
    }
    TypeMismatchBoolean Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"no"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"False"}}}"#
    }
    TypeMismatchDate Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"2026-01-01"}}}"#
    }
    TypeMismatchIpRange Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/99"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}}"#
    }
    TypeMismatchNumber Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"s3:max-keys":"inf"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"NumericLessThan":{"s3:max-keys":"1e3"}}}"#
    }
    TypeMismatchString Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"BinaryEquals":{"s3:prefix":"not base64"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"BinaryEquals":{"s3:prefix":"QmluYXJ5"}}}"#
    }

    EmptyArrayAction Identity {
        r#"{"Effect":"Deny","NotAction":[],"Resource":"*"}"#
        r#"{"Effect":"Deny","NotAction":["sts:*"],"Resource":"*"}"#
    }
    EmptyArrayResource Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":[]}"#
        r#"{"Effect":"Deny","Action":"*","Resource":["*"]}"#
    }
    EmptyArrayPrincipal Resource {
        r#"{"Effect":"Deny","Principal":{"AWS":[]},"Action":"*"}"#
        r#"{"Effect":"Deny","Principal":{"AWS":["*"]},"Action":"*"}"#
    }
    EmptyArrayCondition Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:prefix":[]}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:prefix":[""]}}}"#
    }
    EmptyObjectCondition Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#
    }
    EmptyObjectCondition Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#
    }
    EmptyObjectPrincipal Resource {
        r#"{"Effect":"Deny","Principal":{},"Action":"*"}"#
        r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"*"}"#
    }
    EmptySidValue Identity {
        r#"{"Sid":"","Effect":"Deny","Action":"*","Resource":"*"}"#
        r#"{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}"#
    }
    ResourceWithoutAction Identity {
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b"]}"#
        r#"{"Effect":"Allow","Action":["s3:GetObject","s3:GetBucketLocation"],"Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b"]}"#
    }
    RedundantAction Identity {
        r#"{"Effect":"Allow","Action":["s3:GetObject","S3:get*"],"Resource":"arn:aws:s3:::b/*"}"#
        r#"{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/*"}"#
    }
    RedundantResource Identity {
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b/*","arn:aws:s3:::b/a"]}"#
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b/?","arn:aws:s3:::b/${aws:username}"]}"#
    }
    RedundantResource Identity {
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b/${aws:userid}","arn:aws:s3:::b/${aws:userid}"]}"#
        r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":["arn:aws:s3:::b/*}","arn:aws:s3:::b/${aws:userid}"]}"#
    }
    RedundantPrincipal Trust {
        r#"{"Effect":"Allow","Principal":{"AWS":["123456789012","arn:aws:iam::123456789012:root"]},"Action":"sts:AssumeRole"}"#
        r#"{"Effect":"Allow","Principal":{"AWS":["123456789012","arn:aws:iam::123456789012:role/r"]},"Action":"sts:AssumeRole"}"#
    }
    RedundantConditionValue Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:prefix":["a","b","a"]}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:prefix":["a","b","A"]}}}"#
    }
    RedundantStatement Identity {
        r#"[{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"},{"Sid":"B","Effect":"Deny","Action":"s3:*","Resource":"*"}]"#
        r#"[{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"},{"Sid":"B","Effect":"Allow","Action":"s3:*","Resource":"*"}]"#
    }
    PrivateIpAddressSubset Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","192.168.0.0/16"]}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","198.51.100.0/24"]}}}"#
    }
    ImproveIpRange Identity {
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.9/24"}}}"#
        r#"{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.9/32"}}}"#
    }
}

/// Codes of lengths, with the kind of policy and the longest text that does not have them: the characters that count.
pub(super) const LENGTHS: &[(LintCode, PolicyKind, usize)] = &[
    (PolicySizeExceedsIdentityPolicyQuota, Identity, 6144),
    (PolicySizeExceedsIdentityPolicyQuota, PolicyKind::Boundary, 6144),
    (PolicySizeExceedsSessionPolicyQuota, Session, 2048),
    (PolicySizeExceedsRoleTrustPolicyQuota, Trust, 2048),
    (PolicySizeExceedsScpQuota, ServiceControl, 5120),
    (PolicySizeExceedsRcpQuota, ResourceControl, 5120),
    (DocumentTooLarge, Resource, 1 << 20),
];
