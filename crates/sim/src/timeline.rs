//! What happened when, for a person: as text, and as one page that needs nothing else.

mod html;

use std::{fmt::Write as _, time::Duration};

/// Something that lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// In which lane.
    pub lane: String,
    /// From when.
    pub start: Duration,
    /// Until when.
    pub end: Duration,
    /// What sort of thing: a word, by which it is coloured.
    pub kind: &'static str,
    /// What it was.
    pub label: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// In which lane.
    pub lane: String,
    /// When.
    pub at: Duration,
    /// What sort of thing.
    pub kind: &'static str,
    /// What it was.
    pub label: String,
}

/// Lanes of things that lasted and of things that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// What the page is called.
    pub title: String,
    bars: Vec<Bar>,
    marks: Vec<Mark>,
}

/// The number in a name and what stands before it, so that n10 comes behind n9.
fn by_number(lane: &str) -> (String, u64) {
    let digits = lane.trim_start_matches(|c: char| !c.is_ascii_digit());
    let word = lane.get(..lane.len() - digits.len()).unwrap_or_default();
    (word.to_owned(), digits.parse().unwrap_or(0))
}

impl Timeline {
    /// Notes something that lasted.
    pub fn bar(
        &mut self,
        lane: &str,
        start: Duration,
        end: Duration,
        kind: &'static str,
        label: String,
    ) {
        self.bars.push(Bar { lane: lane.to_owned(), start, end, kind, label });
    }

    /// Notes something that happened.
    pub fn mark(&mut self, lane: &str, at: Duration, kind: &'static str, label: String) {
        self.marks.push(Mark { lane: lane.to_owned(), at, kind, label });
    }

    /// The lanes, in order.
    fn lanes(&self) -> Vec<&str> {
        let mut lanes: Vec<&str> = self
            .bars
            .iter()
            .map(|b| b.lane.as_str())
            .chain(self.marks.iter().map(|m| m.lane.as_str()))
            .collect();
        lanes.sort_by_key(|lane| by_number(lane));
        lanes.dedup();
        lanes
    }

    /// One line for each beginning, each end and each happening.
    pub fn text(&self) -> String {
        let mut lines: Vec<(Duration, String)> = Vec::new();
        for bar in &self.bars {
            lines.push((bar.start, format!("{}: {} begins", bar.lane, bar.label)));
            lines.push((bar.end, format!("{}: {} ends", bar.lane, bar.label)));
        }
        for mark in &self.marks {
            lines.push((mark.at, format!("{}: {} {}", mark.lane, mark.kind, mark.label)));
        }
        lines.sort_by_key(|(at, _)| *at);
        let mut text = String::new();
        for (at, line) in lines {
            let written = writeln!(text, "{:>10.3} s  {line}", at.as_secs_f64());
            debug_assert!(written.is_ok(), "a text takes every line");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline() -> Timeline {
        let mut timeline = Timeline { title: "seed 1".to_owned(), ..Timeline::default() };
        let at = Duration::from_millis;
        timeline.bar("n10", at(100), at(900), "pause", "a <pause>".to_owned());
        timeline.mark("n9", at(500), "publish", "g1.0:4".to_owned());
        timeline.mark("all", at(700), "violation", "n9 & n10".to_owned());
        timeline
    }

    #[test]
    fn the_text_is_in_order_of_time() {
        let text = timeline().text();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert_eq!(
            lines,
            [
                "0.100 s  n10: a <pause> begins",
                "0.500 s  n9: publish g1.0:4",
                "0.700 s  all: violation n9 & n10",
                "0.900 s  n10: a <pause> ends",
            ]
        );
    }

    #[test]
    fn the_page_has_a_lane_for_each_node_and_needs_nothing_else() {
        let page = timeline().html();
        let [all, nine, ten] =
            ["all", "n9", "n10"].map(|lane| page.find(&format!(">{lane}</text>")));
        assert!(all < nine && nine < ten && all.is_some(), "{all:?} {nine:?} {ten:?}");
        assert!(page.contains("a &lt;pause&gt;") && page.contains("n9 &amp; n10"));
        for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
