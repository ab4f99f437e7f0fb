//! Ports for peers that cannot be told to take any free one and say which.
//!
//! They come from below the ephemeral range, so that no outgoing connection takes one in between. A port belongs to the
//! process that took it until that ends, also before anybody listens on it: test programs run beside each other.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 12_000;
const COUNT: u16 = 18_000;

static NEXT: AtomicU16 = AtomicU16::new(0);
/// The locks of the ports that are ours.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A loopback port that nobody listens on and that nobody here has been given.
pub fn free() -> u16 {
    let start = u16::try_from(std::process::id() * 97 % u32::from(COUNT)).unwrap_or_default();
    loop {
        let offset = (u32::from(start) + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset).unwrap_or_default();
        if !take(port) {
            continue;
        }
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Whether the port is ours from now on.
fn take(port: u16) -> bool {
    let folder = folder();
    let lock = std::fs::create_dir_all(&folder)
        .and_then(|()| OpenOptions::new().create(true).append(true).open(folder.join(port.to_string())));
    match lock {
        Ok(lock) => {
            let ours = lock.try_lock().is_ok();
            if ours {
                TAKEN.lock().expect("nobody panics with it").push(lock);
            }
            ours
        }
        Err(e) => panic!("{}: {e}", folder.display()),
    }
}

/// Where the locks are: each user has them where they can be written.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("palisade-ports-{}", rustix::process::geteuid().as_raw()))
}

/// [`free`] as an address.
pub fn address() -> String {
    format!("127.0.0.1:{}", free())
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_port_is_given_twice() {
        let ports: std::collections::BTreeSet<u16> = (0..200).map(|_| super::free()).collect();
        assert_eq!(ports.len(), 200);
    }

    #[test]
    fn a_port_that_was_given_is_not_given_to_another_process() {
        let port = super::free();
        let lock = std::fs::File::open(super::folder().join(port.to_string())).unwrap();
        assert!(lock.try_lock().is_err());
    }
}
