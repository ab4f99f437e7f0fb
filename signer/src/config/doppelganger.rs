//! `rpc` and `doppelganger_*` of a `[[chain]]`: where to look for a second signer, how far back, and how long to wait.
//!
//! All of it or none of it: an `rpc` that nobody looks at, or a depth without anywhere to look, is a mistake that would pass for
//! a guard.

use std::time::Duration;

use crate::config::ConfigError;

/// Most commits that one look reads. More would take longer than a node waits, and proves little more.
pub const MAX_BLOCKS: u32 = 200;

/// A node's RPC: `http://HOST:PORT`, with a path where a proxy wants one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RpcUrl {
    /// Host and port.
    pub authority: String,
    /// Without the slash at its end.
    pub path: String,
}

/// The guard of one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoppelgangerConfig {
    /// Asked in this order; the first that has seen enough is enough.
    pub rpc: Vec<RpcUrl>,
    /// How many commits to look at, at most.
    pub blocks: u32,
    /// How long a request is held when no look is possible, before signing blind; `None` is for ever.
    pub max_wait: Option<Duration>,
}

pub(super) fn resolve(
    chain: &str,
    rpc: &[String],
    blocks: Option<u32>,
    max_wait: Option<&str>,
) -> Result<Option<DoppelgangerConfig>, ConfigError> {
    let bad = |why: &'static str| ConfigError::Doppelganger { chain: chain.into(), why };
    let Some(blocks) = blocks else {
        return match (rpc, max_wait) {
            ([], None) => Ok(None),
            _ => Err(bad(
                "doppelganger_blocks is missing: how many commits to look at before the first signature",
            )),
        };
    };
    if rpc.is_empty() {
        return Err(bad("rpc is missing: where to look"));
    }
    if !(1..=MAX_BLOCKS).contains(&blocks) {
        return Err(bad("doppelganger_blocks must be 1 to 200"));
    }
    let max_wait = max_wait
        .map(|text| {
            seconds(text).ok_or_else(|| bad("doppelganger_max_wait must be 1s to 3600s, such as \"30s\""))
        })
        .transpose()?;
    let rpc = rpc.iter().map(|url| RpcUrl::parse(url)).collect::<Result<_, _>>()?;
    Ok(Some(DoppelgangerConfig { rpc, blocks, max_wait }))
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.strip_suffix('s')?.parse().ok().filter(|n| (1..=3600).contains(n))?;
    Some(Duration::from_secs(seconds))
}

// === impl RpcUrl ===

impl RpcUrl {
    /// Reads a URL.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let bad = || ConfigError::Rpc(text.into());
        let rest = text.strip_prefix("http://").ok_or_else(bad)?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = authority.rsplit_once(':').ok_or_else(bad)?;
        let plain = text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains(['@', '?', '#']);
        if host.is_empty() || !plain || !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err(bad());
        }
        Ok(Self { authority: authority.into(), path: path.trim_end_matches('/').into() })
    }
}

impl std::fmt::Display for RpcUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl std::str::FromStr for RpcUrl {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rpc_urls() {
        for (text, shown) in [
            ("http://127.0.0.1:26657", "http://127.0.0.1:26657"),
            ("http://[::1]:26657/", "http://[::1]:26657"),
            ("http://node.example:80/akash/rpc/", "http://node.example:80/akash/rpc"),
        ] {
            assert_eq!(RpcUrl::parse(text).expect("good").to_string(), shown);
        }
        for bad in [
            "",
            "127.0.0.1:26657",
            "tcp://127.0.0.1:26657",
            "https://node.example:443",
            "http://node.example",
            "http://:1",
            "http://h:0",
            "http://h:x",
            "http://user@h:1",
            "http://h:1/?x",
            "http://h:1/ x",
            "http://h:1/\r\nx: y",
        ] {
            assert!(matches!(RpcUrl::parse(bad), Err(ConfigError::Rpc(_))), "{bad}");
        }
    }

    #[test]
    fn all_of_it_or_none_of_it() {
        let rpc = ["http://h:1".to_string()];
        assert_eq!(resolve("c", &[], None, None).expect("none"), None);
        let all = resolve("c", &rpc, Some(5), Some("30s")).expect("all").expect("a guard");
        assert_eq!((all.blocks, all.max_wait), (5, Some(Duration::from_secs(30))));
        assert_eq!(resolve("c", &rpc, Some(5), None).expect("all").expect("a guard").max_wait, None);
        for (rpc, blocks, wait) in [
            (&rpc[..], None, None),
            (&[][..], Some(5), None),
            (&[][..], None, Some("30s")),
            (&rpc[..], Some(0), None),
            (&rpc[..], Some(201), None),
            (&rpc[..], Some(5), Some("30")),
            (&rpc[..], Some(5), Some("0s")),
            (&rpc[..], Some(5), Some("-1s")),
        ] {
            assert!(
                matches!(resolve("c", rpc, blocks, wait), Err(ConfigError::Doppelganger { .. })),
                "{rpc:?} {blocks:?} {wait:?}"
            );
        }
    }
}
