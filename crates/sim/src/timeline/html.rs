//! A timeline as one page of HTML with its drawing inside: a lane for each node, nothing loaded from anywhere.

use std::{fmt::Write as _, time::Duration};

use super::Timeline;

/// Left of the lanes stand their names.
const LEFT: f64 = 90.0;
/// Width of the lanes.
const WIDTH: f64 = 1_500.0;
/// Height of a lane.
const LANE: f64 = 34.0;
/// Above the lanes stands the scale.
const TOP: f64 = 40.0;

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:1.5em;color:#1d2733;background:#fbfcfd}\
svg{background:#fff;border:1px solid #d5dde5;max-width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#1d2733}\
.grid{stroke:#e8edf2}.lane{stroke:#d5dde5}.bar{opacity:.35}pre{background:#fff;border:1px solid #d5dde5;padding:1em;overflow:auto;max-height:60vh}";

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The colour of a sort of thing.
fn colour(kind: &str) -> &'static str {
    match kind {
        "violation" => "#c1121f",
        "alarm" => "#e36414",
        "publish" | "read" => "#2a9d8f",
        "write" => "#1d4ed8",
        "start" | "leader" => "#4361ee",
        "stop" | "crash" | "crash-region" | "gone" | "wipe" | "disk-fails" => "#33415c",
        "whole" => "#9d4edd",
        "storm" | "hold" | "slow" | "slow-disk" => "#f4a261",
        _ => "#8d99ae",
    }
}

impl Timeline {
    /// The page.
    pub fn html(&self) -> String {
        let lanes = self.lanes();
        let ends = self.bars.iter().map(|b| b.end).chain(self.marks.iter().map(|m| m.at));
        let end = ends.max().unwrap_or_default().max(Duration::from_millis(1)).as_secs_f64();
        let x = |at: Duration| LEFT + at.as_secs_f64() / end * WIDTH;
        let y = |lane: &str| {
            let place = lanes.iter().position(|l| *l == lane).unwrap_or(0);
            TOP + LANE * f64::from(u32::try_from(place).unwrap_or(0))
        };
        let height = TOP + LANE * f64::from(u32::try_from(lanes.len()).unwrap_or(0)) + 10.0;
        let mut svg = String::new();
        let mut draw = |part: std::fmt::Arguments<'_>| {
            let written = svg.write_fmt(part);
            debug_assert!(written.is_ok(), "a text takes everything");
        };
        for n in 0..=10_u32 {
            let at = end * f64::from(n) / 10.0;
            let at_x = LEFT + WIDTH * f64::from(n) / 10.0;
            draw(format_args!(
                "<line class=\"grid\" x1=\"{at_x:.1}\" x2=\"{at_x:.1}\" y1=\"{TOP}\" y2=\"{height}\"/><text x=\"{at_x:.1}\" y=\"26\" text-anchor=\"middle\">{at:.2} s</text>"
            ));
        }
        for lane in &lanes {
            let (top, middle) = (y(lane), y(lane) + LANE / 2.0);
            draw(format_args!(
                "<line class=\"lane\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{middle}\" y2=\"{middle}\"/><text x=\"8\" y=\"{:.1}\">{}</text>",
                LEFT + WIDTH,
                top + LANE / 2.0 + 4.0,
                escape(lane)
            ));
        }
        for bar in &self.bars {
            let (from, to) = (x(bar.start), x(bar.end));
            draw(format_args!(
                "<rect class=\"bar\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"><title>{}</title></rect>",
                y(&bar.lane) + 3.0,
                (to - from).max(1.5),
                LANE - 6.0,
                colour(bar.kind),
                escape(&bar.label)
            ));
        }
        for mark in &self.marks {
            let size = if mark.kind == "violation" { 7.0 } else { 3.0 };
            draw(format_args!(
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"{size}\" fill=\"{}\"><title>{} {}</title></circle>",
                x(mark.at),
                y(&mark.lane) + LANE / 2.0,
                colour(mark.kind),
                mark.kind,
                escape(&mark.label)
            ));
        }
        let title = escape(&self.title);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1><p>A lane for each node; point at a thing to read what it is.</p><svg viewBox=\"0 0 {:.0} {height:.0}\" width=\"{:.0}\" height=\"{height:.0}\">{svg}</svg><h2>As text</h2><pre>{}</pre></body></html>\n",
            LEFT + WIDTH + 30.0,
            LEFT + WIDTH + 30.0,
            escape(&self.text())
        )
    }
}
