//! A device at a USB port of this machine, by `nusb`: pure Rust on the kernel's usbfs, so there is no C beside the key.
//!
//! Only the device that is meant is opened, found by its serial number in sysfs; others, such as a standby in the next port, are
//! not touched. After anything unexpected the handle is thrown away, so a late reply is never taken for the next one.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use nusb::{
    Endpoint, MaybeFuture,
    transfer::{Buffer, Bulk, In, Out, TransferError},
};

use crate::{
    config::Connector,
    io::key::yubihsm::{
        lane::Lane,
        transport::{Transport, TransportError},
    },
    yubihsm::frame::MAX_REPLY,
};

const VENDOR: u16 = 0x1050;
const PRODUCT: u16 = 0x0030;
const OUT: u8 = 0x01;
const IN: u8 = 0x81;
/// How long a leftover of somebody before us is waited for.
const LEFTOVER: Duration = Duration::from_millis(10);

/// The place of the one handle that a process can have.
#[derive(Default)]
pub(super) struct Slot {
    handle: Mutex<Turn>,
    free: Condvar,
}

#[derive(Default)]
struct Turn {
    handle: Option<Handle>,
    taken: bool,
}

struct Handle {
    out: Endpoint<Bulk, Out>,
    into: Endpoint<Bulk, In>,
}

/// A way to the device of a lane.
pub(super) struct UsbTransport {
    lane: Arc<Lane>,
}

/// Serial numbers of the devices that are plugged in, read without opening any of them.
pub fn serials() -> Result<Vec<u32>, TransportError> {
    let devices = nusb::list_devices().wait().map_err(|error| TransportError::Usb(error.to_string()))?;
    Ok(devices.filter(is_ours).filter_map(|device| serial_of(&device)).collect())
}

// === impl UsbTransport ===

impl UsbTransport {
    pub(super) fn new(lane: Arc<Lane>) -> Self {
        Self { lane }
    }
}

impl Transport for UsbTransport {
    fn exchange(&mut self, frame: &[u8], deadline: Instant) -> Result<Vec<u8>, TransportError> {
        let Connector::Usb { serial } = self.lane.connector() else { return Err(TransportError::Busy) };
        let slot = &self.lane.usb;
        let mut turn = slot.handle.lock().unwrap_or_else(PoisonError::into_inner);
        while turn.taken {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TransportError::Busy);
            }
            turn = slot.free.wait_timeout(turn, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        turn.taken = true;
        let kept = turn.handle.take();
        drop(turn);

        let done = kept.map_or_else(|| Handle::open(*serial), Ok).and_then(|mut handle| {
            let reply = handle.exchange(frame, deadline)?;
            Ok((handle, reply))
        });

        let mut turn = slot.handle.lock().unwrap_or_else(PoisonError::into_inner);
        turn.taken = false;
        let reply = done.map(|(handle, reply)| {
            turn.handle = Some(handle);
            reply
        });
        drop(turn);
        slot.free.notify_one();
        reply
    }
}

// === impl Handle ===

impl Handle {
    fn open(serial: Option<u32>) -> Result<Self, TransportError> {
        let failed = |error: nusb::Error| TransportError::Usb(error.to_string());
        let mut found: Vec<_> = nusb::list_devices()
            .wait()
            .map_err(failed)?
            .filter(|device| is_ours(device) && (serial.is_none() || serial_of(device) == serial))
            .collect();
        let (Some(device), true) = (found.pop(), found.is_empty()) else {
            return Err(TransportError::Usb(match serial {
                Some(serial) => format!("no YubiHSM with serial number {serial} is plugged in"),
                None => "there must be exactly one YubiHSM, or a serial number".into(),
            }));
        };
        let device = device.open().wait().map_err(failed)?;
        let interface = device.claim_interface(0).wait().map_err(failed)?;
        let mut handle = Self {
            out: interface.endpoint(OUT).map_err(failed)?,
            into: interface.endpoint(IN).map_err(failed)?,
        };
        while handle.read(LEFTOVER).is_ok() {}
        Ok(handle)
    }

    fn exchange(&mut self, frame: &[u8], deadline: Instant) -> Result<Vec<u8>, TransportError> {
        let failed = |error: TransferError| TransportError::Usb(error.to_string());
        self.write(frame, deadline).map_err(failed)?;
        // A message ends with a packet that is not full; where all are full, with an empty one.
        if frame.len().is_multiple_of(self.out.max_packet_size()) {
            self.write(&[], deadline).map_err(failed)?;
        }
        self.read(deadline.saturating_duration_since(Instant::now())).map_err(|error| match error {
            TransferError::Cancelled => TransportError::Timeout { address: "usb".into() },
            error => failed(error),
        })
    }

    fn write(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), TransferError> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.out.transfer_blocking(Buffer::from(bytes.to_vec()), left).status
    }

    fn read(&mut self, patience: Duration) -> Result<Vec<u8>, TransferError> {
        let whole_packets = MAX_REPLY.next_multiple_of(self.into.max_packet_size());
        Ok(self.into.transfer_blocking(Buffer::new(whole_packets), patience).into_result()?.into_vec())
    }
}

fn is_ours(device: &nusb::DeviceInfo) -> bool {
    (device.vendor_id(), device.product_id()) == (VENDOR, PRODUCT)
}

/// Written with leading zeros on the device.
fn serial_of(device: &nusb::DeviceInfo) -> Option<u32> {
    device.serial_number()?.parse().ok()
}
