//! `tidegate policy lint`: advice on policies in files and folders.

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;
use tidegate_policy::{LintLevel, cases, lint};

use super::{
    super::{
        Failure,
        output::{Format, for_programs, print},
        people,
    },
    Kind, files,
};

/// What to advise on.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files with a policy each, and folders with such files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What kind of policy; what it looks like by default.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// The least that gives exit code 1.
    #[arg(long, value_enum, default_value = "error", value_name = "LEVEL")]
    fail_on: Level,
}

/// How bad a finding is. The order is that of `LintLevel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Level {
    /// It does not do what it says.
    Error,
    /// It lets in more than is usually meant.
    SecurityWarning,
    /// It is probably not meant.
    Warning,
    /// It could be shorter or clearer.
    Suggestion,
}

impl From<Level> for LintLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::SecurityWarning => Self::SecurityWarning,
            Level::Warning => Self::Warning,
            Level::Suggestion => Self::Suggestion,
        }
    }
}

/// One piece of advice.
struct Advice {
    file: String,
    line: usize,
    column: usize,
    level: LintLevel,
    code: String,
    about: String,
}

/// Advises on every policy. One that can't be read is an error among the findings.
pub(crate) fn run(args: &Args, format: Format) -> Result<ExitCode, Failure> {
    let found = files::find(&args.paths, "a policy", |_, text| text.contains("Statement"))?;
    let mut all = Vec::new();
    for (path, text) in &found {
        let file = files::name(path);
        let policy = cases::policy_text(text).map_err(|e| format!("`{file}`: {e}"))?;
        match files::parse(&policy, args.kind.map(Into::into)) {
            Ok(document) => all.extend(lint(&document).into_iter().map(|finding| Advice {
                file: file.clone(),
                line: finding.line,
                column: finding.column,
                level: finding.code.level(),
                code: finding.code.to_string(),
                about: finding.subject.to_string(),
            })),
            Err(error) => all.push(Advice {
                file,
                line: error.line(),
                column: error.column(),
                level: LintLevel::Error,
                code: error.code().to_owned(),
                about: format!("expected {}, found {}", error.expected(), error.found()),
            }),
        }
    }
    let value = |advice: &Advice| {
        json!({
            "file": advice.file, "line": advice.line, "column": advice.column,
            "level": advice.level.to_string(), "code": advice.code, "about": advice.about,
        })
    };
    if !for_programs(format, &all.iter().map(value).collect())? {
        print(&table(&all, found.len()))?;
    }
    let worst_allowed = LintLevel::from(args.fail_on);
    let fails = all.iter().any(|advice| advice.level <= worst_allowed);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn table(all: &[Advice], policies: usize) -> String {
    if all.is_empty() {
        return format!("nothing to say about {}\n", files::count(policies, "policy", "policies"));
    }
    let mut table = people::table(&["place", "level", "code", "about"]);
    for advice in all {
        table.add_row([
            format!("{}:{}:{}", advice.file, advice.line, advice.column),
            advice.level.to_string(),
            advice.code.clone(),
            advice.about.clone(),
        ]);
    }
    people::lines(&table)
}
