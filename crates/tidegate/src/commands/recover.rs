//! `tidegate cluster recover`: says what a recovery would do and may lose, and does it where it is told to.

use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::Value;

use super::{
    Failure, Globals, call, connect,
    output::{for_programs, json, print},
    people::{lines, table},
    report::Usage,
    verbs::Verb,
};

/// Whether a verb is the one.
pub(crate) fn is_about(verb: &Verb) -> bool {
    verb.method.ends_with("/RecoverCluster")
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(words).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn for_people(answer: &Value) -> String {
    let columns = ["group", "generation", "base", "seed", "source", "lost_voters"];
    let mut groups = table(&columns);
    let list = |name: &str| answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for group in list("groups") {
        groups.add_row(columns.map(|c| group.get(c).map(words).unwrap_or_default()));
    }
    let done = answer.get("done").and_then(Value::as_bool).unwrap_or_default();
    let head = if done { "These groups go on" } else { "These groups would go on" };
    let mut text = format!("{head} behind their base:\n{}", lines(&groups));
    let lost: Vec<String> = list("lost").iter().map(|n| format!("n{}", words(n))).collect();
    if !lost.is_empty() {
        let evicted = if done { "Evicted" } else { "To be evicted" };
        text.push_str(evicted);
        text.push_str(": ");
        text.push_str(&lost.join(" "));
        text.push('\n');
    }
    text += if done { "What may be lost:\n" } else { "What may be lost, for good:\n" };
    for loss in list("losses") {
        text.push_str("- ");
        text.push_str(&words(&loss));
        text.push('\n');
    }
    if !done {
        text += "Nothing was changed. Start every node again that can be started, and only then add --yes.\n";
    }
    text
}

/// Asks, and prints what there is to say.
pub(crate) async fn run(
    verb: &Verb,
    said: &ArgMatches,
    globals: &Globals,
) -> Result<ExitCode, Failure> {
    if globals.dry_run && said.get_flag("yes") {
        return Err(Usage("--dry-run and --yes contradict each other".to_owned()).into());
    }
    let client = connect(globals).await?;
    // Without --yes it changes nothing.
    let answer = json(&call::answer(&client, verb, said, globals).await?)?;
    if !for_programs(globals.output, &answer)? {
        print(&for_people(&answer))?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_lost_is_said_before_and_after() {
        let mut answer = serde_json::json!({
            "groups": [{"group": 1, "generation": 0, "base": 40, "seed": 3, "source": "log", "lost_voters": [1, 2]}],
            "lost": [1, 2], "losses": ["all hope"], "done": false,
        });
        let text = for_people(&answer);
        for part in ["would go on", "To be evicted: n1 n2", "- all hope", "Nothing was changed"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        answer["done"] = true.into();
        let text = for_people(&answer);
        assert!(text.contains("Evicted: n1 n2") && !text.contains("Nothing was changed"), "{text}");
    }
}
