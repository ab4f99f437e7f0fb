//! The words of a message, by a template in which every value is escaped for its receiver. Undefined names are errors: an
//! operator's template fails when the configuration is read, not at night.

use crate::alert::escape::{Markup, escape};
use crate::alert::{Kind, Severity, Transition};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

/// What a person reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub title: String,
    /// The rest.
    pub body: String,
}

const TITLE: &str = "[{{ mark }}] {{ what }}";
const BODY: &str = "{{ means }}\n{% if left %}{{ left }}\n{% endif %}try: {{ advice }}\n\
                    {{ rule }}, since {{ since }}{% if ack %}, taken by {{ ack }}{% endif %}";

/// How messages are worded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    title: String,
    body: String,
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}\ntry: the names of the README; the first line is the title, the rest the body")]
pub struct TemplateError(String);

impl Default for Template {
    fn default() -> Self {
        Self { title: TITLE.into(), body: BODY.into() }
    }
}

impl Template {
    /// From an operator's text, tried on an example at once.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let (title, body) = text.split_once('\n').unwrap_or((text, BODY));
        let template = Self { title: title.into(), body: body.into() };
        for kind in [Kind::Fired, Kind::Resolved] {
            template.render(Markup::Plain, &example(kind))?;
        }
        Ok(template)
    }

    /// The words for one receiver.
    pub fn render(&self, markup: Markup, t: &Transition) -> Result<Text, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_formatter(move |out, _, value| {
            if value.is_undefined() {
                return Err(minijinja::Error::new(minijinja::ErrorKind::UndefinedError, "is not defined"));
            }
            let text = if value.is_none() { String::new() } else { value.to_string() };
            out.write_str(&escape(markup, &text)).map_err(minijinja::Error::from)
        });
        let alert = &t.alert;
        let critical = alert.severity == Severity::Critical;
        let mark = match t.kind {
            Kind::Resolved => "RESOLVED",
            Kind::Test => "TEST",
            Kind::Fired if critical => "CRITICAL",
            Kind::Fired => "WARNING",
            Kind::Reminded => "STILL THERE",
            Kind::Escalated => "NOBODY HAS TAKEN IT",
        };
        let values = context! {
            mark, kind => name(&t.kind), severity => name(&alert.severity), rule => alert.key.rule.clone(), chain => alert.key.chain.clone(),
            subject => alert.key.subject.clone(), what => alert.words.what.clone(), means => alert.words.means.clone(),
            left => alert.words.left.clone(), advice => alert.words.advice.clone(), value => alert.value,
            labels => alert.labels.clone(), incident => alert.incident(), id => t.id(),
            ack => alert.ack.as_ref().map(|a| a.by.clone()), at => super::rfc3339(t.at),
            since => super::rfc3339(alert.fires_since().unwrap_or(t.at)),
        };
        let render = |text: &str| {
            environment
                .render_str(text, &values)
                .map_err(|error| TemplateError(format!("template: {error:#}")))
        };
        Ok(Text { title: render(&self.title)?.replace('\n', " "), body: render(&self.body)? })
    }
}

/// How our JSON names it.
fn name(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(String::from)).unwrap_or_default()
}

/// A test by hand, and what templates are tried on.
pub fn example(kind: Kind) -> Transition {
    use crate::alert::{Alert, Key, Phase, Words};
    let words = Words {
        what: "This is a test of palisade-monitor".into(),
        means: "Nothing is wrong: somebody tries whether messages arrive.".into(),
        left: None,
        advice: "nothing".into(),
    };
    let key = Key { rule: "PalisadeTest".into(), chain: String::new(), subject: "test".into() };
    let labels = [("alertname", "PalisadeTest"), ("severity", "warning")];
    Transition {
        kind,
        at: 0,
        alert: Alert {
            key,
            severity: Severity::Warning,
            labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            words,
            value: None,
            phase: Phase::Firing { since: 0, clear: None },
            hidden: false,
            silenced: false,
            told: None,
            ack: None,
        },
    }
}
