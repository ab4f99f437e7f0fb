//! One frame to the device, one frame back, before a deadline: the seam at which HTTP, USB and test doubles are equal.

use std::{io, sync::Arc, time::Instant};

use thiserror::Error;

use crate::{
    config::Connector,
    io::key::yubihsm::{http::HttpTransport, lane::Lane},
};

/// A way to a device. A failed exchange may have reached the device or not; the session is lost in any case.
pub trait Transport: Send {
    /// Sends a frame and waits for the reply until `deadline`.
    fn exchange(&mut self, frame: &[u8], deadline: Instant) -> Result<Vec<u8>, TransportError>;
}

/// Why there is no reply.
#[derive(Debug, Error)]
pub enum TransportError {
    /// Nobody listens there, or nobody answers.
    #[error("{address}: {source}")]
    Io {
        /// Where.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// The deadline passed.
    #[error("{address}: no answer in time")]
    Timeout {
        /// Where.
        address: String,
    },
    /// The connector has an answer, but not from the device.
    #[error("{address}: the connector answers {status}; is the device plugged in?")]
    Status {
        /// Where.
        address: String,
        /// HTTP status.
        status: u16,
    },
    /// No HTTP, or too much of it.
    #[error("{address}: not the answer of a connector: {what}")]
    Garbage {
        /// Where.
        address: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// An operator's command holds the device.
    #[error("the device is busy with another command")]
    Busy,
    /// USB.
    #[error("usb: {0}")]
    Usb(String),
}

/// Opens a way to the device behind `lane`. Nothing is sent yet.
pub fn open(lane: &Arc<Lane>) -> Box<dyn Transport> {
    match lane.connector() {
        Connector::Http { .. } | Connector::Unix { .. } => {
            Box::new(HttpTransport::new(lane.connector().clone()))
        }
        #[cfg(feature = "usb")]
        Connector::Usb { .. } => Box::new(crate::io::key::yubihsm::usb::UsbTransport::new(Arc::clone(lane))),
        #[cfg(not(feature = "usb"))]
        Connector::Usb { .. } => Box::new(NoUsb),
    }
}

/// What a program without the feature has.
#[cfg(not(feature = "usb"))]
struct NoUsb;

#[cfg(not(feature = "usb"))]
impl Transport for NoUsb {
    fn exchange(&mut self, _: &[u8], _: Instant) -> Result<Vec<u8>, TransportError> {
        Err(TransportError::Usb("this program was built without the feature \"usb\"".into()))
    }
}
