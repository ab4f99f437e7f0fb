//! What the monitor said of a chain at every height, and the comparison with what the chain says of itself.
//!
//! The monitor is asked all the time; its last word about a height counts, because a reader that comes later reads that.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use comet::key::Address;
use serde_json::Value;

use crate::http;
use crate::sdk_truth::Truth;

/// Far less than a block.
const EVERY: Duration = Duration::from_millis(20);
/// A validator that is unjailed in block U is in the set from U + 2, and first counted in U + 3.
const BACK: i64 = 3;

/// Blocks that a machine with much else to do makes before an answer is there.
const LATE: i64 = 15;

/// What the monitor shows of one validator, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    moniker: String,
    missed: Option<i64>,
    jailed: Option<bool>,
    tombstoned: Option<bool>,
    bonded: bool,
    exact: bool,
    blocks_to_jail: Option<i64>,
}

/// What it shows of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    window: i64,
    source: String,
    validators: BTreeMap<Address, Seen>,
}

impl View {
    /// `None` while there is no window.
    fn read(chain: &Value) -> Option<Self> {
        let one = |one: &Value| {
            let seen = Seen {
                moniker: one["moniker"].as_str()?.into(),
                missed: one["window_missed"].as_i64(),
                jailed: one["jailed"].as_bool(),
                tombstoned: one["tombstoned"].as_bool(),
                bonded: one["bonded"] == true,
                exact: one["exact"] == true,
                blocks_to_jail: one["blocks_to_jail"].as_i64(),
            };
            Some((Address::from_hex(one["address"].as_str()?)?, seen))
        };
        let validators = chain["validators"].as_array()?.iter().map(one).collect::<Option<_>>()?;
        let source = chain["window_source"].as_str()?.into();
        Some(Self { window: chain["window"]["blocks"].as_i64()?, source, validators })
    }
}

/// By height.
pub type Views = BTreeMap<i64, View>;

/// A monitor that is being listened to.
pub struct Record {
    views: Arc<Mutex<Views>>,
    ends: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl Record {
    /// Listens to the monitor at `listen`, which shows one chain.
    pub fn start(listen: &str) -> Self {
        let (views, ends) = <(Arc<Mutex<Views>>, Arc<AtomicBool>)>::default();
        let (to, until, listen) = (views.clone(), ends.clone(), listen.to_owned());
        let listener = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                if let Ok(chains) = http::json(&listen, "/api/chains")
                    && let Some(height) = chains[0]["height"].as_i64()
                    && let Some(view) = View::read(&chains[0])
                {
                    to.lock().unwrap_or_else(PoisonError::into_inner).insert(height, view);
                }
                std::thread::sleep(EVERY);
            }
        });
        Self { views, ends, listener: Some(listener) }
    }

    /// The last view of every height with a window. The newest height is left out: more may be said about it.
    pub fn taken(&self) -> Views {
        let mut all = self.views.lock().unwrap_or_else(PoisonError::into_inner).clone();
        all.pop_last();
        all
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(listener) = self.listener.take() {
            // It has nothing to say.
            let _ = listener.join();
        }
    }
}

/// Every difference between the views and the truths, which begin a height earlier.
///
/// Three things are as they should be although the words differ. A view is the state after the BeginBlock of its height, and
/// parameters and unjailings come later in a block: a window may be that of the height before, and who was unjailed is in
/// jail until he is counted again. And only the queries say `tombstoned`, which are asked when the block is there: it
/// may come [`LATE`] heights late, while `jailed` may not.
pub fn differences(views: &Views, truths: &BTreeMap<i64, Truth>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (height, view) in views {
        let (truth, before) =
            truths.get(height).zip(truths.get(&(height - 1))).context("no truth for a view")?;
        let mut differ = |who: &str, chain: &dyn std::fmt::Debug, monitor: &dyn std::fmt::Debug| {
            found.push(format!("{height}: {who}: chain {chain:?}, monitor {monitor:?}"));
        };
        if ![before.window, truth.window].contains(&view.window) || view.source != "store" {
            differ("window", &truth.window, &(view.window, &view.source));
        }
        for (address, chain) in &truth.validators {
            let Some(seen) = view.validators.get(address) else {
                differ(&address.to_string(), chain, &"nothing");
                continue;
            };
            let lately = |says: &dyn Fn(&Truth) -> Option<bool>, since: i64| {
                truths.range(height - since..*height).any(|(_, truth)| says(truth) == Some(true))
            };
            let jailed = |truth: &Truth| truth.validators.get(address).map(|one| one.jailed);
            let returns = !chain.jailed && lately(&jailed, BACK);
            let spared = |truth: &Truth| truth.validators.get(address).map(|one| !one.tombstoned);
            let fresh = chain.tombstoned && lately(&spared, LATE);
            let same = seen.missed == Some(chain.missed)
                && (seen.jailed == Some(chain.jailed) || returns)
                && (seen.tombstoned == Some(chain.tombstoned) || fresh)
                && (seen.exact || !seen.bonded);
            if !same {
                differ(&seen.moniker, chain, seen);
            }
        }
    }
    Ok(found)
}

/// Who went to jail in which block, by the chain's own word.
pub fn jailings(truths: &BTreeMap<i64, Truth>) -> Vec<(i64, Address)> {
    let mut found = Vec::new();
    for (height, truth) in truths {
        let Some(before) = truths.get(&(height - 1)) else { continue };
        let free = |address: &Address| before.validators.get(address).is_some_and(|was| !was.jailed);
        let jailed = truth.validators.iter().filter(|(address, now)| now.jailed && free(address));
        found.extend(jailed.map(|(address, _)| (*height, *address)));
    }
    found
}

/// Checks every forecast that was made from the validator's last signature, or from `after`, up to its jailing in block
/// `jailed`: each must name that block. How many there were. `rpc` is of a node of the chain.
pub fn check_forecasts(
    rpc: &str,
    views: &Views,
    address: &Address,
    after: i64,
    jailed: i64,
) -> Result<usize> {
    let mut from = jailed;
    while from > after && !signed(rpc, address, from)? {
        from -= 1;
    }
    let mut made = 0;
    for (height, view) in views.range(from..jailed) {
        let forecast = view.validators.get(address).and_then(|seen| seen.blocks_to_jail);
        ensure!(
            forecast == Some(jailed - height),
            "at {height} the forecast was {forecast:?} blocks, and it went to jail in {jailed}"
        );
        made += 1;
    }
    Ok(made)
}

/// Whether the commit inside block `height` has the validator's signature.
fn signed(rpc: &str, address: &Address, height: i64) -> Result<bool> {
    let block = http::rpc(rpc, &format!("/block?height={height}"))?;
    let all = block["block"]["last_commit"]["signatures"].as_array().context("no signatures")?;
    Ok(all.iter().any(|one| one["validator_address"] == address.to_string()))
}
