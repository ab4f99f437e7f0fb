//! Reads Prometheus text exposition, as a scrape would.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Name and labels of one series.
pub type Series = (String, BTreeMap<String, String>);

/// All samples of one scrape.
#[derive(Clone, Debug, Default)]
pub struct Exposition(BTreeMap<Series, f64>);

impl Exposition {
    /// Reads format 0.0.4.
    pub fn parse(text: &str) -> Result<Self> {
        let mut samples = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').with_context(|| format!("no value in {line:?}"))?;
            let (name, labels) = match series.split_once('{') {
                Some((name, rest)) => (name, labels(rest.trim_end_matches('}'))?),
                None => (series, BTreeMap::new()),
            };
            let value = value.parse().with_context(|| format!("no number in {line:?}"))?;
            samples.insert((name.to_owned(), labels), value);
        }
        Ok(Self(samples))
    }

    /// The value of the only series with this name and at least these labels; `None` if there is none.
    pub fn value(&self, name: &str, wanted: &[(&str, &str)]) -> Option<f64> {
        let mut found = self.all(name).filter(|(labels, _)| {
            wanted.iter().all(|(key, value)| labels.get(*key).is_some_and(|have| have == value))
        });
        let value = found.next()?.1;
        assert!(found.next().is_none(), "{name}{wanted:?} is more than one series");
        Some(value)
    }

    /// Every series with this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = (&BTreeMap<String, String>, f64)> {
        self.0.iter().filter(move |((have, _), _)| have == name).map(|((_, labels), value)| (labels, *value))
    }
}

fn labels(text: &str) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while !rest.trim_start_matches(',').is_empty() {
        let (key, tail) =
            rest.trim_start_matches(',').split_once("=\"").context("a label without a value")?;
        let mut value = String::new();
        let mut chars = tail.char_indices();
        loop {
            match chars.next().context("a label value without its end")? {
                (end, '"') => {
                    rest = &tail[end + 1..];
                    break;
                }
                (_, '\\') => match chars.next().context("a label value ends in an escape")?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        }
        found.insert(key.to_owned(), value);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_may_hold_anything() {
        let text = "# HELP a b\n# TYPE a gauge\na{x=\"1\",m=\"q\\\"}, {\\n\\\\\"} 2.5\nb 7\n";
        let read = Exposition::parse(text).unwrap();
        assert_eq!(read.value("b", &[]), Some(7.0));
        assert_eq!(read.value("a", &[("x", "1")]), Some(2.5));
        assert_eq!(read.value("a", &[("m", "q\"}, {\n\\")]), Some(2.5));
        assert_eq!(read.value("a", &[("x", "2")]), None);
    }
}
