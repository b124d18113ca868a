//! Every operation that AWS publishes is served, deliberately not served, or not served yet; the test below fails when these three are not
//! the whole.

use std::collections::BTreeSet;

use tidegate_query::Service;

use crate::aws::{federation, handlers};

/// Operations that are not served on purpose, each with the reason.
const EXCEPTIONS: &str = include_str!("accounting/exceptions.txt");
/// Operations that are still to come.
const NOT_YET: &str = include_str!("accounting/not-yet.txt");

type Names = BTreeSet<(Service, String)>;

/// The most operations that may be left out for good.
const EXCEPTIONS_MAX: usize = 26;

/// The names of a list: `iam CreateUser`, and behind a colon the reason.
fn read(list: &str) -> Vec<(Service, String, String)> {
    let line = |line: &str| {
        let (name, reason) = line.split_once(':').unwrap_or((line, ""));
        let (service, name) = name.split_once(' ').unwrap();
        let service = Service::ALL.into_iter().find(|s| s.scope() == service).unwrap();
        (service, name.trim().to_owned(), reason.trim().to_owned())
    };
    list.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).map(line).collect()
}

fn names(list: &[(Service, String, String)]) -> Names {
    list.iter().map(|(service, name, _)| (*service, name.clone())).collect()
}

#[test]
fn every_operation_is_accounted_for() {
    let published: Names = Service::ALL
        .into_iter()
        .flat_map(|s| s.api().operations().map(move |o| (s, o.name.clone())))
        .collect();
    let signed = handlers::SERVED.iter().chain(&federation::SERVED);
    let served: Names = signed.clone().map(|(s, n)| (*s, (*n).to_owned())).collect();
    let (exceptions, not_yet) = (read(EXCEPTIONS), read(NOT_YET));
    let (left_out, to_come) = (names(&exceptions), names(&not_yet));
    println!(
        "{} operations: {} served, {} left out, {} to come",
        published.len(),
        served.len(),
        left_out.len(),
        to_come.len()
    );
    assert_eq!(published.len(), 191);
    assert_eq!(served.len(), signed.count(), "an operation is served twice");
    assert!(exceptions.iter().all(|(.., reason)| reason.len() > 20), "a reason is missing");
    assert!(left_out.len() <= EXCEPTIONS_MAX);
    let twice = |a: &Names, b: &Names| a.intersection(b).cloned().collect::<Vec<_>>();
    assert_eq!(twice(&served, &left_out), []);
    assert_eq!(twice(&served, &to_come), []);
    assert_eq!(twice(&left_out, &to_come), []);
    let all: Names = served.iter().chain(&left_out).chain(&to_come).cloned().collect();
    assert_eq!(published.difference(&all).collect::<Vec<_>>(), Vec::<&(Service, String)>::new());
    assert_eq!(all.difference(&published).collect::<Vec<_>>(), Vec::<&(Service, String)>::new());
}
