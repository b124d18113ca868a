//! `tidegate policy check|lint|explain|simulate|context-keys|compare|who-can|what-can|external|test`: policies in files, judged here. No
//! cluster, no credentials.

mod account;
mod check;
mod compare;
mod decide;
mod explain;
mod external;
mod files;
mod lint;
mod question;
mod simulate;
mod test;
mod what_can;
mod who_can;

use std::process::ExitCode;

use clap::{ArgMatches, FromArgMatches, Subcommand};
use tidegate_policy::PolicyKind;

use super::{Failure, Globals, report::Usage, verbs};

/// What can be done with policies in files.
#[derive(Debug, Subcommand)]
enum Command {
    /// Reads policies in files and says where one is wrong: exit code 1. Needs no cluster.
    Check(check::Args),
    /// Advises on policies in files or folders, or on all of an account, and mends them: exit code 1 where one fails. Needs no cluster.
    Lint(lint::Args),
    /// Decides on policies in files and says why: exit code 0 allows, 2 denies. Needs no cluster.
    Explain(explain::ExplainArgs),
    /// Decides each action with each resource on policies in files, as AWS's policy simulator does: exit code 2 where one is denied.
    /// Needs no cluster.
    Simulate(simulate::Args),
    /// Names the condition keys that policies in files ask for. Needs no cluster.
    ContextKeys(simulate::KeysArgs),
    /// Compares two versions of a policy or of an account, with a request that shows each difference. Needs no cluster.
    Compare(compare::Args),
    /// Who of an account may take an action, and who besides: exit code 2 where nobody may. Needs no cluster.
    WhoCan(who_can::Args),
    /// What a member of an account may do by its own policies. Needs no cluster.
    WhatCan(what_can::Args),
    /// Who from outside an account or organization gets at resources. Needs no cluster.
    External(external::Args),
    /// Runs files of cases, which docs/policy-tests.md explains: exit code 1 where one fails. Needs no cluster.
    Test(test::Args),
}

/// A kind of policy as the command line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// Of a user, group or role.
    Identity,
    /// Of a resource.
    Resource,
    /// Of a role: who may assume it.
    Trust,
    /// A permissions boundary.
    Boundary,
    /// Of a session.
    Session,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
}

impl From<Kind> for PolicyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Identity => Self::Identity,
            Kind::Resource => Self::Resource,
            Kind::Trust => Self::Trust,
            Kind::Boundary => Self::Boundary,
            Kind::Session => Self::Session,
            Kind::Scp => Self::ServiceControl,
            Kind::Rcp => Self::ResourceControl,
        }
    }
}

/// Puts these commands beside those on the cluster's managed policies.
pub(crate) fn beside(command: clap::Command) -> clap::Command {
    let about = command.get_about().cloned().unwrap_or_default();
    Command::augment_subcommands(command).about(about)
}

/// Whether one of these commands was asked for, and what was said to it.
pub(crate) fn asked(matches: &ArgMatches) -> Option<&ArgMatches> {
    let policy = matches.subcommand_matches("policy")?;
    verbs::asked(matches).is_none().then_some(policy)
}

/// Runs one.
pub(crate) fn run(matches: &ArgMatches, globals: &Globals) -> Result<ExitCode, Failure> {
    let command = Command::from_arg_matches(matches)?;
    // Only what changes files can be tried.
    let tries = matches!(&command, Command::Lint(args) if args.fix);
    for (given, option) in [
        (!globals.at.is_empty(), "--at"),
        (globals.consistency.0.is_some(), "--consistency"),
        (globals.wait.is_some(), "--wait"),
        (globals.dry_run && !tries, "--dry-run"),
        (globals.request_id.is_some(), "--request-id"),
        (globals.save_profile.is_some(), "--save-profile"),
    ] {
        if given {
            let what = format!("this command asks no cluster and takes no {option}");
            return Err(Usage(what).into());
        }
    }
    match command {
        Command::Check(args) => check::run(&args, globals.output),
        Command::Lint(args) => lint::run(&args, globals),
        Command::Explain(args) => explain::run(&args, globals.output),
        Command::Simulate(args) => simulate::run(&args, globals.output),
        Command::ContextKeys(args) => simulate::keys(&args, globals.output),
        Command::Compare(args) => compare::run(&args, globals.output),
        Command::WhoCan(args) => who_can::run(&args, globals.output),
        Command::WhatCan(args) => what_can::run(&args, globals.output),
        Command::External(args) => external::run(&args, globals.output),
        Command::Test(args) => test::run(&args, globals.output),
    }
}
