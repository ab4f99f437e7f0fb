//! Families with a series for each validator, which are nearly all series that there are: a scrape gets them as text at once,
//! with each validator's labels written and escaped once, because as Prometheus' own structures they cost ten times as much.

use super::{Snapshot, Value, family, label, metric};
use crate::view::ValidatorView;
use prometheus::proto::MetricFamily;
use std::fmt::Write as _;

/// One family of the exposition, before it is written.
pub(super) enum Part {
    /// As Prometheus' own structure.
    Made(MetricFamily),
    /// Of validators.
    Validators(OfValidators),
}

/// What it has as a label besides, and its value.
pub(super) type Series = (Option<(&'static str, &'static str)>, Value<ValidatorView>);

/// What a family of validators is made of.
pub(super) struct OfValidators {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    /// Own validators only.
    pub(super) own: bool,
    /// A series each.
    pub(super) values: Vec<Series>,
}

/// A validator, and its labels as the exposition has them, without braces.
pub(super) struct Labelled<'a> {
    view: &'a ValidatorView,
    text: String,
}

/// All validators with their labels.
pub(super) fn labelled(snapshots: &[Snapshot]) -> Vec<Labelled<'_>> {
    let all = snapshots.iter().flat_map(|s| s.chain.validators.iter().map(move |v| (s, v)));
    let written = all.map(|(s, view)| {
        let mut text = String::with_capacity(160);
        for (name, value) in labels(s, view) {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(name);
            text.push_str("=\"");
            escape(value, &mut text);
            text.push('"');
        }
        Labelled { view, text }
    });
    written.collect()
}

fn labels<'a>(snapshot: &'a Snapshot, v: &'a ValidatorView) -> [(&'static str, &'a str); 3] {
    [("chain_id", &snapshot.chain.chain_id), ("valoper", &v.valoper), ("moniker", &v.moniker)]
}

/// As the text format wants the value of a label.
fn escape(value: &str, to: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => to.push_str("\\\\"),
            '"' => to.push_str("\\\""),
            '\n' => to.push_str("\\n"),
            c => to.push(c),
        }
    }
}

impl OfValidators {
    fn shows(&self, v: &ValidatorView) -> bool {
        v.own || !self.own
    }

    /// Appends it as text, or nothing where it has no series.
    pub(super) fn write(&self, validators: &[Labelled<'_>], to: &mut String) {
        let Self { name, help, values, .. } = self;
        let mut begun = false;
        for Labelled { view, text } in validators.iter().filter(|v| self.shows(v.view)) {
            for (more, value) in values {
                let Some(value) = value(view) else { continue };
                if !begun {
                    begun = true;
                    let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
                    let _ = writeln!(to, "# HELP palisade_monitor_{name} {help}");
                    let _ = writeln!(to, "# TYPE palisade_monitor_{name} {kind}");
                }
                for piece in ["palisade_monitor_", name, "{", text] {
                    to.push_str(piece);
                }
                let _ = match more {
                    Some((label, of)) => writeln!(to, ",{label}=\"{of}\"}} {value}"),
                    None => writeln!(to, "}} {value}"),
                };
            }
        }
    }

    /// The same as Prometheus' own structure.
    pub(super) fn family(&self, snapshots: &[Snapshot]) -> MetricFamily {
        let mut series = Vec::new();
        for (s, v) in snapshots.iter().flat_map(|s| s.chain.validators.iter().map(move |v| (s, v))) {
            for (more, value) in self.values.iter().filter(|_| self.shows(v)) {
                let Some(value) = value(v) else { continue };
                let all = labels(s, v).into_iter().chain(*more);
                series.push(metric(self.name, all.map(|(name, value)| label(name, value)).collect(), value));
            }
        }
        family(self.name, self.help, series)
    }
}
