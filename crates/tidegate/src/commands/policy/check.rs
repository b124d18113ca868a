//! `tidegate policy check`: whether policies can be read, and where not.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use serde_json::json;
use tidegate_policy::{PolicyError, cases};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
    },
    Kind, files,
};

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files with a policy each, JSON or YAML; - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What kind of policy; what it looks like by default.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
}

/// Reads every file.
pub(crate) fn run(args: &Args, format: Format) -> Result<ExitCode, Failure> {
    let (mut text, mut answers, mut all_read) = (String::new(), Vec::new(), true);
    for path in &args.files {
        let name = files::name(path);
        let policy =
            cases::policy_text(&files::read(path)?).map_err(|e| format!("`{name}`: {e}"))?;
        match files::parse(&policy, args.kind.map(Into::into)) {
            Ok(document) => {
                let (statements, characters) =
                    (document.statements().len(), document.counted_size());
                let written = files::count(statements, "statement", "statements");
                writeln!(
                    text,
                    "{name}: well formed, {written}, {characters} characters without white space"
                )?;
                answers.push(json!({
                    "file": name, "well_formed": true, "statements": statements, "characters": characters,
                }));
            }
            Err(error) => {
                all_read = false;
                text += &pointed(&name, &policy, &error);
                answers.push(json!({
                    "file": name, "well_formed": false, "line": error.line(), "column": error.column(),
                    "expected": error.expected(), "found": error.found(),
                }));
            }
        }
    }
    if !for_programs(format, &answers.into())? {
        print(&text)?;
    }
    Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Most characters of a line that are shown, around the place.
const SHOWN_MAX: usize = 100;

/// An error with its line and a caret below its column.
fn pointed(name: &str, text: &str, error: &PolicyError) -> String {
    let (line, column) = (error.line(), error.column());
    let written = text.lines().nth(line - 1).unwrap_or_default();
    let skipped = column.saturating_sub(SHOWN_MAX / 2);
    let shown: String = written.chars().skip(skipped).take(SHOWN_MAX).collect();
    // What the line has before the caret keeps its tabs, so that the caret stands right.
    let before: String = shown
        .chars()
        .take(column - 1 - skipped)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    format!(
        "{name}:{line}:{column}: expected {}, found {}\n{margin} |\n{number} | {shown}\n{margin} | {before}^\n",
        error.expected(),
        error.found()
    )
}

#[cfg(test)]
mod tests {
    use tidegate_policy::{PolicyDocument, PolicyKind};

    use super::*;

    fn pointed_at(text: &str) -> String {
        pointed("p.json", text, &PolicyDocument::parse(text, PolicyKind::Identity).unwrap_err())
    }

    #[test]
    fn the_caret_stands_below_the_mistake() {
        assert_eq!(
            pointed_at("{\n\t\"Statement\": {\"Effect\": \"allow\"}\n}"),
            "p.json:2:26: expected `Allow` or `Deny`, found `allow`\n  |\n2 | \t\"Statement\": {\"Effect\": \"allow\"}\n  | \t                        ^\n"
        );
        assert_eq!(
            pointed_at("{"),
            "p.json:1:2: expected a key in double quotes, found the end of the document\n  |\n1 | {\n  |  ^\n"
        );
        assert!(pointed_at("").starts_with("p.json:1:1: expected"));
    }

    #[test]
    fn of_a_long_line_only_the_place_is_shown() {
        let text =
            format!("{{\"Statement\": {{\"Sid\": \"{}\", \"Effect\": 1}}}}", "a".repeat(500));
        let lines: Vec<String> = pointed_at(&text).lines().map(str::to_owned).collect();
        assert!(lines[2].contains("\"Effect\": 1}}") && lines[2].len() < 120, "{lines:?}");
        let caret = lines[3].find('^').unwrap();
        assert_eq!(lines[2].get(caret..=caret), Some("1"));
    }
}
