//! The daemons' example files are read by the daemons' own code.

use std::path::Path;

const SIGNER: &str = include_str!("../../examples/signer.toml");
const MONITOR: &str = include_str!("../../examples/monitor.toml");

#[test]
fn signer_example() {
    let config = palisade_signer::config::Config::parse(SIGNER, Path::new("/etc/palisade")).unwrap();
    assert_eq!(config.chains.len(), 1);
    assert_eq!(config.chains[0].nodes.len(), 2);
    assert_eq!(config.state_dir, Path::new("/etc/palisade/state"));
}

#[test]
fn monitor_example() {
    let config =
        palisade_monitor::config::Config::parse(MONITOR, Path::new("/etc/palisade/monitor.toml")).unwrap();
    assert_eq!(config.chains.len(), 1);
    assert_eq!(config.data_dir, Path::new("/etc/palisade/data"));
}
