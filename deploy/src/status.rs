//! One table of the whole fleet: what runs where, in which version, how far it is, and what is wrong with it.

use serde::Serialize;

/// One thing that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Host name.
    pub host: String,
    /// Role and chain, or the daemon.
    pub what: String,
    /// As it says itself; empty where it says nothing.
    pub version: String,
    /// The node's height, or the newest height that a signer promised.
    pub height: Option<i64>,
    /// In a word or two.
    pub state: String,
    /// What a person should look at.
    pub findings: Vec<String>,
}

/// The table; findings stand below the row that they belong to.
pub fn table(rows: &[Row]) -> String {
    let head = ["HOST", "WHAT", "VERSION", "HEIGHT", "STATE"].map(str::to_owned);
    let cells: Vec<[String; 5]> = rows
        .iter()
        .map(|row| {
            let height = row.height.map_or_else(|| "-".into(), |h| h.to_string());
            let version = if row.version.is_empty() { "-".into() } else { row.version.clone() };
            [row.host.clone(), row.what.clone(), version, height, row.state.clone()]
        })
        .collect();
    let mut widths = [0; 5];
    for line in [&head].into_iter().chain(&cells) {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; 5]| {
        let padded: Vec<String> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut out = line(&head);
    for (row, cells) in rows.iter().zip(&cells) {
        out.push_str(&line(cells));
        for finding in &row.findings {
            out.push_str(&format!("  ! {finding}\n"));
        }
    }
    out
}

/// Nodes of one chain that are behind the best of it by more than a few blocks.
pub fn mark_late(rows: &mut [Row], chain: &str) {
    let of_chain = |row: &&mut Row| row.what.ends_with(chain) && row.height.is_some();
    let best = rows.iter().filter(|row| row.what.ends_with(chain)).filter_map(|row| row.height).max();
    let Some(best) = best else { return };
    for row in rows.iter_mut().filter(of_chain) {
        let behind = best - row.height.unwrap_or(best);
        if behind > 5 {
            row.findings.push(format!("{behind} blocks behind the best of the fleet"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(host: &str, height: Option<i64>) -> Row {
        Row {
            host: host.into(),
            what: "sentry c-1".into(),
            version: "0.38.25".into(),
            height,
            state: "in sync".into(),
            findings: vec![],
        }
    }

    #[test]
    fn the_table_lines_up_and_shows_who_is_late() {
        let mut rows = vec![row("a", Some(100)), row("longer", Some(90)), row("c", None)];
        mark_late(&mut rows, "c-1");
        assert_eq!(
            table(&rows),
            "HOST    WHAT        VERSION  HEIGHT  STATE\n\
             a       sentry c-1  0.38.25  100     in sync\n\
             longer  sentry c-1  0.38.25  90      in sync\n  ! 10 blocks behind the best of the fleet\n\
             c       sentry c-1  0.38.25  -       in sync\n"
        );
    }
}
