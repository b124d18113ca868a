//! Reports as `JUnit` XML, which every runner of continuous integration reads.

use core::fmt::Write as _;

use super::report::{CaseResult, Report, Verdict};

/// The reports as one document of `JUnit`: a suite a file, a test case a case. Known failures are skipped tests.
///
/// There are no times in it: running is pure and reads no clock.
pub fn junit(reports: &[Report]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let count = |what: fn(&Report) -> usize| reports.iter().map(what).sum::<usize>();
    let (tests, failures) = (count(|r| r.results.len()), count(|r| r.failed().count()));
    line(&mut out, format_args!("<testsuites tests=\"{tests}\" failures=\"{failures}\">"));
    for report in reports {
        let (tests, failures) = (report.results.len(), report.failed().count());
        let (skipped, name) = (report.known().count(), escaped(&report.file));
        line(
            &mut out,
            format_args!(
                "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\">"
            ),
        );
        for result in &report.results {
            test_case(&mut out, &report.file, result);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn test_case(out: &mut String, file: &str, result: &CaseResult) {
    // What stands behind a dot is taken for a type of file, and dots separate packages.
    let class = file.trim_end_matches(".yaml").trim_end_matches(".yml").replace('/', ".");
    let (class, name) = (escaped(&class), escaped(&result.name));
    let start = format!("    <testcase classname=\"{class}\" name=\"{name}\"");
    match &result.verdict {
        Verdict::Passed => line(out, format_args!("{start}/>")),
        Verdict::Known { reason, .. } => {
            let reason = escaped(reason);
            line(
                out,
                format_args!("{start}>\n      <skipped message=\"{reason}\"/>\n    </testcase>"),
            );
        }
        Verdict::Failed { mismatches } => {
            let message = mismatches
                .first()
                .map(|m| format!("{}: expected {}, actual {}", m.about, m.expected, m.actual));
            let message = escaped(&message.unwrap_or_default());
            let text = escaped(&result.to_string());
            line(
                out,
                format_args!(
                    "{start}>\n      <failure message=\"{message}\">{text}</failure>\n    </testcase>"
                ),
            );
        }
    }
}

fn line(out: &mut String, text: core::fmt::Arguments<'_>) {
    // Writing into a text can't fail.
    let _ = writeln!(out, "{text}");
}

/// Text as it may stand in an element or in a quoted attribute. XML 1.0 knows no other control characters than these three, not
/// even escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Attributes turn them into spaces unless they are escaped.
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
