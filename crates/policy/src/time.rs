//! Points in time as policies write them.

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub u64);

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let mp = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl core::fmt::Display for UnixMillis {
    /// RFC 3339 in UTC, to the second.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let seconds = i64::try_from(self.0 / 1000).unwrap_or(i64::MAX);
        let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
        let rest = seconds.rem_euclid(86_400);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
    }
}

/// Reads a date of a policy: epoch seconds, or ISO 8601 in the W3C profile (`2026-11-23`, `2026-11-23T21:00Z`,
/// `2026-11-23T21:00:00.5+01:00`). The result is milliseconds since the epoch and may be negative.
pub fn parse_date(text: &str) -> Option<i64> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && text.len() > 4 {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let number = |from: usize, len: usize| -> Option<i64> {
        let digits = text.get(from..from + len)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let year = number(0, 4)?;
    let (month, day, rest) = match text.len() {
        4 => (1, 1, ""),
        7 if text.get(4..5) == Some("-") => (number(5, 2)?, 1, ""),
        _ if text.get(4..5) == Some("-") && text.get(7..8) == Some("-") => (number(5, 2)?, number(8, 2)?, text.get(10..)?),
        _ => return None,
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * 86_400_000;
    if rest.is_empty() { Some(midnight) } else { Some(midnight + time_of_day(rest.strip_prefix('T')?)?) }
}

fn time_of_day(text: &str) -> Option<i64> {
    let zone = text.find(['Z', '+', '-'])?;
    let (clock, zone) = text.split_at(zone);
    let two = |s: &str| (s.len() == 2 && s.bytes().all(|b| b.is_ascii_digit())).then(|| s.parse::<i64>().ok())?;
    let mut parts = clock.splitn(3, ':');
    let (hours, minutes) = (two(parts.next()?)?, two(parts.next()?)?);
    let (seconds, fraction) = match parts.next() {
        None => (0, 0),
        Some(s) => match s.split_once('.') {
            None => (two(s)?, 0),
            Some((s, f)) if !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()) => {
                let millis: String = f.chars().chain("000".chars()).take(3).collect();
                (two(s)?, millis.parse::<i64>().ok()?)
            }
            Some(_) => return None,
        },
    };
    if hours > 24 || minutes > 59 || seconds > 60 {
        return None;
    }
    let offset = match zone {
        "Z" => 0,
        _ => {
            let (h, m) = zone.get(1..)?.split_once(':')?;
            let minutes = two(h)? * 60 + two(m)?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    Some(((hours * 60 + minutes - offset) * 60 + seconds) * 1000 + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_printed() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2013-06-30T00:00:00Z", Some(1_372_550_400_000)),
            ("2013-06-30", Some(1_372_550_400_000)),
            ("1372550400", Some(1_372_550_400_000)),
            ("2013-06-30T01:00+01:00", Some(1_372_550_400_000)),
            ("2013-06-30T00:00:00.25Z", Some(1_372_550_400_250)),
            ("2013-13-30", None),
            ("tomorrow", None),
            ("2013-06-30T00:00", None),
        ] {
            assert_eq!(parse_date(text), millis, "{text}");
        }
        assert_eq!(UnixMillis(1_372_550_400_000).to_string(), "2013-06-30T00:00:00Z");
    }
}
