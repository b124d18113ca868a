//! Conditions and variables that do not do what they say.

use core::net::IpAddr;

use super::{LintCode, Notes};
use crate::{
    document::{ConditionEntry, ResourceBlock, Statement, Version},
    network::Network,
    operator::{Comparison, Qualifier},
    time::parse_date,
};

/// AWS's global condition keys of one value, in lower case (AWS, "AWS global condition context keys"). Tag keys follow a slash.
const SINGLE: [&str; 53] = [
    "aws:assumedroot",
    "aws:calledviaawsmcp",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:chatbotsourcearn",
    "aws:currenttime",
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:epochtime",
    "aws:federatedprovider",
    "aws:ismcpserviceaction",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    // Not on that page, but in a policy of AWS's own (AWSSSOServiceRolePolicy).
    "aws:principalorgmasteraccountid",
    "aws:principalservicename",
    "aws:principaltype",
    "aws:referer",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:securetransport",
    "aws:signinsessionarn",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceidentity",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "aws:viaawsmcpservice",
    "aws:viaawsservice",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpcsourceip",
    "ec2:roledelivery",
    "ec2:sourceinstancearn",
    "iam:awsservicename",
    "iam:passedtoservice",
    "iam:permissionsboundary",
    "iam:policyarn",
    "sts:externalid",
    "sts:rolesessionname",
    "sts:sourceidentity",
    "s3:prefix",
];

/// AWS's global condition keys of several values, in lower case.
const SEVERAL: [&str; 7] = [
    "aws:calledvia",
    "aws:principalorgpaths",
    "aws:principalservicenameslist",
    "aws:resourceorgpaths",
    "aws:sourceorgpaths",
    "aws:tagkeys",
    "aws:vpceorgpaths",
];

const TAGGED: [&str; 3] = ["aws:principaltag/", "aws:requesttag/", "aws:resourcetag/"];

pub(super) fn check(statement: &Statement, version: Version, notes: &mut Notes) {
    if let ResourceBlock::Resource(resources) | ResourceBlock::NotResource(resources) =
        &statement.resources
    {
        for resource in resources {
            variables(resource, version, true, notes);
        }
    }
    for condition in &statement.conditions {
        key(condition, notes);
        for value in &condition.values {
            variables(value, version, condition.operator.takes_variables(), notes);
            self::value(condition, value, notes);
        }
    }
}

fn key(condition: &ConditionEntry, notes: &mut Notes) {
    let key = condition.key.to_ascii_lowercase();
    let tagged = TAGGED.iter().any(|prefix| key.starts_with(prefix));
    let single = tagged || SINGLE.contains(&key.as_str());
    if key.starts_with("aws:") && !single && !SEVERAL.contains(&key.as_str()) {
        notes.add(LintCode::InvalidGlobalConditionKey, &condition.key);
    }
    if condition.operator.qualifier == Qualifier::ForAllValues && single {
        notes.add(LintCode::ForAllValuesWithSingleValuedKey, &condition.key);
    }
}

fn variables(text: &str, version: Version, supported: bool, notes: &mut Notes) {
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("${") {
        if version == Version::V2008 {
            return notes.add(LintCode::UnsupportedVariableVersion, text);
        }
        let Some((inner, after)) = behind.split_once('}') else {
            return notes.add(LintCode::VariableMissingBrace, text);
        };
        if inner.trim().is_empty() {
            notes.add(LintCode::EmptyVariable, text);
        } else if !supported {
            notes.add(LintCode::VariableUnsupportedOperator, text);
        }
        rest = after;
    }
}

fn value(condition: &ConditionEntry, value: &str, notes: &mut Notes) {
    if value.contains("${") {
        return;
    }
    let readable = match condition.operator.comparison {
        Comparison::Numeric(_) => value.parse::<f64>().is_ok(),
        Comparison::Date(_) => parse_date(value).is_some(),
        Comparison::Bool | Comparison::Null => {
            ["true", "false"].iter().any(|word| value.eq_ignore_ascii_case(word))
        }
        Comparison::IpAddress => {
            address(condition, value, notes);
            Network::parse(value).is_some()
        }
        Comparison::StringEquals | Comparison::StringEqualsIgnoreCase => {
            if value.contains(['*', '?']) {
                notes.add(LintCode::WildcardWithoutLike, value);
            }
            true
        }
        Comparison::StringLike | Comparison::BinaryEquals | Comparison::ArnLike => true,
    };
    if !readable {
        notes.add(LintCode::TypeMismatch, value);
    }
}

fn address(condition: &ConditionEntry, block: &str, notes: &mut Notes) {
    let base = block.split('/').next().unwrap_or_default().parse::<IpAddr>();
    let (Ok(base), Some(network)) = (base, Network::parse(block)) else { return };
    if network.base() != base {
        notes.add(LintCode::ImproveIpRange, block);
    }
    let private = match base {
        IpAddr::V4(base) => base.is_private() || base.is_loopback() || base.is_link_local(),
        IpAddr::V6(base) => {
            base.is_unique_local() || base.is_loopback() || base.is_unicast_link_local()
        }
    };
    if private && condition.key.eq_ignore_ascii_case("aws:SourceIp") {
        notes.add(LintCode::PrivateIpAddress, block);
    }
}
