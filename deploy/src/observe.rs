//! What a host has, as one read-only script and its output: files, permissions, units, binaries, the nodes' own settings.
//!
//! The script writes nothing and starts nothing. Its output without the last line is no output: a connection that broke must
//! never look like a host on which files are missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What to look at on one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Files with their content.
    pub files: BTreeSet<String>,
    /// Units.
    pub units: BTreeSet<String>,
    /// Files of which the digest is enough.
    pub binaries: BTreeSet<String>,
}

/// A file as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// Octal.
    pub mode: String,
    /// User name.
    pub owner: String,
    /// Group name.
    pub group: String,
    /// Content.
    pub text: String,
}

/// A unit as systemd has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitSeen {
    /// `loaded`, `masked`, `not-found`, `bad-setting`, `error`
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating`
    pub active: String,
    /// `enabled`, `disabled`, `masked`, empty
    pub file: String,
}

/// One host at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// By path; what is not there is `None`.
    pub files: BTreeMap<String, Option<Found>>,
    /// By name.
    pub units: BTreeMap<String, UnitSeen>,
    /// SHA-256 by path; what is not there is `None`.
    pub binaries: BTreeMap<String, Option<String>>,
}

/// Why an output is not the script's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObserveError {
    /// Cut off.
    #[error("the answer of the host is cut off")]
    Cut,
    /// Not what the script prints.
    #[error("cannot be read: {0:?}")]
    Line(String),
    /// The host did not answer for something that it was asked.
    #[error("it says nothing about {0}")]
    Silent(String),
}

/// Paths and names come from `resolve`, which lets no quote or space through; quoted all the same.
pub fn script(wanted: &Wanted) -> String {
    let mut text = String::from(
        "f() { if [ -f \"$1\" ]; then printf 'file %s %s %s\\n' \"$(stat -c '%a %U %G' -- \"$1\")\" \"$(base64 -w0 <\"$1\")\" \"$1\"; \
         elif [ -e \"$1\" ]; then echo \"odd $1\"; else echo \"nofile $1\"; fi; }\n\
         b() { if [ -f \"$1\" ]; then printf 'binary %s\\n' \"$(sha256sum -- \"$1\")\"; else echo \"nobinary $1\"; fi; }\n\
         u() { printf 'unit %s %s\\n' \"$1\" \"$(systemctl show -p LoadState -p ActiveState -p UnitFileState \"$1\" | sort | tr '\\n' ' ')\"; }\n",
    );
    let words = [("f", &wanted.files), ("b", &wanted.binaries), ("u", &wanted.units)];
    for (verb, list) in words {
        for word in list {
            let _ = writeln!(text, "{verb} '{}'", word.replace('\'', ""));
        }
    }
    text.push_str("echo end\n");
    text
}

impl Observed {
    /// Reads the output of [`script`].
    ///
    /// # Errors
    /// It is cut off, not the script's, or silent about something.
    pub fn read(text: &str, wanted: &Wanted) -> Result<Self, ObserveError> {
        let mut lines: Vec<&str> = text.lines().collect();
        if lines.pop() != Some("end") {
            return Err(ObserveError::Cut);
        }
        let mut seen = Self::default();
        for line in lines {
            seen.line(line).ok_or_else(|| ObserveError::Line(line.chars().take(120).collect()))?;
        }
        let silent = |name: &String| Err(ObserveError::Silent(name.clone()));
        match () {
            () if let Some(file) = wanted.files.iter().find(|f| !seen.files.contains_key(*f)) => silent(file),
            () if let Some(unit) = wanted.units.iter().find(|u| !seen.units.contains_key(*u)) => silent(unit),
            () if let Some(file) = wanted.binaries.iter().find(|b| !seen.binaries.contains_key(*b)) => {
                silent(file)
            }
            () => Ok(seen),
        }
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (kind, rest) = line.split_once(' ')?;
        match kind {
            "file" => {
                let words: Vec<&str> = rest.splitn(5, ' ').collect();
                let [mode, owner, group, text, path] = words.as_slice() else { return None };
                let text = String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?;
                let (mode, owner, group) = (format!("{mode:0>4}"), (*owner).to_owned(), (*group).to_owned());
                self.files.insert((*path).to_owned(), Some(Found { mode, owner, group, text }));
            }
            "nofile" => {
                self.files.insert(rest.to_owned(), None);
            }
            "binary" => {
                let (digest, path) = rest.split_once("  ")?;
                self.binaries.insert(path.to_owned(), Some(digest.to_owned()));
            }
            "nobinary" => {
                self.binaries.insert(rest.to_owned(), None);
            }
            "unit" => {
                let mut words = rest.split_whitespace();
                let name = words.next()?.to_owned();
                let mut unit = UnitSeen::default();
                for word in words {
                    let (key, value) = word.split_once('=')?;
                    match key {
                        "LoadState" => unit.load = value.to_owned(),
                        "ActiveState" => unit.active = value.to_owned(),
                        "UnitFileState" => unit.file = value.to_owned(),
                        _ => return None,
                    }
                }
                if unit.load.is_empty() || unit.active.is_empty() {
                    return None;
                }
                self.units.insert(name, unit);
            }
            _ => return None,
        }
        Some(())
    }

    /// Changes whenever anything here does, but for a unit that comes and goes: a node that waits for its signer is up and down all the time.
    pub fn digest(&self) -> String {
        let mut calm = self.clone();
        for unit in calm.units.values_mut() {
            if matches!(unit.active.as_str(), "activating" | "deactivating" | "reloading") {
                unit.active = "active".into();
            }
        }
        let text = serde_json::to_vec(&calm).expect("strings in sorted maps");
        hex::encode(Sha256::digest(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        let set = |word: &str| BTreeSet::from([word.to_owned()]);
        Wanted { files: set("/etc/a b"), units: set("x.service"), binaries: set("/usr/local/bin/x") }
    }

    const GOOD: &str = "file 640 root adm aGkK /etc/a b\nbinary abcd  /usr/local/bin/x\n\
                        unit x.service ActiveState=active LoadState=loaded UnitFileState= \nend\n";

    #[test]
    fn a_whole_answer_is_read() {
        let seen = Observed::read(GOOD, &wanted()).unwrap();
        let file = seen.files["/etc/a b"].clone().unwrap();
        assert_eq!((file.mode.as_str(), file.text.as_str()), ("0640", "hi\n"));
        assert_eq!(seen.units["x.service"].active, "active");
        assert_eq!(seen.binaries["/usr/local/bin/x"].as_deref(), Some("abcd"));
    }

    #[test]
    fn what_was_cut_or_left_out_is_no_answer() {
        for end in 0..GOOD.len() - 1 {
            assert!(Observed::read(&GOOD[..end], &wanted()).is_err(), "{:?}", &GOOD[..end]);
        }
        for line in GOOD.lines().filter(|line| *line != "end") {
            let without = GOOD.replace(&format!("{line}\n"), "");
            assert!(matches!(Observed::read(&without, &wanted()), Err(ObserveError::Silent(_))), "{without}");
        }
        let odd = GOOD.replace("file 640", "odd 640");
        assert!(matches!(Observed::read(&odd, &wanted()), Err(ObserveError::Line(_))));
    }

    #[test]
    fn the_script_reads_this_machine() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("it's a file").to_string_lossy().replace('\'', "");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let missing = format!("{path}.missing");
        let wanted = Wanted {
            files: BTreeSet::from([path.clone(), missing.clone()]),
            units: BTreeSet::new(),
            binaries: BTreeSet::from([path.clone()]),
        };
        let out = std::process::Command::new("sh").arg("-c").arg(script(&wanted)).output().unwrap();
        let seen = Observed::read(&String::from_utf8(out.stdout).unwrap(), &wanted).unwrap();
        assert_eq!(seen.files[&path].as_ref().unwrap().text, "one\ntwo\n");
        assert_eq!(seen.files[&missing], None);
        assert_eq!(seen.binaries[&path].as_ref().unwrap().len(), 64);
    }
}
