//! What is remembered, and whose turn it is to be forgotten.

use super::*;
use crate::{Command, Reply, command::ReplyBox};

fn asked(account: u64, id: &str) -> Envelope {
    Envelope {
        request_id: id.to_owned(),
        account,
        command: Some(Command::Delete(crate::command::Delete::default())),
        ..Envelope::default()
    }
}

fn done() -> Outcome {
    Outcome::new(Ok(ReplyBox { reply: Some(Reply::Done(true)), revision: 7 }))
}

#[test]
fn a_busy_account_makes_only_itself_forget() {
    let mut requests = Requests::default();
    let quiet = asked(1, "mine");
    requests.remember(&quiet, 0, &done());
    for n in 0..REQUESTS_MAX + 10 {
        requests.remember(&asked(2, &n.to_string()), n as u64, &done());
    }
    assert_eq!(requests.recall(&quiet), Some(done()));
    assert_eq!(requests.recall(&asked(2, "9")), None);
    assert_eq!(requests.recall(&asked(2, "10010")), None, "was never there");
    assert!(requests.recall(&asked(2, "10009")).is_some());
    assert_eq!(requests.known.len(), REQUESTS_MAX + 1);
    assert_eq!(requests.ages.len(), requests.known.len());
    assert_eq!(requests.counts.iter().map(|(n, _)| n).sum::<usize>(), requests.known.len());
}

#[test]
fn a_day_is_the_longest() {
    let mut requests = Requests::default();
    requests.remember(&asked(1, "old"), 5, &done());
    let rows = requests.remember(&asked(2, "a"), 5 + REQUEST_MEMORY_MILLIS, &done());
    assert_eq!(rows.len(), 1, "a day to the millisecond is remembered");
    let rows = requests.remember(&asked(2, "b"), 6 + REQUEST_MEMORY_MILLIS, &done());
    assert_eq!(rows.iter().filter(|r| r.value.is_none()).count(), 1);
    assert_eq!(requests.recall(&asked(1, "old")), None);
}

#[test]
fn the_largest_gives_way_when_the_group_is_full() {
    let mut requests = Requests::default();
    let accounts = REQUESTS_OF_GROUP_MAX / REQUESTS_MAX;
    requests.remember(&asked(999, "mine"), 0, &done());
    for account in 0..accounts as u64 {
        for n in 0..REQUESTS_MAX {
            requests.remember(&asked(account, &n.to_string()), 1, &done());
        }
    }
    assert_eq!(requests.known.len(), REQUESTS_OF_GROUP_MAX);
    assert!(requests.recall(&asked(999, "mine")).is_some(), "the smallest keeps what it has");
}

#[test]
fn rows_bring_everything_back() {
    let mut requests = Requests::default();
    for n in 0..10 {
        requests.remember(&asked(n % 3, &n.to_string()), n, &done());
    }
    let mut again = Requests::default();
    for row in requests.rows() {
        again.absorb(&row.key, row.value.as_deref()).unwrap();
    }
    assert_eq!(again, requests);
}
