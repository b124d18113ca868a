//! The service models that come with this crate are whole.

use super::*;

#[test]
fn both_models_are_read_whole() {
    let iam = read::api(include_str!("../../data/iam.json")).unwrap();
    assert_eq!((iam.operations.len(), iam.version.as_str()), (180, "2010-05-08"));
    let sts = read::api(include_str!("../../data/sts.json")).unwrap();
    assert_eq!((sts.operations.len(), sts.version.as_str()), (11, "2011-06-15"));
    for api in [&iam, &sts] {
        for operation in api.operations() {
            for index in [operation.input, operation.output].into_iter().flatten() {
                assert!(matches!(api.shapes[index].kind, Kind::Structure(_)), "{}", operation.name);
            }
        }
    }
}

#[test]
fn every_pattern_can_be_used() {
    for service in Service::ALL {
        for shape in &service.api().shapes {
            if let Some(pattern) = &shape.pattern {
                assert!(pattern.works(), "{}: {pattern:?}", shape.name);
            }
        }
    }
}

#[test]
fn only_federated_calls_come_unsigned() {
    let unsigned = |s: Service| -> Vec<_> {
        s.api().operations().filter(|o| o.unsigned).map(|o| o.name.as_str()).collect()
    };
    assert!(unsigned(Service::Iam).is_empty());
    assert_eq!(unsigned(Service::Sts), ["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"]);
}
