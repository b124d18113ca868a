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
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
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
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
            rest / 3600,
            rest / 60 % 60,
            rest % 60
        )
    }
}

/// Reads a date of a policy: epoch seconds, or ISO 8601 in the W3C profile (`2026`, `2026-11`, `2026-11-23`, `2026-11-23T21:00Z`,
/// `2026-11-23T21:00:00.5+01:00`). The result is milliseconds since the epoch and may be negative; without a time of day it is
/// midnight UTC. Four digits are a year, more are seconds.
pub fn parse_date(text: &str) -> Option<i64> {
    if text.len() > 4 && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| digits(month, 2))?;
    let day = parts.next().map_or(Some(1), |day| digits(day, 2))?;
    let days = days_from_civil(year, month, day);
    // A day that does not exist comes back as another one.
    if civil_from_days(days) != (year, month, day) || time.is_some() && date.len() < 10 {
        return None;
    }
    Some(days * 86_400_000 + time.map_or(Some(0), time_of_day)?)
}

/// Milliseconds since midnight UTC of `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f` with its zone.
fn time_of_day(text: &str) -> Option<i64> {
    let (clock, zone) = text.split_at(text.find(['Z', '+', '-'])?);
    let mut parts = clock.splitn(3, ':');
    let (hours, minutes) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let seconds = parts.next().unwrap_or("00");
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let (seconds, milliseconds) = (digits(seconds, 2)?, thousandths(fraction)?);
    // 24:00 is the end of the day, :60 a leap second.
    if hours > 24 || minutes > 59 || seconds > 60 {
        return None;
    }
    let offset = match (zone, zone.get(1..)?.split_once(':')) {
        ("Z", _) => 0,
        (zone, Some((hours, minutes))) if !zone.starts_with('Z') => {
            let minutes = digits(hours, 2)? * 60 + digits(minutes, 2)?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
        _ => return None,
    };
    Some(((hours * 60 + minutes - offset) * 60 + seconds) * 1000 + milliseconds)
}

/// A number of just so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    let only_digits = text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    if only_digits { text.parse().ok() } else { None }
}

/// The first three digits behind a decimal point.
fn thousandths(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let three = fraction.bytes().chain(*b"00").take(3);
    Some(three.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1969-12-31T23:59:59Z", Some(-1000)),
            ("2013-06-30T00:00:00Z", Some(1_372_550_400_000)),
            ("2013-06-30", Some(1_372_550_400_000)),
            ("2013-06", Some(1_370_044_800_000)),
            ("2013", Some(1_356_998_400_000)),
            ("1372550400", Some(1_372_550_400_000)),
            ("2013-06-30T01:00+01:00", Some(1_372_550_400_000)),
            ("2013-06-29T23:00-01:00", Some(1_372_550_400_000)),
            ("2013-06-30T00:00:00.25Z", Some(1_372_550_400_250)),
            ("2013-06-30T00:00:00.123456Z", Some(1_372_550_400_123)),
            ("2016-02-29", Some(1_456_704_000_000)),
        ] {
            assert_eq!(parse_date(text), millis, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2013-13-30",
            "2013-02-29",
            "2013-06-31",
            "2013-6-3",
            "2013-06-30T00:00",
            "2013-06-30T",
            "2013T00:00Z",
            "2013-06-30T25:00Z",
            "2013-06-30T00:60Z",
            "2013-06-30T00:00:00.Z",
            "2013-06-30T00:00Zulu",
            "2013-06-30T00:00+1:00",
            "2013-*",
            "-1",
            "99999999999999999999",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_printed_to_the_second() {
        assert_eq!(UnixMillis(1_372_550_400_999).to_string(), "2013-06-30T00:00:00Z");
        assert_eq!(UnixMillis(0).to_string(), "1970-01-01T00:00:00Z");
    }
}
