//! What a play says it did: the lines at its end.

use std::collections::BTreeMap;
use std::process::Output;

use anyhow::{Context, Result, ensure};

/// A play that came to its end.
#[derive(Debug)]
pub struct Recap {
    /// Tasks that changed something, for each host that was played.
    pub changed: BTreeMap<String, u32>,
    /// Everything it printed.
    pub text: String,
}

impl Recap {
    /// Fails, with the tasks, unless nothing was changed anywhere.
    pub fn nothing_changed(&self) -> Result<()> {
        ensure!(!self.changed.is_empty(), "nobody was played");
        let tasks: Vec<&str> = self
            .text
            .lines()
            .filter(|line| line.starts_with("TASK") || line.starts_with("changed"))
            .collect();
        let told: Vec<&str> = tasks
            .windows(2)
            .filter(|pair| pair[1].starts_with("changed"))
            .flat_map(|pair| pair.iter().copied())
            .collect();
        ensure!(self.changed.values().all(|count| *count == 0), "{}", told.join("\n"));
        Ok(())
    }
}

/// Reads it; fails, with everything that was printed, if a host failed.
pub fn recap(out: &Output) -> Result<Recap> {
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    ensure!(out.status.success(), "{}\n{text}\n{}", out.status, String::from_utf8_lossy(&out.stderr));
    let (_, lines) = text.split_once("PLAY RECAP").context("no recap")?;
    let changed = lines
        .lines()
        .filter_map(|line| line.split_once(" : "))
        .map(|(host, counts)| {
            let count = counts.split_whitespace().find_map(|word| word.strip_prefix("changed="));
            Ok((host.trim().to_owned(), count.context("a recap has counts")?.parse()?))
        })
        .collect::<Result<_>>()?;
    Ok(Recap { changed, text })
}
