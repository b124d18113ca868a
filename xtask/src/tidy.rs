//! The conventions that no compiler knows, each a function from the tree to what breaks it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// Lines of a file. A file that is longer does more than one thing.
const LINES_MAX: usize = 600;

/// What pure crates may not depend on: whatever waits, touches the disk, or knows the time.
const IMPURE: [&str; 6] = ["tokio", "tonic", "sled", "openraft", "hyper-util", "tempfile"];

/// A file of the tree, its path relative to the root.
struct Source {
    path: PathBuf,
    text: String,
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                walk(&path, found)?;
            }
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn sources(root: &Path) -> io::Result<Vec<Source>> {
    let mut paths = Vec::new();
    walk(root, &mut paths)?;
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        Some(Source { path: path.strip_prefix(root).ok()?.to_path_buf(), text })
    };
    Ok(paths.into_iter().filter_map(read).collect())
}

fn rust(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|s| s.path.extension().is_some_and(|e| e == "rs"))
}

/// Every file says in its first line what it is for, and is short enough to do one thing.
fn shape(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in rust(sources) {
        let path = source.path.display();
        if !source.text.starts_with("//!") && !source.text.starts_with("#![") {
            broken.push(format!(
                "{path}: the first line must be a `//!` sentence on what the file is for"
            ));
        }
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            broken.push(format!(
                "{path}: {lines} lines are more than {LINES_MAX}: split it by purpose"
            ));
        }
    }
    broken
}

/// Nothing is left for later without a place where it is kept.
fn left_over(sources: &[Source]) -> Vec<String> {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("dbg", "!(")];
    let mut broken = Vec::new();
    for source in rust(sources) {
        for (number, line) in source.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|w| line.contains(**w)) {
                broken.push(format!(
                    "{}:{}: `{word}` is left over",
                    source.path.display(),
                    number + 1
                ));
            }
        }
    }
    broken
}

/// The module that a line declares.
fn module(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub ")).unwrap_or(line);
    line.strip_prefix("mod ")?.strip_suffix(';')
}

/// No file lies in a crate's `src` that no module names.
fn dead_files(sources: &[Source]) -> Vec<String> {
    let texts: BTreeMap<&Path, &str> =
        rust(sources).map(|s| (s.path.as_path(), s.text.as_str())).collect();
    let mut broken = Vec::new();
    for path in texts.keys().filter(|p| p.components().any(|c| c.as_os_str() == "src")) {
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        let Some(folder) = path.parent() else { continue };
        if folder.ends_with("bin") || ["lib", "main"].contains(&stem) {
            continue;
        }
        let (name, folder) = if stem == "mod" {
            (
                folder.file_name().and_then(|n| n.to_str()).unwrap_or_default(),
                folder.parent().unwrap_or(folder),
            )
        } else {
            (stem, folder)
        };
        let parents = [
            folder.join("lib.rs"),
            folder.join("main.rs"),
            folder.join("mod.rs"),
            folder.with_extension("rs"),
        ];
        let known = parents
            .iter()
            .filter_map(|p| texts.get(p.as_path()))
            .any(|t| t.lines().any(|line| module(line) == Some(name)));
        if !known {
            broken.push(format!("{}: no module names it", path.display()));
        }
    }
    broken
}

/// Links between the documents lead somewhere.
fn links(root: &Path, sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources.iter().filter(|s| s.path.extension().is_some_and(|e| e == "md")) {
        for part in source.text.split("](").skip(1) {
            let target = part.split([')', '#']).next().unwrap_or_default();
            let outside = target.is_empty() || target.contains("://");
            let at = root.join(&source.path).parent().map(|p| p.join(target));
            if !outside && !at.is_some_and(|p| p.exists()) {
                broken.push(format!(
                    "{}: the link to `{target}` leads nowhere",
                    source.path.display()
                ));
            }
        }
    }
    broken
}

/// The rows of the table of crates in ARCHITECTURE.md: name, kind, and what it may import.
fn table(text: &str) -> Vec<(String, String, String)> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        match cells.as_slice() {
            [name, kind, _, imports] if name.starts_with('`') => {
                Some((name.trim_matches('`').to_owned(), (*kind).to_owned(), (*imports).to_owned()))
            }
            _ => None,
        }
    };
    text.lines().filter_map(row).collect()
}

/// Direct dependencies of each crate, without those of its tests.
fn dependencies(root: &Path) -> Option<BTreeMap<String, BTreeSet<String>>> {
    let answer = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&answer.stdout).ok()?;
    let mut all = BTreeMap::new();
    for package in metadata.get("packages")?.as_array()? {
        let name = package.get("name")?.as_str()?;
        let kept = package
            .get("dependencies")?
            .as_array()?
            .iter()
            .filter(|d| d.get("kind").is_some_and(serde_json::Value::is_null));
        let names = kept.filter_map(|d| d.get("name")?.as_str().map(str::to_owned)).collect();
        all.insert(name.strip_prefix("tidegate-").unwrap_or(name).to_owned(), names);
    }
    Some(all)
}

