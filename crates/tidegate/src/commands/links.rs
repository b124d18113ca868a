//! What each node has of its own in development mode - the links that it shapes, the changes that it holds back: asked of every node that is
//! concerned.

use std::process::ExitCode;

use clap::ArgMatches;
use prost_reflect::Value;

use super::{
    Failure, Globals, call,
    output::{for_programs, json},
    people, report,
    verbs::Verb,
};
use crate::profile;

/// Methods that each node answers for itself.
const OF_NODES: [&str; 9] = [
    "SetLink",
    "ListLinks",
    "ClearLinks",
    "SetPropagationModel",
    "FreezePropagation",
    "ThawPropagation",
    "HoldChange",
    "ReleaseChange",
    "ListHeldChanges",
];

/// Whether a verb is for every node.
pub(crate) fn is_about(verb: &Verb) -> bool {
    OF_NODES.iter().any(|m| verb.method.ends_with(&format!("/{m}")))
}

/// Asks the nodes that `--at` names, or else those of the region that sends, or else all. The exit code says whether all of them answered.
pub(crate) async fn run(
    verb: &Verb,
    said: &ArgMatches,
    globals: &Globals,
) -> Result<ExitCode, Failure> {
    let profile = profile::read(&globals.profile)?;
    let from = said.try_get_one::<String>("FROM").ok().flatten();
    let wanted = if globals.at.is_empty() { from.map_or("", String::as_str) } else { &globals.at };
    let narrow = ["FreezePropagation", "HoldChange"].iter().any(|m| verb.method.ends_with(m));
    if narrow && wanted.is_empty() {
        return Err(report::Usage("say where with --at NODE or --at REGION".to_owned()).into());
    }
    let (list, columns) = verb.list;
    let columns: Vec<&str> = ["node"].iter().chain(columns).copied().collect();
    let mut table = people::table(&columns);
    let (mut links, mut all_answered) = (Vec::new(), true);
    for endpoint in profile::endpoints(&profile, wanted)? {
        let answer = async {
            let client = profile::connect(&profile, &endpoint.node).await?;
            call::answer(&client, verb, said, globals).await
        };
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(error) => {
                let (text, code) = report::describe(&*error);
                if code == report::code::USAGE {
                    return Err(error);
                }
                eprint!("{}: {text}", endpoint.node);
                all_answered = false;
                continue;
            }
        };
        let Some(Value::List(items)) = answer.get_field_by_name(list).as_deref().cloned() else {
            eprintln!("{}: done", endpoint.node);
            continue;
        };
        for item in &items {
            let row = [vec![endpoint.node.clone()], people::row(item, verb.list.1)].concat();
            table.add_row(row);
            if let Value::Message(link) = item {
                let mut link = json(link)?;
                if let Some(fields) = link.as_object_mut() {
                    fields.insert("node".to_owned(), endpoint.node.clone().into());
                }
                links.push(link);
            }
        }
    }
    if !list.is_empty() && !for_programs(globals.output, &serde_json::json!({ list: links }))? {
        super::output::print(&people::lines(&table))?;
    }
    Ok(if all_answered { ExitCode::SUCCESS } else { ExitCode::from(report::code::ERROR) })
}
