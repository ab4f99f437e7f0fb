//! Rules for Rust sources: a reason at the top, a size that can be read, and the world only at the edge.

use super::{Finding, at, names};

/// Lines a file may have. Exceptions are named here with their reason, not in the file.
const MAX_LINES: usize = 400;
const LONG_FILES: [(&str, &str); 0] = [];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 7] = ["util", "utils", "common", "helper", "helpers", "misc", "mod"];

/// The crates whose `src` is split into pure code and `io`.
const ROOMS: [&str; 6] = ["comet", "signer", "sentry", "monitor", "deploy", "devnet"];

/// What only `io`, `main.rs` and `cli.rs` may name: sockets, files, environment, clock, randomness, logs. The address
/// types of `std::net` are plain values and therefore not here.
const WORLD: [&str; 17] = [
    "tokio",
    "tracing::",
    "std::fs",
    "std::env",
    "std::process::Command",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixListener",
    "UnixStream",
    "ToSocketAddrs",
    "Instant::now",
    "SystemTime::now",
    "OsRng",
    "thread_rng",
    "getrandom",
    "rustix",
];

/// The file has a reason (`//!` first), a name, and a length.
pub fn shape(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push(at(path, 1, "starts without a `//!` that says why the file exists"));
    }
    let stem = path.rsplit('/').next().and_then(|name| name.strip_suffix(".rs")).unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) {
        found.push(at(path, 0, format!("{stem}.rs is a name for nothing; name the concept")));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !LONG_FILES.iter().any(|(long, _)| *long == path) {
        found.push(at(
            path,
            MAX_LINES + 1,
            format!("{lines} lines, {MAX_LINES} are allowed; split it by concept"),
        ));
    }
    found
}

/// Pure code names nothing of the world.
pub fn purity(path: &str, text: &str) -> Vec<Finding> {
    if !in_a_room(path) || touches_the_world(path) {
        return Vec::new();
    }
    code_lines(text)
        .flat_map(|(line, code)| {
            let grouped = ["fs", "env"].into_iter().find(|name| in_std_group(code, name));
            let named = WORLD.into_iter().find(|name| names(code, name));
            named.or(grouped).map(|name| at(path, line, format!("`{name}` outside io, main.rs and cli.rs")))
        })
        .collect()
}

/// Libraries return errors a caller can match; only the edge turns them into text.
pub fn anyhow_at_the_edge(path: &str, text: &str) -> Vec<Finding> {
    let edge = is_main_or_cli(path) || (path.contains("/src/io/") && path.contains("_cmd"));
    if !in_a_room(path) || edge || is_test(path) {
        return Vec::new();
    }
    code_lines(text)
        .filter(|(_, code)| names(code, "anyhow"))
        .map(|(line, _)| {
            at(path, line, "`anyhow` outside main.rs, cli.rs and io/*_cmd; make it a thiserror enum")
        })
        .collect()
}

fn in_a_room(path: &str) -> bool {
    ROOMS.iter().any(|room| path.strip_prefix(room).is_some_and(|rest| rest.starts_with("/src/")))
}

fn is_main_or_cli(path: &str) -> bool {
    path.ends_with("/src/main.rs") || path.ends_with("/src/cli.rs") || path.contains("/src/cli/")
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.ends_with("_tests.rs")
}

fn touches_the_world(path: &str) -> bool {
    path.contains("/src/io/") || path.ends_with("/src/io.rs") || is_main_or_cli(path) || is_test(path)
}

/// `use std::{…, fs, …}` on one line.
fn in_std_group(code: &str, name: &str) -> bool {
    code.split_once("std::{").is_some_and(|(_, rest)| {
        let group = rest.split('}').next().unwrap_or(rest);
        group.split([',', ' ', ':', '{']).any(|word| word == name)
    })
}

/// Lines of code with their numbers: comments cut off, `#[cfg(test)]` items left out.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut skipping = Skip::No;
    text.lines().enumerate().filter_map(move |(i, line)| {
        skipping = match skipping {
            Skip::No if line.trim() == "#[cfg(test)]" => Skip::Head(line.len() - line.trim_start().len()),
            Skip::No => return Some((i + 1, without_comment(line))),
            // The item after the attribute: more attributes, one line, or a block that ends at its own indent.
            Skip::Head(indent) if line.trim_start().starts_with("#[") => Skip::Head(indent),
            Skip::Head(indent) if line.trim_end().ends_with('{') => Skip::Block(indent),
            Skip::Head(_) => Skip::No,
            Skip::Block(indent) if line.starts_with('}') || line.trim_end() == " ".repeat(indent) + "}" => {
                Skip::No
            }
            Skip::Block(indent) => Skip::Block(indent),
        };
        None
    })
}

