//! What a signer host says about itself: one script's output, read as facts. Output without its last line is no output.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::Deserialize;

use super::Place;

/// Read by `sh` on the host, as root. Changes nothing, but for a file of 4 KiB in the state directory that is made and removed:
/// a disk that is full must be known before anything is stopped.
pub const SCRIPT: &str = r#"
u=palisade-signer.service
systemctl show -p LoadState -p ActiveState -p UnitFileState -p MainPID "$u" | sed 's/^/unit /'
for p in /proc/[0-9]*; do
  e=$(readlink "$p/exe" 2>/dev/null) || continue
  case "${e% (deleted)}" in
    */palisade-signer|*/tmkms|*/horcrux) echo "process ${p#/proc/} $e" ;;
    */palisade) tr '\0' ' ' <"$p/cmdline" | grep -q ' signer ' && echo "process ${p#/proc/} $e" ;;
  esac
done
sed -n 's/^ *[0-9]*: \([0-9A-F:]*\) \([0-9A-F:]*\) \([0-9A-F][0-9A-F]\) .*/tcp \2 \3/p' /proc/net/tcp /proc/net/tcp6 2>/dev/null
d=/var/lib/palisade-signer
if [ -d "$d" ]; then
  t="$d/.palisade-room"
  if dd if=/dev/zero of="$t" bs=4096 count=1 conv=fsync 2>/dev/null; then echo "room yes"; else echo "room no"; fi
  rm -f "$t"
fi
if [ -x /usr/local/bin/palisade-signer ]; then
  runuser -u palisade-signer -- /usr/local/bin/palisade-signer check --json --config /etc/palisade/signer/signer.toml | sed 's/^/check /'
fi
echo end
"#;

/// Why an output is not the script's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// The connection broke before the end.
    #[error("the answer of the host is cut off")]
    Cut,
    /// A line that the script does not print.
    #[error("cannot be read: {0:?}")]
    Line(String),
}

