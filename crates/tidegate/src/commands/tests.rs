//! The table of verbs fits the protocol, and the page about the command line is what the command line says.

use std::fmt::Write as _;

use prost_reflect::Kind as FieldKind;

use super::{verbs::VERBS, *};

#[test]
fn the_command_line_is_sound() {
    command().debug_assert();
}

#[test]
fn every_verb_fits_the_protocol() {
    let pool = output::pool().unwrap();
    for verb in VERBS {
        let (service, name) = verb.method.split_once('/').unwrap();
        let service = pool.get_service_by_name(service).unwrap();
        let method = service
            .methods()
            .find(|m| m.name() == name)
            .unwrap_or_else(|| panic!("{}", verb.method));
        for field in verb.fields {
            let mut message = method.input();
            let mut path = field.path.split('.').peekable();
            while let Some(name) = path.next() {
                let found = message.get_field_by_name(name);
                let found =
                    found.unwrap_or_else(|| panic!("{} has no {}", verb.method, field.path));
                if path.peek().is_some() {
                    let FieldKind::Message(inner) = found.kind() else {
                        panic!("{} is no message", field.path)
                    };
                    message = inner;
                }
            }
        }
        let (list, columns) = verb.list;
        if !list.is_empty() {
            let found = method
                .output()
                .get_field_by_name(list)
                .unwrap_or_else(|| panic!("{} lists no {list}", verb.method));
            if let FieldKind::Message(item) = found.kind() {
                for column in columns {
                    assert!(item.get_field_by_name(column).is_some(), "{list} has no {column}");
                }
            }
        }
    }
}

#[test]
fn every_method_of_the_protocol_has_a_verb() {
    let pool = output::pool().unwrap();
    let elsewhere = ["GetCallerIdentity"];
    for service in [
        "tidegate.iam.v1.IamService",
        "tidegate.iam.v1.AccountService",
        "tidegate.cluster.v1.ClusterService",
    ] {
        for method in pool.get_service_by_name(service).unwrap().methods() {
            let name = format!("{service}/{}", method.name());
            let known =
                elsewhere.contains(&method.name()) || VERBS.iter().any(|v| v.method == name);
            assert!(known, "nobody calls {name}");
        }
    }
}

#[test]
fn words_become_consistencies_and_scopes() {
    assert_eq!(call::consistency("eventual").unwrap(), call::Fresh(None));
    assert!(call::consistency("bounded:2s").unwrap().0.is_some());
    assert!(call::consistency("bounded:soon").is_err());
    assert!(call::consistency("fresh").is_err());
    assert_eq!(call::place("all").unwrap(), call::Place(None));
    assert!(call::place("nodes:n4,5").unwrap().0.is_some());
    assert!(call::place("nodes:x").is_err());
}

fn describe(page: &mut String, path: &str, command: &mut clap::Command) {
    let arguments: Vec<_> = command
        .get_arguments()
        .filter(|a| !a.is_global_set() && a.get_id() != "help")
        .cloned()
        .collect();
    if command.get_subcommands().next().is_none() || path == "tidegate" {
        writeln!(page, "\n## `{path}`\n").unwrap();
        writeln!(page, "{}\n", command.get_about().map(ToString::to_string).unwrap_or_default())
            .unwrap();
        writeln!(page, "    {}", command.render_usage().to_string().trim_start_matches("Usage: "))
            .unwrap();
        if !arguments.is_empty() {
            writeln!(page).unwrap();
        }
        for a in &arguments {
            let name = a.get_long().map_or_else(|| format!("{}", a.get_id()), |l| format!("--{l}"));
            let help = a.get_help().map(ToString::to_string).unwrap_or_default();
            writeln!(page, "- `{name}`: {help}").unwrap();
        }
    }
    let names: Vec<String> = command
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .filter(|n| n != "help")
        .collect();
    for name in names {
        let inner = command.find_subcommand_mut(&name).unwrap();
        describe(page, &format!("{path} {name}"), inner);
    }
}

#[test]
fn the_page_about_the_command_line_is_current() {
    let mut root = command();
    root.build();
    let mut page = String::from(
        "# The command line\n\nMade from the program itself; a test holds it current: `TIDEGATE_UPDATE=1 cargo test -p tidegate --bin tidegate` writes it.\n\n\
         Exit codes: 0 done or allowed, 1 an error or a policy or case that fails, 2 denied, 3 not yet propagated, 4 too stale, 5 a guarantee broken or a cluster not well, 64 wrong usage. Data goes to standard output, progress and errors to standard error.\n\nEvery client command takes:\n\n",
    );
    let globals = <Globals as clap::Args>::augment_args(clap::Command::new("x"));
    for a in globals.get_arguments() {
        let help = a.get_help().map(ToString::to_string).unwrap_or_default();
        writeln!(page, "- `--{}`: {help}", a.get_long().unwrap_or_default()).unwrap();
    }
    describe(&mut page, "tidegate", &mut root);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    if std::env::var_os("TIDEGATE_UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/cli.md is stale: run this test with TIDEGATE_UPDATE=1");
}
