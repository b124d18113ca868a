//! `tidegate cluster recover`: says what a recovery would do and may lose, and does it where it is told to.

use std::{
    fs,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use clap::ArgMatches;
use prost::Message;
use prost_reflect::{DynamicMessage, Value as Field};
use serde_json::Value;
use tidegate_authn::{RECOVERY_PURPOSE, RecoveryKey};
use tidegate_proto::membership::v1::{
    GroupRecovery, OrderedGroup, RecoverClusterResponse, RecoveryOrder,
};

use super::{
    Failure, Globals, call, connect,
    output::{for_programs, json, print},
    people::{lines, table},
    report::Usage,
    verbs::Verb,
};

/// How long the nodes take an order for one.
const ORDER_GOOD: Duration = Duration::from_hours(1);

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
        text += "Nothing was changed. Start every node again that can be started, and only then add --yes";
        let wanted = answer.get("needs_order").and_then(Value::as_bool).unwrap_or_default();
        text += if wanted { " and --recovery-key FILE.\n" } else { ".\n" };
    }
    text
}

fn read_key(path: &str) -> Result<RecoveryKey, Failure> {
    let text = fs::read_to_string(path).map_err(|e| format!("`{path}` can't be read: {e}"))?;
    RecoveryKey::from_pem(&text).map_err(|e| format!("`{path}` can't be used: {e}").into())
}

/// The voters that a request names.
fn voters(request: &DynamicMessage) -> Vec<u64> {
    let voters = request.get_field_by_name("voters");
    let voters = voters.as_deref().and_then(Field::as_list).unwrap_or_default();
    voters.iter().filter_map(Field::as_u64).collect()
}

/// The order to do what a plan says, with its signature.
fn sign(
    key: &RecoveryKey,
    plan: &RecoverClusterResponse,
    voters: Vec<u64>,
    now: SystemTime,
) -> (Bytes, Bytes) {
    let group = |g: &GroupRecovery| OrderedGroup {
        group: g.group,
        generation: g.generation,
        seeds: vec![g.seed, g.otherwise],
    };
    let until = (now + ORDER_GOOD).duration_since(UNIX_EPOCH).unwrap_or_default();
    let order = RecoveryOrder {
        cluster_id: plan.cluster_id.clone(),
        voters,
        groups: plan.groups.iter().map(group).collect(),
        not_after_ms: u64::try_from(until.as_millis()).unwrap_or_default(),
    };
    let order = order.encode_to_vec();
    let signature = key.sign(RECOVERY_PURPOSE, &[&order]);
    (order.into(), Bytes::copy_from_slice(&signature))
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
    let key = said.get_one::<String>("recovery-key").map(|path| read_key(path)).transpose()?;
    let client = connect(globals).await?;
    // Without --yes it changes nothing.
    let answer = match key.filter(|_| said.get_flag("yes")) {
        None => call::answer(&client, verb, said, globals).await?,
        Some(key) => {
            // What is allowed is what is planned now.
            let plan = call::altered(&client, verb, said, globals, |request| {
                request.clear_field_by_name("execute");
            });
            let plan = RecoverClusterResponse::decode(plan.await?.encode_to_vec().as_slice())?;
            let done = call::altered(&client, verb, said, globals, |request| {
                let (order, signature) = sign(&key, &plan, voters(request), SystemTime::now());
                request.set_field_by_name("order", Field::Bytes(order));
                request.set_field_by_name("order_signature", Field::Bytes(signature));
            });
            done.await?
        }
    };
    let answer = json(&answer)?;
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
        assert!(!text.contains("--recovery-key"), "{text}");
        answer["needs_order"] = true.into();
        assert!(for_people(&answer).contains("--yes and --recovery-key FILE."));
        answer["done"] = true.into();
        let text = for_people(&answer);
        assert!(text.contains("Evicted: n1 n2") && !text.contains("Nothing was changed"), "{text}");
    }
}