/// The unit as systemd has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// `loaded`, `masked`, `not-found`
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`
    pub active: String,
    /// `enabled`, `disabled`, `masked`
    pub file: String,
    /// 0 without a process.
    pub main_pid: u32,
}

/// A signer host, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The signer's unit.
    pub unit: Unit,
    /// Processes of any remote signer, whoever started them.
    pub processes: Vec<String>,
    /// Addresses that something here is connected with, or trying to be.
    pub connected: Vec<SocketAddr>,
    /// Whether 4 KiB could be written where the marks are.
    pub room: bool,
    /// Addresses of the keys by chain, in hex, as the signer's own check reads them.
    pub keys: BTreeMap<String, String>,
    /// Marks by chain.
    pub marks: BTreeMap<String, Place>,
    /// What the signer's check does not like.
    pub findings: Vec<String>,
}

/// The lines of `palisade-signer check --json`.
#[derive(Deserialize)]
struct Checked {
    findings: Vec<CheckedLine>,
    chains: Vec<CheckedChain>,
}

#[derive(Deserialize)]
struct CheckedLine {
    subject: String,
    said: String,
    good: bool,
}

#[derive(Deserialize)]
struct CheckedChain {
    chain_id: String,
    address: String,
    mark: Option<Place>,
}

impl Facts {
    /// Reads the script's output.
    ///
    /// # Errors
    /// It is cut off, or not the script's.
    pub fn read(text: &str) -> Result<Self, FactsError> {
        let mut lines: Vec<&str> = text.lines().collect();
        if lines.pop() != Some("end") {
            return Err(FactsError::Cut);
        }
        let mut facts = Self::default();
        for line in lines {
            let wrong = || FactsError::Line(line.to_owned());
            let (kind, rest) = line.split_once(' ').ok_or_else(wrong)?;
            match kind {
                "unit" => {
                    let (key, value) = rest.split_once('=').ok_or_else(wrong)?;
                    let value = value.to_owned();
                    match key {
                        "LoadState" => facts.unit.load = value,
                        "ActiveState" => facts.unit.active = value,
                        "UnitFileState" => facts.unit.file = value,
                        "MainPID" => facts.unit.main_pid = value.parse().map_err(|_| wrong())?,
                        _ => return Err(wrong()),
                    }
                }
                "process" => facts.processes.push(rest.to_owned()),
                "tcp" => {
                    let (address, state) = rest.split_once(' ').ok_or_else(wrong)?;
                    let address = hex_address(address).ok_or_else(wrong)?;
                    // Established, and on the way there (SYN sent, SYN received). What is closing carries no request.
                    if matches!(state, "01" | "02" | "03") {
                        facts.connected.push(address);
                    }
                }
                "room" => facts.room = rest == "yes",
                "check" => {
                    let checked: Checked = serde_json::from_str(rest).map_err(|_| wrong())?;
                    let bad = checked.findings.into_iter().filter(|line| !line.good);
                    facts.findings.extend(bad.map(|line| format!("{}: {}", line.subject, line.said)));
                    for chain in checked.chains {
                        facts.keys.insert(chain.chain_id.clone(), chain.address);
                        if let Some(mark) = chain.mark {
                            facts.marks.insert(chain.chain_id, mark);
                        }
                    }
                }
                _ => return Err(wrong()),
            }
        }
        if facts.unit.active.is_empty() {
            return Err(FactsError::Line("nothing about the unit".into()));
        }
        Ok(facts)
    }
}

/// `0100007F:6633` as /proc/net/tcp writes it on a little-endian machine: words of four bytes, each turned round.
fn hex_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let bytes = (0..ip.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(ip.get(i..i + 2)?, 16).ok())
        .collect::<Option<Vec<u8>>>()?;
    let turned: Vec<u8> = bytes.chunks(4).flat_map(|word| word.iter().rev().copied()).collect();
    let ip = match <[u8; 4]>::try_from(turned.as_slice()) {
        Ok(four) => Ipv4Addr::from(four).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(turned.as_slice()).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: &str =
        "unit LoadState=loaded\nunit ActiveState=active\nunit UnitFileState=enabled\nunit MainPID=7\n";

    #[test]
    fn a_whole_answer_is_read() {
        let text = format!(
            "{UNIT}process 7 /usr/local/bin/palisade-signer (deleted)\ntcp 0A00420A:6823 01\ntcp 0B00420A:6823 06\nroom yes\n\
             check {{\"findings\":[{{\"subject\":\"chain c\",\"said\":\"bad\",\"good\":false}}],\
             \"chains\":[{{\"chain_id\":\"c\",\"address\":\"AB\",\"mark\":{{\"height\":5,\"round\":0,\"step\":3}}}}]}}\nend\n"
        );
        let facts = Facts::read(&text).unwrap();
        assert_eq!(facts.unit.main_pid, 7);
        assert_eq!(facts.connected, ["10.66.0.10:26659".parse().unwrap()], "TIME_WAIT is nobody");
        assert_eq!(facts.marks["c"], Place { height: 5, round: 0, step: 3 });
        assert_eq!(facts.findings, ["chain c: bad"]);
    }

    #[test]
    fn an_answer_that_was_cut_anywhere_is_none() {
        let whole = format!("{UNIT}room yes\nend\n");
        assert!(Facts::read(&whole).is_ok());
        for end in 0..whole.len() - 1 {
            assert_eq!(Facts::read(&whole[..end]), Err(FactsError::Cut), "{:?}", &whole[..end]);
        }
        assert!(Facts::read("end\n").is_err(), "nothing about the unit is no fact");
    }

    #[test]
    fn an_ipv4_in_an_ipv6_socket_is_the_same_node() {
        assert_eq!(
            hex_address("0000000000000000FFFF00000A00420A:6823"),
            Some("10.66.0.10:26659".parse().unwrap())
        );
    }
}