#[derive(Clone, Copy)]
enum Skip {
    No,
    Head(usize),
    Block(usize),
}

/// The part before `//`, unless that belongs to a URL.
fn without_comment(line: &str) -> &str {
    let start = line.match_indices("//").find(|(i, _)| !line[..*i].ends_with(':')).map(|(i, _)| i);
    &line[..start.unwrap_or(line.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(found: &[Finding]) -> Vec<usize> {
        found.iter().map(|f| f.line).collect()
    }

    #[test]
    fn a_file_without_a_reason_is_found() {
        assert_eq!(lines(&shape("signer/src/guard.rs", "use x;\n")), [1]);
        assert!(shape("signer/src/guard.rs", "//! Why.\n").is_empty());
    }

    #[test]
    fn empty_names_and_mod_files_are_found() {
        for path in ["comet/src/utils.rs", "comet/src/rpc/mod.rs", "tests/src/helpers.rs"] {
            assert_eq!(shape(path, "//! Why.\n").len(), 1, "{path}");
        }
        assert!(shape("comet/src/model.rs", "//! Why.\n").is_empty());
    }

    #[test]
    fn a_long_file_is_found_at_its_first_line_too_many() {
        let long = "//! Why.\n".repeat(401);
        assert_eq!(lines(&shape("comet/src/a.rs", &long)), [401]);
        assert!(shape("comet/src/a.rs", &"//! Why.\n".repeat(400)).is_empty());
    }

    #[test]
    fn the_world_is_found_in_pure_code() {
        for bad in [
            "use tokio::net::TcpStream;",
            "    let a = tokio_stream::iter(x);",
            "let t = std::time::Instant::now();",
            "let t = SystemTime::now();",
            "use std::{collections::HashMap, fs};",
            "use std::{env, io};",
            "tracing::info!(\"x\");",
            "let k = PrivateKey::generate(&mut OsRng);",
        ] {
            let text = format!("//! Why.\n{bad}\n");
            assert_eq!(lines(&purity("monitor/src/jailing.rs", &text)), [2], "{bad}");
            for edge in
                ["monitor/src/io/http.rs", "monitor/src/io.rs", "monitor/src/main.rs", "monitor/src/cli.rs"]
            {
                assert!(purity(edge, &text).is_empty(), "{edge}: {bad}");
            }
            assert!(purity("tests/src/comet_node.rs", &text).is_empty());
        }
    }

    #[test]
    fn comments_tests_and_plain_values_are_not_the_world() {
        for good in [
            "// no tokio here",
            "/// Instant::now is the caller's.",
            "use std::net::{IpAddr, SocketAddr};",
            "let notokio = 1;",
            "use std::{fmt, io};",
            "#[cfg(test)]\nmod tests {\n    use std::fs;\n}",
            "#[cfg(test)]\n#[allow(x)]\nmod tests {\n    use std::fs;\n}",
        ] {
            assert_eq!(purity("monitor/src/jailing.rs", &format!("//! Why.\n{good}\n")), [], "{good}");
        }
    }

    #[test]
    fn code_after_a_test_item_is_still_read() {
        let text =
            "//! Why.\n#[cfg(test)]\nmod tests;\nuse std::fs;\n#[cfg(test)]\nmod more {\n}\nuse std::env;\n";
        assert_eq!(lines(&purity("signer/src/guard.rs", text)), [4, 8]);
    }

    #[test]
    fn a_url_hides_nothing_behind_it() {
        let text = "//! Why.\nlet a = (\"http://x\", std::env::args());\n";
        assert_eq!(lines(&purity("signer/src/guard.rs", text)), [2]);
    }

    #[test]
    fn anyhow_is_for_the_edge() {
        let text = "//! Why.\nuse anyhow::Context;\n";
        assert_eq!(lines(&anyhow_at_the_edge("signer/src/guard.rs", text)), [2]);
        assert_eq!(lines(&anyhow_at_the_edge("signer/src/io/link.rs", text)), [2]);
        for edge in
            ["signer/src/main.rs", "signer/src/cli.rs", "signer/src/io/key_cmd.rs", "tests/src/hub.rs"]
        {
            assert!(anyhow_at_the_edge(edge, text).is_empty(), "{edge}");
        }
    }
}
