//! What a device is made as, and the limits that a test may want lower than the real ones.

use std::time::Duration;

/// Settings of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Serial number.
    pub serial: u32,
    /// Firmware version: major, minor, patch. Decides buffer, algorithms listed, and what is audited from the start.
    pub firmware: (u8, u8, u8),
    /// A session unused for so long is closed.
    pub idle_limit: Duration,
    /// Messages one session may carry.
    pub command_limit: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            serial: 7_550_054,
            firmware: (2, 4, 0),
            idle_limit: Duration::from_secs(30),
            command_limit: 1_048_576,
        }
    }
}

impl Config {
    /// Bytes of the message buffer; a message has to be shorter.
    pub(crate) fn buffer(&self) -> usize {
        if self.firmware >= (2, 4, 0) { 3136 } else { 2048 }
    }

    /// Since 2.3.1 no command is audited before somebody says so.
    pub(crate) fn audits_from_the_start(&self) -> bool {
        self.firmware < (2, 3, 1)
    }

    /// Algorithms are numbered; a firmware lists them from 1 to its newest, whether this simulator does them or not.
    pub(crate) fn last_algorithm(&self) -> u8 {
        match self.firmware {
            (2, 4.., _) | (3.., _, _) => 55,
            (2, 3, _) => 54,
            (2, 2, _) => 48,
            _ => 47,
        }
    }
}
