//! Roles that belong to services: their names, paths, trust and permissions are AWS's, and nobody else changes them.

use crate::rejection::{Rejection, RejectionKind};

/// Where such roles are: no other role may be there, since what is there is bound by no policy of an organization.
pub const PATH: &str = "/aws-service-role/";
/// The services, one a line: principal, role, managed policies joined by commas, and `suffix` where a role may have one.
const SERVICES: &str = include_str!("service_linked/services.txt");

/// A role that a service may have in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceLinkedRole {
    /// `AWSServiceRoleFor…`, with its suffix.
    pub name: String,
    /// `/aws-service-role/…/`.
    pub path: String,
    /// Who may assume it.
    pub trust_policy: String,
    /// ARNs of the policies that are attached to it.
    pub policies: Vec<String>,
}

struct Row {
    service: &'static str,
    role: &'static str,
    policies: &'static str,
    takes_suffix: bool,
}

fn rows() -> impl Iterator<Item = Row> {
    let row = |line: &'static str| {
        let mut words = line.split_ascii_whitespace();
        let row = Row {
            service: words.next()?,
            role: words.next()?,
            policies: words.next()?,
            takes_suffix: words.next() == Some("suffix"),
        };
        Some(row)
    };
    SERVICES.lines().filter(|line| !line.starts_with('#')).filter_map(row)
}

fn invalid(message: String) -> Rejection {
    Rejection::new(RejectionKind::InvalidInput, message)
}

/// The role of a service; `suffix` may be empty.
///
/// # Errors
/// `InvalidInput` where the service is not known, or its role takes no suffix.
pub fn role(service: &str, suffix: &str) -> Result<ServiceLinkedRole, Rejection> {
    let row = rows().find(|row| row.service == service);
    let row =
        row.ok_or_else(|| invalid(format!("The AWS service name {service} is not valid.")))?;
    if !suffix.is_empty() && !row.takes_suffix {
        return Err(invalid(format!("Custom suffix is not allowed for {service}.")));
    }
    let name =
        if suffix.is_empty() { row.role.to_owned() } else { format!("{}_{suffix}", row.role) };
    Ok(ServiceLinkedRole {
        name,
        path: format!("{PATH}{service}/"),
        trust_policy: format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{service}"}},"Action":"sts:AssumeRole"}}]}}"#
        ),
        policies: row
            .policies
            .split(',')
            .map(|policy| format!("arn:aws:iam::aws:policy{PATH}{policy}"))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tidegate_policy::aws_managed;

    use super::*;

    #[test]
    fn every_service_has_one_role_with_policies_that_aws_publishes() {
        let all: Vec<Row> = rows().collect();
        assert!(all.len() > 50, "{}", all.len());
        let (mut services, mut names) = (BTreeSet::new(), BTreeSet::new());
        for row in &all {
            assert!(services.insert(row.service), "{} is there twice", row.service);
            assert!(names.insert(row.role), "{} is there twice", row.role);
            assert!(row.role.starts_with("AWSServiceRoleFor") && row.role.len() <= 64);
            for arn in role(row.service, "").unwrap().policies {
                assert!(aws_managed::find(&arn).is_some(), "{arn}");
            }
        }
    }

    #[test]
    fn a_suffix_is_for_those_that_take_one() {
        let made = role("autoscaling.amazonaws.com", "blue").unwrap();
        assert_eq!(made.name, "AWSServiceRoleForAutoScaling_blue");
        assert_eq!(made.path, "/aws-service-role/autoscaling.amazonaws.com/");
        let kind = |service, suffix| role(service, suffix).unwrap_err().kind();
        assert_eq!(kind("ecs.amazonaws.com", "blue"), RejectionKind::InvalidInput);
        assert_eq!(kind("none.example.com", ""), RejectionKind::InvalidInput);
    }
}
