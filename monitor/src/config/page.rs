//! `[page]`: who may see the page and who may change something. Without it everybody who reaches `listen` may look,
//! and nobody may change anything.

use super::SecretSource;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// As written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPage {
    tls: Option<PageTls>,
    admin_token: Option<SecretSource>,
    view_token: Option<SecretSource>,
}

/// `tls = { cert = "…", key = "…", client_ca = "…" }`
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct PageTls {
    /// PEM file of the certificate chain.
    pub cert: PathBuf,
    /// PEM file of its key.
    pub key: PathBuf,
    /// PEM file of authorities: only who shows a certificate of theirs gets in at all.
    pub client_ca: Option<PathBuf>,
}

/// Who gets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Certificates; plain HTTP where there are none.
    pub tls: Option<PageTls>,
    /// Who knows it may acknowledge and silence.
    pub admin_token: Option<SecretSource>,
    /// Who knows it may look; everybody where there is none.
    pub view_token: Option<SecretSource>,
}

impl RawPage {
    /// With files taken as relative to `directory`.
    pub(super) fn resolve(self, directory: &Path) -> Page {
        let tls = self.tls.map(|tls| PageTls {
            cert: directory.join(tls.cert),
            key: directory.join(tls.key),
            client_ca: tls.client_ca.map(|ca| directory.join(ca)),
        });
        let beside = |secret: Option<SecretSource>| secret.map(|s| s.beside(directory));
        Page { tls, admin_token: beside(self.admin_token), view_token: beside(self.view_token) }
    }
}

impl Page {
    /// What an operator should know about a page that listens on `listen`.
    pub fn warnings(&self, listen: SocketAddr) -> Vec<String> {
        let mut warnings = Vec::new();
        if listen.ip().is_loopback() {
            return warnings;
        }
        let asks = self.view_token.is_some() || self.tls.as_ref().is_some_and(|t| t.client_ca.is_some());
        if !asks {
            warnings.push(format!(
                "{listen} is reached from other machines, and whoever reaches it may look\ntry: listen on \
                 127.0.0.1, or [page] view_token or tls.client_ca"
            ));
        }
        if self.tls.is_none() {
            let what = match (&self.admin_token, &self.view_token) {
                (None, None) => "what the page shows",
                _ => "the token",
            };
            warnings.push(format!(
                "{listen} is reached from other machines without TLS: {what} can be read on the way\ntry: [page] \
                 tls = {{ cert = \"…\", key = \"…\" }}, or listen on 127.0.0.1"
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_beside_the_configuration() {
        let raw: RawPage = toml::from_str(
            "tls = { cert = \"c.pem\", key = \"/k.pem\" }\nadmin_token = { file = \"token\" }",
        )
        .unwrap();
        let page = raw.resolve(Path::new("/etc/palisade"));
        let tls = page.tls.unwrap();
        assert_eq!((tls.cert, tls.key), ("/etc/palisade/c.pem".into(), "/k.pem".into()));
        assert_eq!(page.admin_token, Some(SecretSource::File("/etc/palisade/token".into())));
        for wrong in ["token = \"x\"", "admin_token = \"x\"", "tls = { cert = \"c\" }"] {
            assert!(toml::from_str::<RawPage>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_open_door_is_said() {
        let local = "127.0.0.1:1".parse().unwrap();
        let open = "0.0.0.0:1".parse().unwrap();
        let page = Page::default();
        assert!(page.warnings(local).is_empty());
        assert_eq!(page.warnings(open).len(), 2);
        let token = Page { view_token: Some(SecretSource::Credential("t".into())), ..Page::default() };
        assert!(token.warnings(open)[0].contains("the token can be read"));
        let tls = PageTls { cert: "c".into(), key: "k".into(), client_ca: Some("a".into()) };
        assert!(Page { tls: Some(tls), ..Page::default() }.warnings(open).is_empty());
    }
}
