//! A node's settings from three places: flags go before the environment, the environment before the file.

use toml::{Table, Value};

use super::{Failure, report::Usage};

/// What the names of a node's variables begin with. Two underscores lead into a section: `TIDEGATE_NODE_LISTEN__GRPC`.
const PREFIX: &str = "TIDEGATE_NODE_";

/// A value as TOML has it; plain text where it is none.
fn value(text: &str) -> Value {
    let line = format!("v = {text}");
    let read = line.parse::<Table>().ok().filter(|t| t.len() == 1).and_then(|mut t| t.remove("v"));
    read.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn set(table: &mut Table, key: &str, text: &str) -> Result<(), Failure> {
    let Some((section, rest)) = key.split_once('.') else {
        table.insert(key.to_owned(), value(text));
        return Ok(());
    };
    let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    let inner = inner.as_table_mut();
    set(inner.ok_or_else(|| Usage(format!("`{section}` has no settings within")))?, rest, text)
}

/// The settings of a node as one TOML text. Whether its keys are known is found out by whoever reads it.
pub(crate) fn merged(
    file: &str,
    environment: impl Iterator<Item = (String, String)>,
    flags: &[String],
) -> Result<String, Failure> {
    let mut said: Vec<(String, String)> = environment
        .filter_map(|(name, text)| {
            let key = name.strip_prefix(PREFIX)?.to_lowercase().replace("__", ".");
            Some((key, text))
        })
        .collect();
    said.sort();
    for flag in flags {
        let (key, text) = flag
            .split_once('=')
            .ok_or_else(|| Usage(format!("`{flag}` is no setting: expected KEY=VALUE")))?;
        said.push((key.to_owned(), text.to_owned()));
    }
    if said.is_empty() {
        // As it stands, so that errors name its own lines.
        return Ok(file.to_owned());
    }
    let mut table: Table = file.parse()?;
    for (key, text) in said {
        set(&mut table, &key, &text)?;
    }
    Ok(toml::to_string(&table)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(all: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
        all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn flags_go_before_the_environment_and_the_environment_before_the_file() {
        let file = "node = 1\nregion = \"a\"\n[listen]\ngrpc = \"h:1\"\npeer = \"h:2\"\n";
        let environment = variables(&[
            ("TIDEGATE_NODE_LISTEN__GRPC", "0.0.0.0:7"),
            ("TIDEGATE_NODE_REGION", "b"),
            ("TIDEGATE_AT", "n1"),
        ]);
        let flags = ["region=c".to_owned(), "founding.voters=[1, 2]".to_owned()];
        let table: Table = merged(file, environment, &flags).unwrap().parse().unwrap();
        let expected: Table = "node = 1\nregion = \"c\"\n[listen]\ngrpc = \"0.0.0.0:7\"\npeer = \"h:2\"\n[founding]\nvoters = [1, 2]\n".parse().unwrap();
        assert_eq!(table, expected);
    }

    #[test]
    fn nothing_said_leaves_the_file_as_it_stands() {
        assert_eq!(
            merged("# a word\nnode = 1\n", variables(&[]), &[]).unwrap(),
            "# a word\nnode = 1\n"
        );
    }

    #[test]
    fn what_is_no_toml_is_text_and_what_is_no_setting_is_refused() {
        assert_eq!(value("n1.example:7401"), Value::String("n1.example:7401".into()));
        assert_eq!(value("\"12\""), Value::String("12".into()));
        assert_eq!(value("12"), Value::Integer(12));
        assert_eq!(
            value("1\nx = 2"),
            Value::String("1\nx = 2".into()),
            "one value, not a whole file"
        );
        assert!(merged("", variables(&[]), &["region".to_owned()]).is_err());
        assert!(merged("node = 1", variables(&[]), &["node.x=1".to_owned()]).is_err());
    }
}
