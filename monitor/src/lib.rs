//! Watches every validator of a chain: who signs, who misses, and how many blocks each one is from jail.
//!
//! ```text
//! source (RPC, websocket, gRPC) -> Event -> chain::apply(State, Event) -> (State, Vec<Change>) -> metrics, history, page
//! ```
//!
//! Everything but [`io`] is functions of their arguments: the same blocks give the same numbers, live or replayed.
//!
//! - [`decode`], [`live`]: a node's answers and messages become [`event`]s
//! - [`chain`]: the state of one chain and the only function that changes it, giving out [`change`]s
//! - [`row`], [`flag`], [`set`]: one counted height; [`tally`], [`pace`]: counters and block time over many
//! - [`jailing`], [`bitmap`]: x/slashing for one validator; [`windows`]: for all; [`forecast`]: blocks to jail,
//!   and how likely jail is
//! - [`diagnosis`]: why validators miss; [`duty`]: what operators owe besides signatures
//! - [`line`], [`probe`]: which SDK's x/slashing a chain runs, by what its node answers
//! - [`history`]: what is kept of it for years: chunks of rows, hours and days, events
//! - [`profile`]: operator address, name and bonding; [`rest`]: the modules in JSON
//! - [`view`], [`trouble`]: what the page and the API show; [`delta`]: what of it is new; [`metrics`]: the Prometheus exposition
//! - [`health`]: when an endpoint may be asked; [`light`]: whether what it says can be true
//! - [`remote_write`]: the same metrics on the wire to a receiver
//! - [`migrate`]: what other monitors' configurations say
//! - [`alert`]: rules over all that, the life of an alert, and what is sent
//! - [`top`]: the same in a terminal
//! - [`config`] is `monitor.toml`; [`secret`] what it only points at
//! - [`io`] is sockets, files, clock, logs

pub mod alert;
pub mod bitmap;
pub mod chain;
pub mod change;
pub mod cli;
pub mod config;
pub mod decode;
pub mod delta;
pub mod diagnosis;
pub mod duty;
pub mod event;
pub mod flag;
pub mod forecast;
pub mod health;
pub mod history;
pub mod io;
pub mod jailing;
pub mod light;
pub mod line;
pub mod live;
pub mod metrics;
pub mod migrate;
pub mod pace;
pub mod probe;
pub mod profile;
pub mod remote_write;
pub mod rest;
pub mod row;
pub mod secret;
pub mod set;
pub mod tally;
pub mod top;
pub mod trouble;
pub mod view;
pub mod windows;
