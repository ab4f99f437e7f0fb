//! TOML strings and lists. The files have few shapes, and comments; a template or a serialiser would hide both.

use palisade_sentry::Listen;

/// A TOML string.
pub(super) fn string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// `ip:port`, as the daemons of this kit write where they listen.
pub(super) fn listen(listen: &Listen) -> String {
    string(listen.to_string().trim_start_matches("tcp://"))
}

/// A TOML list of strings: on one line when there is one, else one a line.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => "[]".to_owned(),
        [one] => format!("[{}]", string(one)),
        many => {
            let lines: String = many.iter().map(|item| format!("    {},\n", string(item))).collect();
            format!("[\n{lines}]")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_quoted_reads_back() {
        for text in ["", "plain", "a \"b\" \\ c", "line\nbreak", "tab\t", "\u{7f}é"] {
            let read: toml::Table = toml::from_str(&format!("x = {}\n", string(text))).unwrap();
            assert_eq!(read["x"].as_str(), Some(text));
        }
        let read: toml::Table = toml::from_str(&format!("x = {}", list(&["a".into(), "b".into()]))).unwrap();
        assert_eq!(read["x"].as_array().map(Vec::len), Some(2));
    }
}
