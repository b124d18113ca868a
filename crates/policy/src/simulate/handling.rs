//! Resource handling options: scenarios of EC2 that need resources of certain types.

use super::SimulationError;
use crate::Arn;

/// What every scenario needs.
const ALWAYS: [&str; 4] = ["instance", "image", "security-group", "network-interface"];

/// The scenarios with what they need besides (AWS, "`SimulateCustomPolicy`", `ResourceHandlingOption`). Those of EC2-Classic ended
/// with it.
const OPTIONS: [(&str, &[&str]); 4] = [
    ("EC2-VPC-InstanceStore", &[]),
    ("EC2-VPC-InstanceStore-Subnet", &["subnet"]),
    ("EC2-VPC-EBS", &["volume"]),
    ("EC2-VPC-EBS-Subnet", &["subnet", "volume"]),
];

/// Whether every resource is there that a scenario needs.
pub(super) fn check(option: Option<&str>, resources: &[&str]) -> Result<(), SimulationError> {
    let Some(option) = option else { return Ok(()) };
    let Some((_, besides)) = OPTIONS.iter().find(|(name, _)| *name == option) else {
        return Err(SimulationError::Handling(option.to_owned()));
    };
    let arns: Vec<Arn> = resources.iter().filter_map(|text| Arn::parse(text).ok()).collect();
    let is_there = |needed: &str| {
        let of_type = |arn: &Arn| arn.resource().split('/').next() == Some(needed);
        arns.iter().any(|arn| arn.service() == "ec2" && of_type(arn))
    };
    match ALWAYS.iter().chain(*besides).find(|needed| !is_there(needed)) {
        Some(needed) => Err(SimulationError::HandlingNeeds { option: option.to_owned(), needed }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_needs_each_of_its_resources() {
        let arn = |of: &&str| format!("arn:aws:ec2:eu-west-1:123456789012:{of}/x-1");
        for (option, besides) in OPTIONS {
            let types: Vec<&str> = ALWAYS.iter().chain(besides).copied().collect();
            let all: Vec<String> = types.iter().map(arn).collect();
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            assert_eq!(check(Some(option), &all), Ok(()));
            for (n, needed) in types.iter().enumerate() {
                let mut rest = all.clone();
                rest.remove(n);
                let error = check(Some(option), &rest).unwrap_err();
                let option = option.to_owned();
                assert_eq!(error, SimulationError::HandlingNeeds { option, needed });
            }
        }
        assert_eq!(check(None, &["*"]), Ok(()));
        let classic = "EC2-Classic-EBS".to_owned();
        assert_eq!(check(Some(&classic), &["*"]), Err(SimulationError::Handling(classic.clone())));
    }
}