/// The crates depend on each other just as ARCHITECTURE.md says, and pure ones on nothing that waits.
fn crate_graph(root: &Path, architecture: &str) -> Vec<String> {
    let Some(real) = dependencies(root) else {
        return vec!["`cargo metadata` gave no answer".to_owned()];
    };
    let rows = table(architecture);
    let known: BTreeSet<String> = rows.iter().map(|(name, ..)| name.clone()).collect();
    let mut broken = Vec::new();
    for name in
        real.keys().filter(|n| !known.contains(*n) && !["xtask", "tests"].contains(&n.as_str()))
    {
        broken.push(format!("ARCHITECTURE.md: the crate `{name}` is not in the table"));
    }
    let mut above = BTreeSet::new();
    for (name, kind, imports) in rows {
        let Some(depends) = real.get(&name) else {
            broken.push(format!("ARCHITECTURE.md: there is no crate `{name}`"));
            continue;
        };
        let ours: BTreeSet<String> =
            depends.iter().filter_map(|d| d.strip_prefix("tidegate-").map(str::to_owned)).collect();
        let allowed: BTreeSet<String> = match imports.as_str() {
            "none" => BTreeSet::new(),
            "all above" => above.clone(),
            list => list.split(", ").map(str::to_owned).collect(),
        };
        for import in ours.difference(&allowed) {
            broken.push(format!(
                "crates/{name}: it imports `{import}`, which ARCHITECTURE.md does not allow"
            ));
        }
        for import in allowed.difference(&ours).filter(|_| imports != "all above") {
            broken.push(format!("ARCHITECTURE.md: `{name}` does not import `{import}`"));
        }
        for bad in IMPURE.iter().filter(|bad| kind == "pure" && depends.contains(**bad)) {
            broken.push(format!("crates/{name}: it is pure and can't depend on `{bad}`"));
        }
        above.insert(name);
    }
    broken
}

/// Every metric and every setting is explained to whoever operates a node.
fn documented(sources: &[Source]) -> Vec<String> {
    let text = |path: &str| {
        sources.iter().find(|s| s.path == Path::new(path)).map_or("", |s| s.text.as_str())
    };
    let operations = text("docs/operations.md");
    let metrics = text("crates/node/src/telemetry/metrics.rs").split("r.register(").skip(1);
    let metrics =
        metrics.filter_map(|m| m.split('"').nth(1)).map(|m| ("metric", format!("tidegate_{m}")));
    let field = |line: &str| {
        let (name, _) = line.strip_prefix("    pub ")?.split_once(": ")?;
        (!name.contains(' ')).then(|| name.to_owned())
    };
    // What a file can't say is a matter of the command line.
    let file = text("crates/node/src/config.rs").replace("#[serde(skip)]\n    pub ", "");
    let settings = file.lines().filter_map(field).map(|s| ("setting", s));
    let missing =
        metrics.chain(settings).filter(|(_, name)| !operations.contains(&format!("`{name}`")));
    missing
        .map(|(what, name)| format!("docs/operations.md: the {what} `{name}` is not explained"))
        .collect()
}

/// Each crate takes the workspace's lints, but for the one that is generated and those that stand outside the workspace.
fn lints(sources: &[Source]) -> Vec<String> {
    let manifests =
        sources.iter().filter(|s| s.path.ends_with("Cargo.toml") && s.text.contains("[package]"));
    let loose = manifests.filter(|s| {
        !s.text.contains("[lints]\nworkspace = true")
            && !["fuzz", "peers", "crates/proto"].iter().any(|p| s.path.starts_with(p))
    });
    loose.map(|s| format!("{}: it does not take the workspace's lints", s.path.display())).collect()
}

/// Everything that breaks a convention, a line each.
fn broken(root: &Path) -> io::Result<Vec<String>> {
    let sources = sources(root)?;
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md"))?;
    let mut all = shape(&sources);
    all.extend(left_over(&sources));
    all.extend(dead_files(&sources));
    all.extend(links(root, &sources));
    all.extend(crate_graph(root, &architecture));
    all.extend(documented(&sources));
    all.extend(lints(&sources));
    Ok(all)
}

/// Prints what breaks a convention; whether nothing does.
pub(crate) fn report(root: &Path) -> bool {
    match broken(root) {
        Ok(all) => {
            for line in &all {
                println!("{line}");
            }
            all.is_empty()
        }
        Err(error) => {
            println!("the tree can't be read: {error}");
            false
        }
    }
}

#[cfg(test)]
mod tests;
