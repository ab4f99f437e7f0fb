//! Rendering a fleet of a hundred hosts: from its text to every file of every host, in memory. Its floor is writing the same bytes to files,
//! which is what `palisade render` does with them next.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use palisade::render::{Homes, render};
use palisade_sentry::resolve;
use palisade_tests::scratch::Scratch;

/// Hosts that are added to those of the example.
const HOSTS: usize = 92;
const EXAMPLE: &str = include_str!("../../../../examples/fleet-classic.toml");

/// Renders `rounds` times.
pub(crate) fn measure(rounds: usize) -> Result<()> {
    let mut text = EXAMPLE.to_owned();
    for i in 1..=HOSTS {
        text += &format!(
            "[[host]]\nname = \"more-{i}\"\nprovider = \"p{i}\"\npublic = [\"203.0.114.{i}\"]\nwireguard = \"10.67.0.{i}\"\n\
             [host.ssh]\naddress = \"203.0.114.{i}\"\n[host.tunnel]\nendpoint = \"203.0.114.{i}:51820\"\n\
             public_key = \"S56nDrCoSh8fbIIf+6WwvKvzM3gBst/QwbzOceHI9qo=\"\n\
             [[host.node]]\nchain = \"akashnet-2\"\nrole = \"sentry\"\nid = \"{i:040x}\"\n"
        );
    }
    let (mut took, mut written) = (Duration::MAX, Duration::MAX);
    let (mut files, mut bytes, mut hosts) = (0, 0, 0);
    for _ in 0..rounds.max(1) {
        let began = Instant::now();
        let fleet = resolve(&text)?;
        let rendered = render(&fleet, &Homes::new())?;
        took = took.min(began.elapsed());
        let scratch = Scratch::new()?;
        let began = Instant::now();
        for (number, (_, text)) in rendered.tree.texts().enumerate() {
            std::fs::write(scratch.path().join(number.to_string()), text)?;
        }
        written = written.min(began.elapsed());
        files = rendered.tree.texts().count();
        bytes = rendered.tree.texts().map(|(_, text)| text.len()).sum();
        hosts = fleet.hosts().count();
    }
    ensure!(hosts == HOSTS + 8, "{hosts} hosts");
    println!(
        "deploy, render of a fleet of {hosts} hosts              {:.1} ms for {files} files, {} kB; to disk {:.1} ms    goal: 1000 ms",
        took.as_secs_f64() * 1e3,
        bytes / 1000,
        written.as_secs_f64() * 1e3
    );
    Ok(())
}
