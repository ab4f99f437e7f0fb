//! The edge of the crate: the output directory, the demo's processes, and the commands that touch them.

mod daemon;
pub mod demo;
pub mod demo_cmd;
mod monitor_api;
pub mod move_cmd;
mod move_host;
pub mod out_dir;
pub mod render_cmd;
pub mod ssh;
