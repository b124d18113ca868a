//! regorus: each statement a rule of its own, compiled for its virtual machine.

use std::{error::Error, fmt::Write};

use regorus::{
    Engine as Interpreter, Rc, Value, languages::rego::compiler::Compiler, rvm::vm::RegoVM,
};

use super::Engine;
use crate::{
    policy::{Effect, Policy, Statement},
    workload::Question,
};

/// The virtual machine with the rules loaded.
pub(super) struct Rego {
    machine: RegoVM,
}

/// The lines that hold when `text` matches a pattern with stars: its parts found one behind the other.
fn like(text: &str, pattern: &str) -> String {
    let parts: Vec<&str> = pattern.split('*').collect();
    let [head, middle @ .., tail] = parts.as_slice() else { return String::new() };
    let mut lines =
        format!("\tstartswith({text}, {head:?})\n\tr0 := trim_prefix({text}, {head:?})\n");
    for (number, part) in middle.iter().enumerate() {
        _ = writeln!(lines, "\ti{number} := indexof(r{number}, {part:?})\n\ti{number} >= 0");
        let behind = format!("substring(r{number}, i{number} + {}, -1)", part.chars().count());
        _ = writeln!(lines, "\tr{} := {behind}", number + 1);
    }
    if !tail.is_empty() {
        _ = writeln!(lines, "\tendswith(r{}, {tail:?})", middle.len());
    }
    lines
}

/// Rules under one name that hold when `text` matches one of the patterns.
fn any_like(name: &str, text: &str, patterns: &[String]) -> String {
    let mut bodies = Vec::new();
    let exact: Vec<_> = patterns.iter().filter(|p| !p.contains('*')).collect();
    if !exact.is_empty() {
        let set: Vec<String> = exact.iter().map(|p| format!("{p:?}")).collect();
        bodies.push(format!("\t{text} in {{{}}}\n", set.join(", ")));
    }
    let prefix = |p: &&String| p.find('*').is_some_and(|star| star + 1 == p.len());
    let heads: Vec<String> =
        patterns.iter().filter(prefix).map(|p| format!("{:?}", p.trim_end_matches('*'))).collect();
    match heads.as_slice() {
        [] => {}
        [head] => bodies.push(format!("\tstartswith({text}, {head})\n")),
        heads => {
            bodies.push(format!("\tstrings.any_prefix_match({text}, [{}])\n", heads.join(", ")));
        }
    }
    let others = patterns.iter().filter(|p| p.contains('*') && !prefix(p));
    bodies.extend(others.map(|pattern| like(text, pattern)));
    bodies.iter().fold(String::new(), |mut rules, body| {
        _ = writeln!(rules, "{name} if {{\n{body}}}");
        rules
    })
}

fn rule(number: usize, statement: &Statement) -> String {
    let effect = if statement.effect == Effect::Deny { "deny" } else { "permit" };
    let mut text = any_like(&format!("action_{number}"), "input.action", &statement.action);
    text += &any_like(&format!("resource_{number}"), "input.resource", &statement.resource);
    _ = writeln!(text, "{effect} if {{");
    if let Some(mfa) = statement.condition.mfa() {
        _ = writeln!(text, "\tinput.mfa == {mfa}");
    }
    _ = writeln!(text, "\taction_{number}\n\tresource_{number}");
    if let Some(regions) = statement.condition.regions() {
        let set: Vec<String> = regions.iter().map(|region| format!("{region:?}")).collect();
        _ = writeln!(text, "\tinput.region in {{{}}}", set.join(", "));
    }
    if let Some(networks) = statement.condition.networks() {
        let list: Vec<String> = networks.iter().map(|network| format!("{network:?}")).collect();
        _ = writeln!(
            text,
            "\tsome network in [{}]\n\tnet.cidr_contains(network, input.address)",
            list.join(", ")
        );
    }
    text + "}\n"
}

impl Engine for Rego {
    const NAME: &'static str = "regorus 0.14, direct rules, VM";
    type Source = String;
    type Request = Value;

    fn translate(policies: &[Policy]) -> String {
        let mut text = "package iam\n\nallow if {\n\tpermit\n\tnot deny\n}\n".to_owned();
        // A set without a deny would leave the name unknown.
        text += "deny if {\n\tinput.action == \"\"\n}\n";
        for (number, statement) in policies.iter().flat_map(|p| &p.statement).enumerate() {
            text += &rule(number, statement);
        }
        text
    }

    fn load(source: &String) -> Result<Self, Box<dyn Error>> {
        let entry: Rc<str> = "data.iam.allow".into();
        let mut interpreter = Interpreter::new();
        interpreter.add_policy("iam.rego".to_owned(), source.clone())?;
        let compiled = interpreter.compile_with_entrypoint(&entry)?;
        let program = Compiler::compile_from_policy(&compiled, &[&*entry])
            .map_err(|error| format!("{error:?}"))?;
        let mut machine = RegoVM::new();
        machine.load_program(program);
        machine.set_max_instructions(usize::MAX);
        Ok(Self { machine })
    }

    fn request(&self, question: &Question) -> Value {
        let mut input = Value::new_object();
        let fields = input.as_object_mut().expect("a new object");
        for (key, value) in [
            ("action", Value::from(question.action)),
            ("resource", Value::from(question.resource.as_str())),
            ("region", Value::from(question.region)),
            ("address", Value::from(question.address.as_str())),
            ("mfa", Value::from(question.mfa)),
        ] {
            fields.insert(Value::from(key), value);
        }
        input
    }

    fn decide(&mut self, request: &Value) -> bool {
        self.machine.set_input(request.clone());
        self.machine.execute().expect("the rules can't fail") == Value::from(true)
    }
}
