//! Names that others have chosen (monikers, errors of foreign nodes) in messages: harmless in the receiver's markup.

/// How a receiver reads text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Markup {
    /// As it is.
    Plain,
    /// `<b>`
    Html,
    /// Slack's mrkdwn.
    Slack,
    /// Discord's markdown.
    Discord,
}

/// `text` so that `markup` shows it as it is, on one line.
pub fn escape(markup: Markup, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        match (markup, c) {
            (Markup::Html | Markup::Slack, '&') => out.push_str("&amp;"),
            (Markup::Html | Markup::Slack, '<') => out.push_str("&lt;"),
            (Markup::Html | Markup::Slack, '>') => out.push_str("&gt;"),
            (Markup::Html, '"') => out.push_str("&quot;"),
            // Slack has no escape for its own signs: look-alikes.
            (Markup::Slack, '*') => out.push('∗'),
            (Markup::Slack, '~') => out.push('∼'),
            (Markup::Slack, '`') => out.push('\''),
            (
                Markup::Discord,
                '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '[' | ']' | '(' | ')' | ':' | '-',
            ) => out.extend(['\\', c]),
            // No mention begins where the sign is followed by a joiner.
            (Markup::Discord | Markup::Slack, '@') => out.extend(['@', '\u{2060}']),
            (_, c) => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moniker_stays_a_name() {
        let hostile = "<b>*x*</b> @everyone <!channel>\n`rm`";
        for (markup, expected) in [
            (Markup::Plain, "<b>*x*</b> @everyone <!channel> `rm`"),
            (Markup::Html, "&lt;b&gt;*x*&lt;/b&gt; @everyone &lt;!channel&gt; `rm`"),
            (Markup::Slack, "&lt;b&gt;∗x∗&lt;/b&gt; @\u{2060}everyone &lt;!channel&gt; 'rm'"),
            (Markup::Discord, "\\<b\\>\\*x\\*\\</b\\> @\u{2060}everyone \\<!channel\\> \\`rm\\`"),
        ] {
            assert_eq!(escape(markup, hostile), expected);
        }
    }
}
