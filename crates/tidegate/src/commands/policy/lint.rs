//! `tidegate policy lint`: advice on policies in files and folders and on all policies of an account, and the changes that it suggests.

mod account;
mod diff;
mod report;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use tidegate_policy::{Amendment, Finding, LintLevel, PolicyKind, cases, lint_text, mend};

use super::{
    super::{
        Failure, Globals,
        output::{for_programs, print},
        report::Usage,
    },
    Kind, files,
};

/// What to advise on.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files with a policy each, folders with such files, and answers of AWS's `GetAccountAuthorizationDetails`; - for standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What kind of policy; what it looks like by default.
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// The least that gives exit code 1.
    #[arg(long, value_enum, default_value = "error", value_name = "LEVEL")]
    fail_on: Level,
    /// Makes the changes that the advice suggests, in the files. Says which of them change what a policy decides. With --dry-run it
    /// shows them instead, and gives exit code 1 where there are any.
    #[arg(long)]
    pub(super) fix: bool,
    /// Writes the results as `JUnit` XML too: a policy fails that has a finding of the level.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
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

/// What came of a policy, or of a file that holds none.
#[derive(Debug, Default)]
struct Looked {
    file: String,
    /// Which policy of the file; empty where it holds one.
    policy: String,
    findings: Vec<Finding>,
    amendments: Vec<Amendment>,
    /// The changes as a diff, where they were not made.
    diff: String,
    /// Why nothing could be said.
    unreadable: Option<String>,
}

impl Looked {
    fn fails(&self, on: LintLevel) -> bool {
        self.unreadable.is_some() || self.findings.iter().any(|f| f.code.level() <= on)
    }
}

/// Advises on every policy. One that can't be read is an error among the findings.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Failure> {
    if args.fix && args.paths.iter().any(|path| path == Path::new("-")) {
        return Err(Usage("standard input can't be mended in its place".to_owned()).into());
    }
    let kind = args.kind.map(PolicyKind::from);
    let holds_policies = |_: &Path, text: &str| text.contains("Statement") || account::is_one(text);
    let mut all = Vec::new();
    for (path, text) in files::find_each(&args.paths, "a policy", holds_policies)? {
        let file = files::name(&path);
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                let why = std::error::Error::source(&error).map(|why| format!(": {why}"));
                let unreadable = Some(format!("{error}{}", why.unwrap_or_default()));
                all.push(Looked { file, unreadable, ..Looked::default() });
                continue;
            }
        };
        match account::policies(&text) {
            Some(Ok(held)) => all.extend(held.into_iter().map(|held| Looked {
                file: file.clone(),
                findings: lint_text(&held.text, held.kind),
                policy: held.name,
                ..Looked::default()
            })),
            Some(Err(why)) => {
                let unreadable = Some(format!("`{file}` is no account: {why}"));
                all.push(Looked { file, unreadable, ..Looked::default() });
            }
            None => all.push(look(&path, file, &text, kind, args.fix, globals.dry_run)),
        }
    }
    if let Some(path) = &args.junit {
        fs::write(path, report::junit(&all, args.fail_on.into()))
            .map_err(|e| format!("`{}` can't be written: {e}", path.display()))?;
    }
    if !for_programs(globals.output, &report::for_programs(&all))? {
        print(&report::for_people(&all))?;
    }
    let fails = |looked: &Looked| {
        looked.fails(args.fail_on.into()) || globals.dry_run && !looked.amendments.is_empty()
    };
    Ok(if all.iter().any(fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Looks at the policy of a file, and mends it where that is asked for.
fn look(
    path: &Path,
    file: String,
    text: &str,
    kind: Option<PolicyKind>,
    fix: bool,
    dry_run: bool,
) -> Looked {
    let policy = match cases::policy_text(text) {
        Ok(policy) => policy,
        Err(why) => {
            let unreadable = Some(format!("`{file}` holds no policy: {why}"));
            return Looked { file, unreadable, ..Looked::default() };
        }
    };
    let kind = kind.unwrap_or_else(|| files::likely_kind(&policy));
    // YAML stays as it is: the places of findings are those of the JSON that it stands for.
    if !fix || policy != text {
        return Looked { file, findings: lint_text(&policy, kind), ..Looked::default() };
    }
    let mended = mend(text, kind);
    let findings = lint_text(&mended.text, kind);
    let mut looked = Looked { file, findings, amendments: mended.amendments, ..Looked::default() };
    if looked.amendments.is_empty() {
        return looked;
    }
    if dry_run {
        looked.diff = diff::unified(&looked.file, text, &mended.text);
    } else if let Err(why) = fs::write(path, &mended.text) {
        let unreadable = Some(format!("`{}` can't be written: {why}", looked.file));
        return Looked { file: looked.file, unreadable, ..Looked::default() };
    }
    looked
}
