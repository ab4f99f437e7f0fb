//! The edge of the crate: the output directory, the demo's processes, and the commands that touch them.

pub mod apply_cmd;
mod daemon;
pub mod demo;
pub mod demo_cmd;
pub mod init_cmd;
mod looking;
mod monitor_api;
pub mod move_cmd;
mod move_host;
pub mod out_dir;
pub mod plan_cmd;
pub mod render_cmd;
pub mod ssh;
pub mod status_cmd;
pub mod upgrade_cmd;
