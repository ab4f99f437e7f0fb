//! Rules for every tracked text: nothing in it may belong to one machine.

use super::{Finding, at};

/// Paths of somebody's machine; written in two halves so that this file keeps its own rule.
const MACHINE_PATHS: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Where packages come from is the business of each machine's configuration.
const REGISTRIES: [&str; 7] = [
    concat!("index.cra", "tes.io"),
    concat!("static.cra", "tes.io"),
    concat!("proxy.go", "lang.org"),
    concat!("registry.npm", "js.org"),
    concat!("files.python", "hosted.org"),
    concat!("repo.maven.apa", "che.org"),
    concat!("deb.deb", "ian.org"),
];

/// Finds the paths of one machine and the hosts of package registries.
pub fn machine_names(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if let Some(name) = MACHINE_PATHS.into_iter().find(|name| starts_a_path(line, name)) {
            found.push(at(path, i + 1, format!("{name} is a path of one machine")));
        }
        if let Some(host) = REGISTRIES.into_iter().find(|host| line.contains(host)) {
            found.push(at(path, i + 1, format!("{host} is for a machine's own configuration")));
        }
    }
    found
}

/// Whether `name` begins a path here, and is not the middle of a longer one or of an address.
fn starts_a_path(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(i, _)| {
        !line[..i].chars().next_back().is_some_and(|c| c.is_alphanumeric() || "._-}/*)>".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_machine_are_found() {
        for name in MACHINE_PATHS {
            assert_eq!(machine_names("README.md", &format!("a\nsee {name}x\n"))[0].line, 2);
            assert_eq!(machine_names("a.toml", &format!("a = \"{name}x\"")).len(), 1);
        }
    }

    #[test]
    fn the_middle_of_a_path_is_not_one() {
        for good in ["target/work/x", "$DIR/home/x", "{{ dir }}/root/y", "https://example.com/work/x"] {
            assert_eq!(machine_names("README.md", good), [], "{good}");
        }
    }

    #[test]
    fn hosts_of_registries_are_found() {
        for host in REGISTRIES {
            assert_eq!(machine_names("x.lock", &format!("\"resolved\": \"https://{host}/a.tgz\"")).len(), 1);
        }
    }
}
