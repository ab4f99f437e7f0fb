//! An address book that knew the validator before its id was made private keeps it, and hands it out.
//!
//! Leak vector 2 (spec p2p.md §3.5 R8). The rule reads the file; what a running node hands out shows the live audit.

use crate::addrbook;
use crate::finding::{Finding, Severity};
use crate::fleet::Role;
use crate::home::Home;
use crate::rules::{Check, Rule};

pub(super) const RULE: Rule =
    Rule { name: "hidden_node_in_address_book", attack: addrbook::ATTACK, checks: &[Check::Home(check)] };

fn check(home: &Home) -> Vec<Finding> {
    // A validator takes part in no exchange; that it does not, another rule says.
    if home.view().is_some_and(|view| view.node.role == Role::Validator) {
        return Vec::new();
    }
    let finding =
        |evidence| RULE.finding(Severity::Error, home.subject.clone(), evidence, addrbook::FIX.to_owned());
    match &home.book {
        None => Vec::new(),
        Some(Err(why)) => vec![finding(format!("its address book was not understood: {}", first_line(why)))],
        Some(Ok(audit)) => {
            let traces = audit.traces.iter().map(|t| {
                format!("entry {} of its address book is {}, in {}", t.entry, t.address, t.fields.join(", "))
            });
            let unclear = audit.unclear.iter().map(|u| format!("its address book: {u}"));
            traces.chain(unclear).map(finding).collect()
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::addrbook::{Book, Wanted};
    use crate::rules::example::{CLASSIC, id, in_home};

    fn found(host: &str, id_in_book: &str) -> usize {
        let book = format!(
            r#"{{"key":"k","addrs":[{{"addr":{{"id":"{id_in_book}","ip":"100.64.0.2","port":26656}},"src":null}}]}}"#
        );
        let wanted = Wanted { ids: vec![id(CLASSIC, "val-1").parse().unwrap()], ips: vec![] };
        let audit = Book::parse(&book).unwrap().audit(&wanted);
        in_home(&RULE, host, "", |home| home.book = Some(Ok(audit))).len()
    }

    #[test]
    fn passes() {
        assert_eq!(found("sentry-1", &"1".repeat(40)), 0);
        assert_eq!(found("val-1", &id(CLASSIC, "val-1")), 0, "the validator's own book");
    }

    #[test]
    fn fails_on_a_trace_and_on_what_is_unclear() {
        assert_eq!(found("sentry-1", &id(CLASSIC, "val-1")), 1);
        assert_eq!(in_home(&RULE, "sentry-1", "", |home| home.book = Some(Err("no".into()))).len(), 1);
    }
}
