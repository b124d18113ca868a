//! Values on both sides of what a typed condition compares with.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::{UnixMillis, network::Network, operator::Comparison, time::parse_date};

/// Texts that meet each outcome of a comparison with these values: each value, and what lies between and beyond them. Operators on
/// strings and ARNs have none here: their values are found as cells of patterns.
pub(crate) fn around(comparison: Comparison, listed: &[Box<str>]) -> Vec<String> {
    match comparison {
        Comparison::Numeric(_) => numbers(listed),
        Comparison::Date(_) => dates(listed),
        Comparison::Bool => vec!["true".to_owned(), "false".to_owned()],
        Comparison::BinaryEquals => {
            let others = ["Zm9v", "YmFy", "YmF6"].map(str::to_owned);
            listed.iter().map(ToString::to_string).chain(others).collect()
        }
        Comparison::IpAddress => addresses(listed),
        Comparison::StringEquals
        | Comparison::StringEqualsIgnoreCase
        | Comparison::StringLike
        | Comparison::ArnLike
        | Comparison::Null => Vec::new(),
    }
}

fn numbers(listed: &[Box<str>]) -> Vec<String> {
    let read = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let mut known: Vec<f64> = listed.iter().filter_map(|text| read(text)).collect();
    known.sort_by(f64::total_cmp);
    let between = known.windows(2).filter_map(|pair| match pair {
        [a, b] => Some(f64::midpoint(*a, *b)),
        _ => None,
    });
    // Of great numbers the next one is further away.
    let step = |number: f64| if number.abs() < 1e15 { 1.0 } else { number.abs() };
    let beyond = known.first().map(|least| least - step(*least)).into_iter();
    let beyond = beyond.chain(known.last().map(|most| most + step(*most)));
    let made: Vec<String> = beyond.chain(between).map(|number| number.to_string()).collect();
    listed.iter().map(ToString::to_string).chain(made).collect()
}

fn dates(listed: &[Box<str>]) -> Vec<String> {
    let mut known: Vec<i64> = listed.iter().filter_map(|text| parse_date(text)).collect();
    known.sort_unstable();
    let between = known.windows(2).filter_map(|pair| match pair {
        [a, b] => Some(i64::midpoint(*a, *b)),
        _ => None,
    });
    let beyond = known.first().map(|first| first - 1_000).into_iter();
    let beyond = beyond.chain(known.last().map(|last| last + 1_000));
    let made: Vec<String> = beyond.chain(between).map(date).collect();
    listed.iter().map(ToString::to_string).chain(made).collect()
}

/// A point in time as conditions read it, to the millisecond; a day of long ago for all before 1970.
fn date(millis: i64) -> String {
    let Ok(known) = u64::try_from(millis) else { return "1000-01-01T00:00:00Z".to_owned() };
    let (text, rest) = (UnixMillis(known).to_string(), known % 1_000);
    if rest == 0 { text } else { text.replace('Z', &format!(".{rest:03}Z")) }
}

fn addresses(listed: &[Box<str>]) -> Vec<String> {
    let mut all = vec!["203.0.113.7".to_owned(), "2001:db8::7".to_owned()];
    for network in listed.iter().filter_map(|text| Network::parse(text)) {
        all.push(network.base().to_string());
        all.extend(match network {
            Network::V4 { base, mask } => {
                (base | !mask).checked_add(1).map(|next| Ipv4Addr::from_bits(next).to_string())
            }
            Network::V6 { base, mask } => {
                (base | !mask).checked_add(1).map(|next| Ipv6Addr::from_bits(next).to_string())
            }
        });
    }
    all.extend(["0.0.0.0".to_owned(), "::".to_owned()]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::Order;

    fn of(comparison: Comparison, listed: &[&str]) -> Vec<String> {
        around(comparison, &listed.iter().map(|text| Box::from(*text)).collect::<Vec<_>>())
    }

    #[test]
    fn both_sides_of_each_value() {
        assert_eq!(
            of(Comparison::Numeric(Order::LessThan), &["10", "5"]),
            ["10", "5", "4", "11", "7.5"]
        );
        assert_eq!(
            of(
                Comparison::Date(Order::LessThan),
                &["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"]
            ),
            [
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:00:01Z",
                "2025-12-31T23:59:59Z",
                "2026-01-01T00:00:02Z",
                "2026-01-01T00:00:00.500Z"
            ]
        );
        let found = of(Comparison::IpAddress, &["10.0.0.0/8", "255.255.255.255"]);
        assert!(
            ["10.0.0.0", "11.0.0.0", "255.255.255.255", "0.0.0.0"]
                .iter()
                .all(|text| found.contains(&(*text).to_owned()))
        );
    }
}
