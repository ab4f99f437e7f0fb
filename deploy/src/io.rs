//! The edge of the crate: the output directory, and the commands that touch it.

pub mod out_dir;
pub mod render_cmd;
