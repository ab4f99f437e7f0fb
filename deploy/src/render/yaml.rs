//! YAML for the inventory: block style to be reviewed by people, every string quoted so that none becomes a number or a boolean.

use std::fmt::Write;

use serde_json::{Map, Value};

/// A document of these keys, in their order.
pub(super) fn block(map: &Map<String, Value>) -> String {
    let mut out = String::new();
    entries(&mut out, map, 0);
    out
}

fn entries(out: &mut String, map: &Map<String, Value>, indent: usize) {
    for (key, value) in map {
        let _ = write!(out, "{:indent$}{key}:", "");
        tail(out, value, indent);
    }
}

/// What stands after a key or a dash.
fn tail(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            entries(out, map, indent + 2);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            for item in list {
                let _ = write!(out, "{:width$}-", "", width = indent + 2);
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        // The first key stands beside the dash.
                        let mut inner = String::new();
                        entries(&mut inner, map, indent + 4);
                        let _ = write!(out, " {}", inner.trim_start());
                    }
                    other => tail(out, other, indent + 2),
                }
            }
        }
        // JSON is YAML, for everything that fits on a line.
        other => {
            let _ = writeln!(out, " {other}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let value = serde_json::json!({
            "a": "yes", "b": [1, "0123", {"c": [], "d": {"e": "x: y # z", "f": ["g"]}}], "h": {}, "i": true, "j": [{"k": "l"}],
            "m": "line\nbreak \"quoted\" é {{ jinja }}", "n": null
        });
        let Value::Object(map) = &value else { panic!("an object") };
        let text = block(map);
        let read: Value = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(read, value, "{text}");
    }
}
