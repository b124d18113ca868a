//! The oracle's own reading of texts: wildcards, ARNs, numbers, dates, addresses, base64.

use std::net::{IpAddr, Ipv6Addr};

/// One character of a policy's text, read as a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    Star,
    Any,
    Char(char),
}

impl Symbol {
    fn as_char(self) -> char {
        match self {
            Self::Star => '*',
            Self::Any => '?',
            Self::Char(c) => c,
        }
    }
}

pub(crate) fn symbols(text: &str) -> Vec<Symbol> {
    let symbol = |c| match c {
        '*' => Symbol::Star,
        '?' => Symbol::Any,
        c => Symbol::Char(c),
    };
    text.chars().map(symbol).collect()
}

pub(crate) fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

pub(crate) fn wild(pattern: &[Symbol], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((Symbol::Star, rest)), _) => (0..=text.len()).any(|skip| wild(rest, &text[skip..])),
        (Some((Symbol::Any, rest)), Some((_, behind))) => wild(rest, behind),
        (Some((Symbol::Char(c), rest)), Some((found, behind))) => c == found && wild(rest, behind),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Whether a value compares with what is wanted by a positive operator; `None` where one of both can't be read.
pub(crate) fn compares(operator: &str, wanted: &[Symbol], actual: &str) -> Option<bool> {
    let plain: String = wanted.iter().map(|s| s.as_char()).collect();
    let number = |text: &str| serde_json::from_str::<f64>(text).ok();
    match operator {
        "StringEquals" => Some(plain == actual),
        "StringEqualsIgnoreCase" => Some(plain.to_lowercase() == actual.to_lowercase()),
        "StringLike" => Some(wild(wanted, &chars(actual))),
        "ArnEquals" | "ArnLike" => arn(wanted, actual),
        "NumericEquals" => {
            Some(number(actual)?.partial_cmp(&number(&plain)?)? == std::cmp::Ordering::Equal)
        }
        "NumericLessThan" => Some(number(actual)? < number(&plain)?),
        "NumericLessThanEquals" => Some(number(actual)? <= number(&plain)?),
        "NumericGreaterThan" => Some(number(actual)? > number(&plain)?),
        "NumericGreaterThanEquals" => Some(number(actual)? >= number(&plain)?),
        "DateEquals" => Some(seconds(actual)? == seconds(&plain)?),
        "DateLessThan" => Some(seconds(actual)? < seconds(&plain)?),
        "DateLessThanEquals" => Some(seconds(actual)? <= seconds(&plain)?),
        "DateGreaterThan" => Some(seconds(actual)? > seconds(&plain)?),
        "DateGreaterThanEquals" => Some(seconds(actual)? >= seconds(&plain)?),
        "Bool" => Some(boolean(actual)? == boolean(&plain)?),
        "BinaryEquals" => Some(base64(actual)? == base64(&plain)?),
        "IpAddress" => in_block(&plain, actual),
        other => panic!("the generator makes no {other}"),
    }
}

fn boolean(text: &str) -> Option<bool> {
    text.to_lowercase().parse().ok()
}

fn arn(pattern: &[Symbol], text: &str) -> Option<bool> {
    let patterns: Vec<&[Symbol]> = pattern.splitn(6, |s| *s == Symbol::Char(':')).collect();
    let texts: Vec<&str> = text.splitn(6, ':').collect();
    if patterns.len() < 6 || texts.len() < 6 {
        return None;
    }
    Some(patterns.iter().zip(&texts).all(|(p, t)| wild(p, &chars(t))))
}

/// Epoch seconds of `2026-01-02T03:04:05Z` or of a plain number.
fn seconds(text: &str) -> Option<i64> {
    if text.len() > 4 && text.chars().all(|c| c.is_ascii_digit()) {
        return text.parse().ok();
    }
    let numbers: Vec<i64> = text
        .strip_suffix('Z')?
        .split(['-', 'T', ':'])
        .map(|n| n.parse().ok())
        .collect::<Option<_>>()?;
    let [year, month, day, hour, minute, second] = numbers[..] else { return None };
    let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let years: i64 = (1970..year).map(|y| if leap(y) { 366 } else { 365 }).sum();
    let february = if leap(year) { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    Some(((years + months + day - 1) * 24 + hour) * 3600 + minute * 60 + second)
}

fn in_block(block: &str, address: &str) -> Option<bool> {
    let mapped = |a: Ipv6Addr| a.to_string().starts_with("::ffff:") && a.to_string().contains('.');
    let bits = |address: IpAddr| match address {
        IpAddr::V4(a) => format!("{:032b}", u32::from(a)),
        IpAddr::V6(a) if mapped(a) => format!("{:032b}", u128::from(a) & u128::from(u32::MAX)),
        IpAddr::V6(a) => format!("{:0128b}", u128::from(a)),
    };
    let (base, length) = match block.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<usize>().ok()?)),
        None => (block, None),
    };
    let (base, address): (IpAddr, _) = (base.parse().ok()?, bits(address.parse().ok()?));
    // Of an IPv4 address in IPv6's clothes the first 96 bits are the clothes; a block that is wider than they are is one of IPv6.
    let (base, length) = match (base, length) {
        (IpAddr::V6(a), Some(length)) if mapped(a) && length < 96 => {
            (format!("{:0128b}", u128::from(a)), length)
        }
        (IpAddr::V6(a), Some(length)) if mapped(a) => (bits(base), length - 96),
        (_, length) => (bits(base), length.unwrap_or(bits(base).len())),
    };
    Some(address.starts_with(base.get(..length)?) && base.len() == address.len())
}

fn base64(text: &str) -> Option<Vec<usize>> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if padding > 2 || padding > 0 && !text.len().is_multiple_of(4) || digits.len() % 4 == 1 {
        return None;
    }
    let places: Option<Vec<usize>> = digits.chars().map(|c| DIGITS.find(c)).collect();
    let bits: Vec<usize> =
        places?.iter().flat_map(|place| (0..6).rev().map(move |bit| place >> bit & 1)).collect();
    let byte = |bits: &[usize]| bits.iter().fold(0, |byte, bit| byte * 2 + bit);
    Some(bits.chunks_exact(8).map(byte).collect())
}
