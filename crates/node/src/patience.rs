//! How long a call may wait: what its caller gives it, less what the answer needs for its way back, and never longer than the node allows.
//!
//! A call that is given up by its transport ends without a reason. So whoever waits gives up a little earlier and says what it was
//! waiting for.

use core::{future::Future, time::Duration};

/// Most that is kept for the way back.
const WAY_BACK_MAX: Duration = Duration::from_millis(500);

tokio::task_local! {
    /// When the call must be answered, on the platform's monotonic clock.
    static END: Duration;
}

/// Runs a call that has to be answered within the time of its `grpc-timeout` header, if it has one. `now` is monotonic.
pub(crate) async fn within<F: Future>(header: Option<&str>, now: Duration, call: F) -> F::Output {
    match header.and_then(parse) {
        Some(timeout) => END.scope(now + usable(timeout), call).await,
        None => call.await,
    }
}

/// How long the present call may still wait, at most `longest`.
pub(crate) fn left(now: Duration, longest: Duration) -> Duration {
    END.try_with(|end| end.saturating_sub(now)).unwrap_or(longest).min(longest)
}

/// What of a caller's time may be spent waiting.
fn usable(timeout: Duration) -> Duration {
    timeout.saturating_sub((timeout / 8).min(WAY_BACK_MAX))
}

/// Reads the header as the gRPC specification has it: at most eight digits and a unit.
fn parse(header: &str) -> Option<Duration> {
    let unit = header.chars().last()?;
    let digits = header.get(..header.len() - unit.len_utf8())?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(n * 3_600),
        'M' => Duration::from_secs(n * 60),
        'S' => Duration::from_secs(n),
        'm' => Duration::from_millis(n),
        'u' => Duration::from_micros(n),
        'n' => Duration::from_nanos(n),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_specified() {
        assert_eq!(parse("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        for wrong in ["", "S", "5", "5s", "-5S", "123456789n", "5é"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_call_gives_up_before_its_caller_and_never_waits_longer_than_allowed() {
        let (now, longest) = (Duration::from_secs(100), Duration::from_secs(30));
        let asked = |header| within(header, now, async move { left(now, longest) });
        assert_eq!(asked(None).await, longest);
        assert_eq!(asked(Some("8S")).await, Duration::from_millis(7_500));
        assert_eq!(asked(Some("80m")).await, Duration::from_millis(70));
        assert_eq!(asked(Some("1H")).await, longest);
        let late = within(Some("8S"), now, async move { left(now * 2, longest) });
        assert_eq!(late.await, Duration::ZERO);
    }
}
