//! Rules for Cargo manifests: each dependency has a reason, one version, and points in the direction of the design.

use super::{Finding, at};

/// Which rooms each room may know (DESIGN §1). The signer knows nobody but comet: it holds a key. Its tests know the
/// simulated HSM; that the program does not is seen to by tests/deny/signer.toml.
const ARROWS: [(&str, &[&str]); 7] = [
    ("comet", &[]),
    ("signer", &["comet", "palisade-yubihsm-sim"]),
    ("sentry", &["comet"]),
    ("monitor", &["comet"]),
    ("devnet", &["comet"]),
    ("deploy", &["comet", "palisade-signer", "palisade-sentry", "palisade-monitor", "palisade-devnet"]),
    (
        "tests",
        &[
            "comet",
            "palisade-signer",
            "palisade-sentry",
            "palisade-monitor",
            "palisade-devnet",
            "palisade-yubihsm-sim",
            "palisade",
        ],
    ),
];

/// Keys of `[package]` that the workspace decides.
const SHARED_KEYS: [&str; 5] = ["version", "edition", "rust-version", "license", "repository"];

/// In the root: each line of `[workspace.dependencies]` says what the crate is for.
pub fn reasons(path: &str, text: &str) -> Vec<Finding> {
    entries(text)
        .filter(|entry| entry.section == "workspace.dependencies" && !entry.value.contains("path = "))
        .filter(|entry| !entry.value.contains('#'))
        .map(|entry| at(path, entry.line, format!("{} has no comment that says what it is for", entry.key)))
        .collect()
}

/// In a member: versions, edition and lints are the workspace's.
pub fn workspace_versions(path: &str, text: &str) -> Vec<Finding> {
    let mut found: Vec<Finding> = entries(text)
        .filter(|entry| {
            let shared = is_dependencies(entry.section)
                || (entry.section == "package" && SHARED_KEYS.contains(&entry.key));
            shared && !entry.inherited()
        })
        .map(|entry| at(path, entry.line, format!("{} does not come from the workspace", entry.key)))
        .collect();
    if !entries(text)
        .any(|entry| entry.section == "lints" && entry.key == "workspace" && entry.value == "true")
    {
        found.push(at(path, 0, "does not take the workspace's lints"));
    }
    found
}

/// In a member: it knows only the rooms it may know, in tests as well.
pub fn arrows(path: &str, text: &str) -> Vec<Finding> {
    let room = path.strip_suffix("/Cargo.toml").unwrap_or(path);
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
        return vec![at(
            path,
            0,
            format!("{room} is no room of the design; add it to the arrows in tests/src/tidy"),
        )];
    };
    entries(text)
        .filter(|entry| is_dependencies(entry.section))
        .filter(|entry| is_room(entry.key) && !allowed.contains(&entry.key))
        .map(|entry| at(path, entry.line, format!("{room} must not know {}", entry.key)))
        .collect()
}

fn is_room(key: &str) -> bool {
    key == "comet" || key == "palisade" || key.starts_with("palisade-")
}

fn is_dependencies(section: &str) -> bool {
    section.ends_with("dependencies") && !section.starts_with("workspace")
}

/// `key = value` below `[section]`.
struct Entry<'a> {
    section: &'a str,
    line: usize,
    key: &'a str,
    value: &'a str,
    dotted: &'a str,
}

impl Entry<'_> {
    fn inherited(&self) -> bool {
        (self.dotted == "workspace" && self.value.starts_with("true"))
            || self.value.contains("workspace = true")
    }
}

fn entries(text: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut section = "";
    text.lines().enumerate().filter_map(move |(i, line)| {
        let trimmed = line.trim();
        if let Some(header) = trimmed.strip_prefix('[') {
            section = header.split(']').next().unwrap_or_default();
            return None;
        }
        let (key, value) = trimmed.split_once('=').filter(|_| !trimmed.starts_with('#'))?;
        let (key, dotted) = key.trim().split_once('.').unwrap_or((key.trim(), ""));
        Some(Entry { section, line: i + 1, key, value: value.trim(), dotted })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(found: &[Finding]) -> Vec<usize> {
        found.iter().map(|f| f.line).collect()
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        let text =
            "[workspace.dependencies]\na = \"1\" # why\nb = \"2\"\nc = { path = \"c\" }\n[profile]\nd = 1\n";
        assert_eq!(lines(&reasons("Cargo.toml", text)), [3]);
    }

    #[test]
    fn an_own_version_is_found() {
        let text = "[package]\nname = \"x\"\nversion.workspace = true\nedition = \"2021\"\n[lints]\nworkspace = true\n\
                    [dependencies]\na.workspace = true\nb = { workspace = true, features = [\"x\"] }\nc = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\nd = \"1\"\n";
        assert_eq!(lines(&workspace_versions("comet/Cargo.toml", text)), [4, 10, 12]);
        assert_eq!(lines(&workspace_versions("comet/Cargo.toml", "[package]\nname = \"x\"\n")), [0]);
    }

    #[test]
    fn an_arrow_against_the_design_is_found() {
        let text = "[dependencies]\ncomet.workspace = true\nserde.workspace = true\n\
                    [dev-dependencies]\npalisade-monitor.workspace = true\n";
        assert_eq!(lines(&arrows("signer/Cargo.toml", text)), [5]);
        assert_eq!(lines(&arrows("comet/Cargo.toml", text)), [2, 5]);
        assert!(arrows("deploy/Cargo.toml", text).is_empty());
        assert_eq!(lines(&arrows("attic/Cargo.toml", text)), [0]);
    }
}
