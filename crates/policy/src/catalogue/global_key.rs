//! AWS's global condition keys, which are not tied to a service (AWS, "AWS global condition context keys").

use super::{ConditionKey, ValueType};

/// When a request brings a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// Every signed request brings it.
    Always,
    /// It depends on the caller, the way the call took or the resource: a condition must say what holds without it.
    Sometimes,
}

/// A global key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalKey {
    /// Its name and the type of its values.
    pub key: ConditionKey,
    /// When a request brings it.
    pub presence: Presence,
}

use Presence::{Always, Sometimes};
use ValueType::{Arn, Bool, Date, IpAddress, Numeric, String};

const fn one(name: &'static str, value_type: ValueType, presence: Presence) -> GlobalKey {
    GlobalKey { key: ConditionKey { name, value_type, multivalued: false }, presence }
}

/// A key of several values. None of them is always there.
const fn many(name: &'static str) -> GlobalKey {
    GlobalKey {
        key: ConditionKey { name, value_type: String, multivalued: true },
        presence: Sometimes,
    }
}

/// In AWS's order: of the principal, the session, the network, the resource, the request.
static KEYS: [GlobalKey; 60] = [
    one("aws:PrincipalArn", Arn, Always),
    one("aws:PrincipalAccount", String, Always),
    many("aws:PrincipalOrgPaths"),
    one("aws:PrincipalOrgID", String, Sometimes),
    one("aws:PrincipalTag/${TagKey}", String, Sometimes),
    one("aws:PrincipalIsAWSService", Bool, Always),
    one("aws:PrincipalServiceName", String, Sometimes),
    many("aws:PrincipalServiceNamesList"),
    one("aws:PrincipalType", String, Always),
    one("aws:userid", String, Always),
    one("aws:username", String, Sometimes),
    // Not on that page, but in policies of AWS's own (AWSSSOServiceRolePolicy).
    one("aws:PrincipalOrgMasterAccountId", String, Sometimes),
    one("aws:AssumedRoot", String, Sometimes),
    one("aws:FederatedProvider", String, Sometimes),
    one("aws:TokenIssueTime", Date, Sometimes),
    one("aws:SignInSessionArn", Arn, Sometimes),
    one("aws:MultiFactorAuthAge", Numeric, Sometimes),
    one("aws:MultiFactorAuthPresent", Bool, Sometimes),
    one("aws:ChatbotSourceArn", Arn, Sometimes),
    one("aws:Ec2InstanceSourceVpc", String, Sometimes),
    one("aws:Ec2InstanceSourcePrivateIPv4", IpAddress, Sometimes),
    one("aws:SourceIdentity", String, Sometimes),
    one("ec2:RoleDelivery", Numeric, Sometimes),
    one("ec2:SourceInstanceArn", Arn, Sometimes),
    one("glue:RoleAssumedBy", String, Sometimes),
    one("glue:CredentialIssuingService", String, Sometimes),
    one("lambda:SourceFunctionArn", Arn, Sometimes),
    one("ssm:SourceInstanceArn", Arn, Sometimes),
    one("identitystore:UserId", String, Sometimes),
    one("aws:SourceIp", IpAddress, Sometimes),
    one("aws:SourceVpc", String, Sometimes),
    one("aws:SourceVpcArn", Arn, Sometimes),
    one("aws:SourceVpce", String, Sometimes),
    one("aws:VpceAccount", String, Sometimes),
    one("aws:VpceOrgID", String, Sometimes),
    many("aws:VpceOrgPaths"),
    one("aws:VpcSourceIp", IpAddress, Sometimes),
    one("aws:ResourceAccount", String, Always),
    one("aws:ResourceOrgID", String, Sometimes),
    many("aws:ResourceOrgPaths"),
    one("aws:ResourceTag/${TagKey}", String, Sometimes),
    many("aws:CalledVia"),
    one("aws:CalledViaFirst", String, Sometimes),
    one("aws:CalledViaLast", String, Sometimes),
    one("aws:CalledViaAWSMCP", String, Sometimes),
    one("aws:ViaAWSService", Bool, Always),
    one("aws:ViaAWSMCPService", Bool, Sometimes),
    one("aws:CurrentTime", Date, Always),
    // Compared as a date or as a number of seconds.
    one("aws:EpochTime", Date, Always),
    one("aws:referer", String, Sometimes),
    one("aws:RequestedRegion", String, Always),
    one("aws:RequestTag/${TagKey}", String, Sometimes),
    many("aws:TagKeys"),
    one("aws:SecureTransport", Bool, Always),
    one("aws:SourceAccount", String, Sometimes),
    one("aws:SourceArn", Arn, Sometimes),
    one("aws:SourceOrgID", String, Sometimes),
    many("aws:SourceOrgPaths"),
    one("aws:UserAgent", String, Always),
    one("aws:IsMcpServiceAction", Bool, Sometimes),
];

/// All global keys, those of role sessions of some services among them, in AWS's order.
pub fn global_keys() -> &'static [GlobalKey] {
    &KEYS
}

/// The global key that a policy means by `key`, whatever its case.
pub fn global_key(key: &str) -> Option<GlobalKey> {
    KEYS.iter().find(|global| global.key.is_written(key)).copied()
}
