//! Asks the daemons beside us: a signer's `/readyz`, the `/metrics` of `palisade-sentry watch`.

use super::Desk;
use crate::alert::facts::Probe;
use crate::config::alerts::Beside;
use crate::io::http::{Answer, Http};
use http::Request;
use http_body_util::Full;
use hyper::body::Bytes;
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(15);
const DEADLINE: Duration = Duration::from_secs(5);
const LARGEST: usize = 4 * 1024 * 1024;

/// Asks one of them until it is dropped.
pub(super) async fn run(beside: Beside, sentry: bool, http: Http, desk: Arc<Desk>) {
    loop {
        let probe = ask(&beside, sentry, &http).await;
        desk.probed(sentry, probe);
        tokio::time::sleep(EVERY).await;
    }
}

async fn ask(beside: &Beside, sentry: bool, http: &Http) -> Probe {
    let name = beside.name.clone();
    let down =
        |error: String| Probe { name: name.clone(), up: Some(false), findings: None, error: Some(error) };
    let Ok(request) = Request::get(&beside.url).body(Full::new(Bytes::new())) else {
        return down("its URL cannot be asked".into());
    };
    match http.send(request, DEADLINE, LARGEST).await {
        Err(error) => down(error.to_string()),
        Ok(answer) => match if sentry { sentry_says(&answer) } else { signer_says(&answer) } {
            Some(findings) => Probe { name, up: Some(true), findings: Some(findings), error: None },
            None => down(format!("it answered {}", answer.status)),
        },
    }
}

/// 200 is ready; 503 says why not.
fn signer_says(answer: &Answer) -> Option<Vec<String>> {
    match answer.status {
        200 => Some(Vec::new()),
        503 => {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            let lines = text.lines().map(str::trim).filter(|l| !l.is_empty()).map(String::from);
            let mut lines: Vec<String> = lines.take(20).collect();
            if lines.is_empty() {
                lines.push("it does not say why".into());
            }
            Some(lines)
        }
        _ => None,
    }
}

/// `palisade_sentry_findings{rule=…,severity=…} n`: one for each finding that is not merely information.
fn sentry_says(answer: &Answer) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status != 200 || !text.contains("palisade_sentry_") {
        return None;
    }
    let mut findings = Vec::new();
    for line in text.lines().filter(|l| l.starts_with("palisade_sentry_findings{")) {
        let Some((labels, count)) = line.rsplit_once(' ') else { continue };
        let count = count.parse::<u32>().unwrap_or(0).min(1000);
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        if !matches!(label("severity").as_deref(), Some("info" | "note")) {
            let rule = label("rule").unwrap_or_else(|| "unnamed".into());
            findings.extend(std::iter::repeat_n(rule, count as usize));
        }
    }
    Some(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer { status, headers: Default::default(), body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn what_they_say() {
        assert_eq!(signer_says(&answer(200, "ok\n")), Some(vec![]));
        assert_eq!(signer_says(&answer(503, "c-1: no node\n")), Some(vec!["c-1: no node".into()]));
        assert_eq!(signer_says(&answer(404, "")), None);
        let text = "# TYPE palisade_sentry_findings gauge\npalisade_sentry_findings{rule=\"pex\",severity=\"error\"} 2\n\
                    palisade_sentry_findings{rule=\"x\",severity=\"info\"} 9\npalisade_sentry_findings{rule=\"y\",severity=\"error\"} 0\n";
        assert_eq!(sentry_says(&answer(200, text)), Some(vec!["pex".into(), "pex".into()]));
        assert_eq!(sentry_says(&answer(200, "<html>")), None, "somebody else listens there");
    }
}
