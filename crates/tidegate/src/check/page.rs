//! What came of a check as one page that needs nothing else: the guarantees, the evidence, and a lane of time for each node.

use std::{fmt::Write as _, time::Duration};

use tidegate_history::{guarantee::Guarantee, log::Did};

use super::report::{Outcome, Verdict};

/// Width of the lanes, in pixels.
const WIDTH: f64 = 1_000.0;
/// Height of one lane.
const LANE: usize = 26;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2733;background:#fff}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #dde3ea;vertical-align:top}\
.held{color:#0b6b3a;font-weight:600}.broken{color:#b3261e;font-weight:600}.not{color:#6a7785}\
pre{background:#f4f6f8;padding:.6rem;white-space:pre-wrap;border-left:3px solid #b3261e}svg{width:100%;height:auto}code{background:#f4f6f8;padding:0 .2rem}\
@media(prefers-color-scheme:dark){body{background:#12181f;color:#dbe3ea}td,th{border-color:#2b3641}pre,code{background:#1b242d}.held{color:#5fd394}.broken{color:#ff8a80}svg text{fill:#dbe3ea}}";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "held",
        Verdict::Broken => "broken",
        Verdict::NotExercised => "not",
    }
}

/// Where a time is on the lanes.
fn x(outcome: &Outcome, time: Duration) -> f64 {
    let whole = outcome.log.events.last().map_or(outcome.duration, |e| e.end.max(outcome.duration));
    60.0 + time.as_secs_f64() / whole.as_secs_f64().max(0.001) * (WIDTH - 70.0)
}

/// One lane a node: faults as bars, the events of breaches as marks.
fn lanes(outcome: &Outcome) -> Result<String, std::fmt::Error> {
    let height = outcome.nodes.len() * LANE + 24;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"faults by node and time\">"
    );
    for (place, (number, name, region)) in outcome.nodes.iter().enumerate() {
        let y = place * LANE;
        write!(
            svg,
            "<text x=\"0\" y=\"{}\" font-size=\"12\">{}</text><rect x=\"60\" y=\"{}\" width=\"{}\" height=\"2\" fill=\"#b9c4cf\"><title>{}</title></rect>",
            y + 17,
            escaped(name),
            y + 12,
            WIDTH - 70.0,
            escaped(region)
        )?;
        for fault in outcome.faults.iter().filter(|f| f.nodes.contains(number)) {
            let colour = match fault.kind {
                super::nemesis::Kind::Kill => "#b3261e",
                super::nemesis::Kind::Pause => "#d98324",
                super::nemesis::Kind::Partition => "#5b4b9a",
                super::nemesis::Kind::Delay => "#2f7fb5",
            };
            let (from, to) = (x(outcome, fault.start), x(outcome, fault.end));
            write!(
                svg,
                "<rect x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"16\" fill=\"{colour}\" opacity=\".75\"><title>{}</title></rect>",
                y + 5,
                (to - from).max(2.0),
                escaped(&fault.what)
            )?;
        }
        let places = outcome.judgement.findings.iter().flat_map(|f| &f.evidence);
        for event in places.filter_map(|p| outcome.log.events.get(*p)) {
            if event.node == *number {
                let (at, sentence) = (x(outcome, event.end), outcome.log.sentence(event));
                write!(
                    svg,
                    "<circle cx=\"{at:.1}\" cy=\"{}\" r=\"4\" fill=\"#b3261e\" stroke=\"#fff\"><title>{}</title></circle>",
                    y + 13,
                    escaped(&sentence)
                )?;
            }
        }
    }
    let y = outcome.nodes.len() * LANE + 16;
    for share in 0..=4 {
        let time = outcome.duration.mul_f64(f64::from(share) / 4.0);
        write!(
            svg,
            "<text x=\"{:.1}\" y=\"{y}\" font-size=\"11\">{:.0} s</text>",
            x(outcome, time),
            time.as_secs_f64()
        )?;
    }
    Ok(svg + "</svg>")
}

fn guarantees(outcome: &Outcome) -> Result<String, std::fmt::Error> {
    let mut rows = String::new();
    for guarantee in Guarantee::ALL {
        let verdict = outcome.verdict(guarantee);
        write!(
            rows,
            "<tr><td class=\"{}\">{}</td><td><code>{}</code></td><td>{}",
            class(verdict),
            verdict.word(),
            guarantee.name(),
            escaped(guarantee.promise())
        )?;
        for finding in outcome.findings(guarantee).iter().take(3) {
            let lines = outcome.evidence(finding).join("\n");
            write!(rows, "<pre>{}\n{}</pre>", escaped(&finding.sentence), escaped(&lines))?;
        }
        write!(rows, "</td><td>{}</td></tr>", outcome.exercised(guarantee))?;
    }
    Ok(rows)
}

/// The page.
pub(crate) fn page(outcome: &Outcome) -> Result<String, std::fmt::Error> {
    let title = if outcome.broken() { "A guarantee was broken" } else { "No guarantee was broken" };
    let reads = outcome.log.events.iter().filter(|e| matches!(e.did, Did::Read { .. })).count();
    let writes = outcome.log.events.iter().filter(|e| matches!(e.did, Did::Wrote { .. })).count();
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
    );
    let converged = outcome.log.converged.map_or_else(
        || "The nodes did not become equal in time.".to_owned(),
        |after| format!("All nodes were equal {} ms after the last fault.", after.as_millis()),
    );
    write!(
        page,
        "<p>{} sessions for {} s at {} nodes: {writes} writes, {reads} reads, {} faults. {converged} Seed <code>{}</code>.</p>",
        outcome.clients,
        outcome.duration.as_secs(),
        outcome.nodes.len(),
        outcome.faults.len(),
        outcome.seed
    )?;
    write!(
        page,
        "<h2>Guarantees</h2><table><tr><th>Verdict</th><th>Name</th><th>Promise</th><th>Put to the test</th></tr>{}</table>",
        guarantees(outcome)?
    )?;
    write!(
        page,
        "<h2>Nodes and faults</h2><p>Red: killed. Orange: paused. Violet: cut off. Blue: slowed. Dots: evidence of a breach.</p>{}",
        lanes(outcome)?
    )?;
    write!(
        page,
        "<h2>Calls</h2><table><tr><th>Call</th><th>Answered</th><th>Refused or without an answer</th></tr>"
    )?;
    for (what, calls) in &outcome.calls {
        write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(what),
            calls.answered,
            calls.refused
        )?;
    }
    write!(page, "</table></html>")?;
    Ok(page)
}
