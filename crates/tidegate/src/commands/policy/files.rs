//! Files of policies and of cases: reading them, finding them in folders, and telling what kind of policy one is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

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

/// Files that were named, whatever they hold, and those in folders that were named that are of the kind, each folder's in order.
pub(crate) fn find(
    paths: &[PathBuf],
    what: &'static str,
    is_one: impl Fn(&Path, &str) -> bool,
) -> Result<Vec<(PathBuf, String)>, super::Failure> {
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push((path.clone(), read(path)?));
            continue;
        }
        let before = found.len();
        let mut files = Vec::new();
        walk(path, 0, &mut files)?;
        files.sort();
        for file in files {
            let text = read(&file)?;
            if is_one(&file, &text) {
                found.push((file, text));
            }
        }
        if found.len() == before {
            return Err(Nothing { what, path: path.clone() }.into());
        }
    }
    Ok(found)
}

/// The files of JSON and YAML below a folder.
fn walk(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Unreadable> {
    let unreadable = |source| Unreadable { path: folder.to_owned(), source };
    if depth > DEPTH_MAX {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if path.is_dir() {
            walk(&path, depth + 1, files)?;
        } else if matches!(extension, "json" | "yaml" | "yml") {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads a policy as the kind that was named, or else as what it looks like: one with principals is a role's trust policy if it can
/// be, else a resource's; one without is an identity's.
pub(crate) fn parse(text: &str, kind: Option<PolicyKind>) -> Result<PolicyDocument, PolicyError> {
    if let Some(kind) = kind {
        return PolicyDocument::parse(text, kind);
    }
    if !text.contains("Principal\"") {
        return PolicyDocument::parse(text, PolicyKind::Identity);
    }
    PolicyDocument::parse(text, PolicyKind::Trust)
        .or_else(|_| PolicyDocument::parse(text, PolicyKind::Resource))
}
