//! Files of policies and of cases: reading them, finding them in folders, and telling what kind of policy one is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tidegate_policy::{PolicyDocument, PolicyError, PolicyKind, cases};

/// Deepest folder that is looked into; a link that leads back ends there.
const DEPTH_MAX: usize = 32;

/// A file that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("`{}` can't be read", path.display())]
pub(crate) struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// A folder in which nothing of the kind is.
#[derive(Debug, thiserror::Error)]
#[error("there is no file of {what} in `{}`", path.display())]
pub(crate) struct Nothing {
    what: &'static str,
    path: PathBuf,
}

/// The text of a file; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<String, Unreadable> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    text.map_err(|source| Unreadable { path: path.to_owned(), source })
}

/// What a file is called in an answer.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// One thing or many.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The policy of a file, as JSON or as YAML.
pub(crate) fn policy(path: &Path) -> Result<String, String> {
    let text = read(path).map_err(|e| format!("{e}: {}", e.source))?;
    cases::policy_text(&text).map_err(|e| format!("`{}` holds no policy: {e}", path.display()))
}

/// A loader for what files of cases, or the words of a command line, refer to below a folder.
pub(crate) fn loader(folder: PathBuf) -> impl Fn(&str) -> Result<String, String> {
    move |name| match name {
        "-" => policy(Path::new(name)),
        name => policy(&folder.join(name)),
    }
}

/// A file and what it holds, or why that can't be read.
pub(crate) type Found = (PathBuf, Result<String, Unreadable>);

/// Files that were named, whatever they hold, and those in folders that were named that are of the kind, each folder's in order.
pub(crate) fn find(
    paths: &[PathBuf],
    what: &'static str,
    is_one: impl Fn(&Path, &str) -> bool,
) -> Result<Vec<(PathBuf, String)>, super::Failure> {
    let found = find_each(paths, what, is_one)?;
    found.into_iter().map(|(path, text)| Ok((path, text?))).collect()
}

/// The same where one file that can't be read does not keep the others from being looked at. It counts as one of the kind.
pub(crate) fn find_each(
    paths: &[PathBuf],
    what: &'static str,
    is_one: impl Fn(&Path, &str) -> bool,
) -> Result<Vec<Found>, Nothing> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push((path.clone(), read(path)));
            continue;
        }
        let before = found.len();
        let mut files = Vec::new();
        walk(path, 0, &mut files);
        files.sort_by(|(one, _), (two, _)| one.cmp(two));
        for (file, walked) in files {
            match walked.and_then(|()| read(&file)) {
                Ok(text) if !is_one(&file, &text) => {}
                text => found.push((file, text)),
            }
        }
        if found.len() == before {
            return Err(Nothing { what, path: path.clone() });
        }
    }
    Ok(found)
}

/// The files of JSON and YAML below a folder, and what could not be walked through.
fn walk(folder: &Path, depth: usize, files: &mut Vec<(PathBuf, Result<(), Unreadable>)>) {
    let mut wrong = |path: &Path, source| {
        let path = path.to_owned();
        files.push((path.clone(), Err(Unreadable { path, source })));
    };
    if depth > DEPTH_MAX {
        return;
    }
    let entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(source) => return wrong(folder, source),
    };
    for path in entries.into_iter().map(|entry| entry.path()) {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if path.is_dir() {
            walk(&path, depth + 1, files);
        } else if matches!(extension, "json" | "yaml" | "yml") {
            files.push((path, Ok(())));
        }
    }
}

/// Reads a policy as the kind that was named, or else as what it looks like.
pub(crate) fn parse(text: &str, kind: Option<PolicyKind>) -> Result<PolicyDocument, PolicyError> {
    PolicyDocument::parse(text, kind.unwrap_or_else(|| likely_kind(text)))
}

/// What a policy looks like: one that lets a role be assumed and names no resource is a role's trust policy, another one with
/// principals a resource's, and one without an identity's.
pub(crate) fn likely_kind(text: &str) -> PolicyKind {
    let Ok(policy) = serde_json::from_str::<Value>(text) else {
        return if text.contains("Principal\"") {
            PolicyKind::Resource
        } else {
            PolicyKind::Identity
        };
    };
    let statements = one_or_many(policy.get("Statement"));
    let names = |elements: [&str; 2]| {
        statements.iter().any(|s| elements.iter().any(|element| s.get(element).is_some()))
    };
    let assumes = statements.iter().flat_map(|s| one_or_many(s.get("Action"))).any(assumes_role);
    match (names(["Principal", "NotPrincipal"]), names(["Resource", "NotResource"])) {
        (_, false) if assumes => PolicyKind::Trust,
        (true, _) => PolicyKind::Resource,
        (false, _) => PolicyKind::Identity,
    }
}

fn one_or_many(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        one => one.into_iter().collect(),
    }
}

/// Whether an action is one that trust policies decide on.
fn assumes_role(action: &Value) -> bool {
    let action = action.as_str().unwrap_or_default().to_ascii_lowercase();
    let name = action.strip_prefix("sts:").unwrap_or_default();
    name.starts_with("assumerole")
        || matches!(name, "tagsession" | "setsourceidentity" | "setcontext")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_told_by_what_a_policy_says() {
        let one = |statement: &str| format!(r#"{{"Statement": {statement}}}"#);
        for (statement, kind) in [
            (r#"{"Principal": "*", "Action": "sts:AssumeRole"}"#, PolicyKind::Trust),
            (r#"[{"Principal": "*", "Action": ["STS:TagSession"]}]"#, PolicyKind::Trust),
            (r#"{"Action": "sts:AssumeRoleWithSAML"}"#, PolicyKind::Trust),
            (
                r#"{"Principal": "*", "Action": "sts:AssumeRole", "Resource": "*"}"#,
                PolicyKind::Resource,
            ),
            (r#"{"NotPrincipal": "*", "Action": "s3:Get*"}"#, PolicyKind::Resource),
            (r#"{"Action": "sts:AssumeRole", "Resource": "*"}"#, PolicyKind::Identity),
            (r#"{"Action": "sts:*", "NotResource": "*"}"#, PolicyKind::Identity),
            ("[]", PolicyKind::Identity),
            ("1", PolicyKind::Identity),
        ] {
            assert_eq!(likely_kind(&one(statement)), kind, "{statement}");
        }
        assert_eq!(likely_kind(r#"{"Statement": {"Principal": "*","#), PolicyKind::Resource);
        assert_eq!(likely_kind("{"), PolicyKind::Identity);
        let trust =
            one(r#"{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}"#);
        assert_eq!(parse(&trust, None).unwrap().kind(), PolicyKind::Trust);
        assert!(parse(&trust, Some(PolicyKind::Identity)).is_err());
    }
}
