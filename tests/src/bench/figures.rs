//! Figures of a round, and of several.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tidegate_tests::Failure;

/// What one round gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Items a second.
    pub(crate) rate: f64,
    /// Median time of a call.
    pub(crate) p50: Duration,
    /// Its 99th percentile.
    pub(crate) p99: Duration,
}

/// The value below which a share of `sorted` lies. Zero when there is none.
pub(crate) fn percentile<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a rank in a list"
    )]
    let rank = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
    sorted.get(rank).copied().unwrap_or_default()
}

/// The least, the median and the most.
pub(crate) fn spread(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (percentile(&values, 0.0), percentile(&values, 0.5), percentile(&values, 1.0))
}

/// Runs `call` in `tasks` tasks for `time`. Each call counts for `items`.
pub(crate) async fn load<C, F>(
    tasks: usize,
    time: Duration,
    items: u32,
    make: impl Fn(usize) -> C,
) -> Result<Round, Failure>
where
    C: FnMut() -> F + Send + 'static,
    F: Future<Output = Result<(), Failure>> + Send,
{
    let stop = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let (mut call, stop) = (make(task), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut took = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let start = Instant::now();
                    call().await?;
                    took.push(start.elapsed());
                }
                Ok::<_, Failure>(took)
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for task in running {
        took.extend(task.await??);
    }
    let elapsed = start.elapsed();
    took.sort();
    let calls = u32::try_from(took.len())?;
    Ok(Round {
        rate: f64::from(calls) * f64::from(items) / elapsed.as_secs_f64(),
        p50: percentile(&took, 0.5),
        p99: percentile(&took, 0.99),
    })
}

/// Milliseconds, for a table.
pub(crate) fn millis(d: Duration) -> String {
    format!("{:.2} ms", d.as_secs_f64() * 1e3)
}

/// Prints rounds of two systems side by side: rates, their ratio round by round, and times of a call.
pub(crate) fn compare(what: &str, ours: &[Round], theirs: &[Round]) {
    let rate = |rounds: &[Round]| {
        let (least, median, most) = spread(rounds.iter().map(|r| r.rate));
        format!("{median:.0} ({least:.0} to {most:.0})")
    };
    let (least, median, most) = spread(ours.iter().zip(theirs).map(|(o, t)| o.rate / t.rate));
    let time = |rounds: &[Round], of: fn(&Round) -> Duration| {
        let (_, median, _) = spread(rounds.iter().map(|r| of(r).as_secs_f64()));
        millis(Duration::from_secs_f64(median))
    };
    println!(
        "| {what} | {} | {} | **{median:.2}** ({least:.2} to {most:.2}) | {} / {} | {} / {} |",
        rate(ours),
        rate(theirs),
        time(ours, |r| r.p50),
        time(ours, |r| r.p99),
        time(theirs, |r| r.p50),
        time(theirs, |r| r.p99),
    );
}
