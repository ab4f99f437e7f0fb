//! E-mail. The Message-ID is the transition's, so that a mail that was sent twice is one in most mailboxes.

use crate::alert::message::Text;
use crate::alert::{Kind, Transition};
use crate::config::alerts::{Smtp, SmtpTls};
use crate::io::secret;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(20);

/// One mail server.
#[derive(Debug)]
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mailer {
    /// Reads the password and the addresses.
    pub(super) fn new(smtp: &Smtp) -> Result<Self, String> {
        let mailbox = |address: &String| address.parse::<Mailbox>().map_err(|e| format!("{address:?}: {e}"));
        let builder = match smtp.tls {
            SmtpTls::Whole => AsyncSmtpTransport::<Tokio1Executor>::relay(&smtp.host),
            SmtpTls::Start => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(&smtp.host),
            SmtpTls::None => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.host)),
        };
        let mut builder = builder.map_err(|e| e.to_string())?.port(smtp.port).timeout(Some(DEADLINE));
        if let Some((user, key)) = &smtp.login {
            let password = secret::read(key).map_err(|e| e.to_string())?;
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        let to = smtp.to.iter().map(mailbox).collect::<Result<_, _>>()?;
        Ok(Self { transport: builder.build(), from: mailbox(&smtp.from)?, to })
    }

    /// Sends one; gives back what the server said.
    pub(super) async fn send(&self, transition: &Transition, text: &Text) -> Result<String, String> {
        let incident = format!("<{}@palisade>", transition.alert.incident());
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(&text.title)
            .message_id(Some(format!("<{}@palisade>", transition.id())))
            .header(ContentType::TEXT_PLAIN);
        if transition.kind != Kind::Fired {
            message = message.in_reply_to(incident.clone());
        }
        for to in &self.to {
            message = message.to(to.clone());
        }
        let message = message.references(incident).body(text.body.clone()).map_err(|e| e.to_string())?;
        let sent = tokio::time::timeout(DEADLINE, self.transport.send(message)).await;
        let response = sent.map_err(|_| "no answer within 20 s".to_owned())?.map_err(|e| chain(&e))?;
        Ok(response.message().collect::<Vec<_>>().join(" "))
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
