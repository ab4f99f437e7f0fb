//! One signer's connection to a cosigner, from the handshake to its end.

use std::{
    io,
    net::TcpStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rand_core::OsRng;
use rustls::{ServerConnection, StreamOwned};
use tracing::{debug, error, info, warn};

use crate::{
    frost::{
        cosigner::{Cosigner, Denied},
        nonces::Pending,
        wire::{Answer, Ask, Hello, VERSION},
    },
    io::{
        frost::{
            agreed::Agreement,
            hall::Hall,
            tls::{self, Timed},
        },
        store_file::LockedFile,
    },
    metrics::cosigner::CosignerMetrics,
    slots::Slots,
};

/// Handshake and first words.
const GREETING: Duration = Duration::from_secs(3);
/// A signer says something every 3 s; after this long it is gone.
const IDLE: Duration = Duration::from_secs(12);
/// Writing an answer.
pub(super) const ANSWER: Duration = Duration::from_secs(3);
pub(super) type Shared = Mutex<Seat>;

/// What only one connection has at a time.
pub(super) struct Seat {
    pub(super) cosigner: Cosigner<Slots<LockedFile>>,
    pub(super) agreement: Agreement,
}

/// What a connection's thread has.
pub(super) struct Room {
    pub(super) cosigner: Arc<Shared>,
    pub(super) hall: Arc<Hall>,
    pub(super) metrics: CosignerMetrics,
}

/// One signer, until it goes.
pub(super) fn talk(room: &Room, number: u64, stream: TcpStream, peer: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(room.hall.tls()).map_err(io::Error::other)?;
    let mut link = StreamOwned::new(connection, Timed::new(stream, Instant::now() + GREETING));
    let (mut pending, hello) = {
        let Seat { cosigner, .. } = &*lock(&room.cosigner);
        let pending = cosigner.promise(&mut OsRng);
        let (id, group) = (cosigner.id().into(), cosigner.group().fingerprint());
        let hello = Hello { version: VERSION, id, group, commitments: pending.public() };
        (pending, hello)
    };
    // The first write ends the handshake: nobody hears this but a pinned signer.
    tls::send(&mut link, &hello)?;
    let pin = tls::peer(&link.conn).filter(|pin| room.hall.recognise(number, *pin));
    let pin = pin.ok_or_else(|| io::Error::from(io::ErrorKind::PermissionDenied))?;
    info!(peer, signer = %pin, "signer connected");
    let connected = room.metrics.connected.with_label_values(&[&pin.to_string()]);
    connected.inc();
    let gone = serve_one(room, &mut link, &mut pending, peer);
    connected.dec();
    gone
}

fn serve_one(
    room: &Room,
    link: &mut StreamOwned<ServerConnection, Timed>,
    pending: &mut Pending,
    peer: &str,
) -> io::Result<()> {
    loop {
        link.sock.until(Instant::now() + IDLE);
        let Ask { package } = tls::receive(link)?;
        let answer = match package.is_empty() {
            true => Answer::default(),
            false => {
                let started = Instant::now();
                let (verdict, answer) = answer(room, pending, &package, peer);
                room.metrics.requests.with_label_values(&[verdict]).inc();
                let took = started.elapsed().as_secs_f64();
                room.metrics.duration.with_label_values(&[verdict]).observe(took);
                answer
            }
        };
        link.sock.until(Instant::now() + ANSWER);
        tls::send(link, &answer)?;
    }
}

/// What came of it, for the metrics, and the answer.
fn answer(room: &Room, pending: &mut Pending, package: &[u8], peer: &str) -> (&'static str, Answer) {
    let Seat { cosigner, agreement } = &mut *lock(&room.cosigner);
    let given = cosigner.sign(pending, package, &mut |chain_id, request| agreement.check(chain_id, request));
    *pending = cosigner.promise(&mut OsRng);
    let commitments = pending.public();
    match given {
        Ok(given) => {
            debug!(peer, repeat = given.repeat, "share given");
            cosigner.marks().for_each(|(chain_id, mark)| room.metrics.stands(chain_id, mark.hrs));
            let verdict = if given.repeat { "repeat" } else { "share" };
            (verdict, Answer { share: given.share, denied: String::new(), commitments })
        }
        Err(denied) => {
            match &denied {
                Denied::Refused(refusal) if refusal.reason.is_double_sign() => {
                    error!(peer, reason = denied.name(), %refusal, "double sign prevented");
                }
                Denied::Persist(_) | Denied::Stopped => {
                    room.metrics.stopped.with_label_values::<&str>(&[]).set(1);
                    error!(peer, %denied, "no share given");
                }
                _ => warn!(peer, reason = denied.name(), %denied, "no share given"),
            }
            (denied.name(), Answer { share: Vec::new(), denied: denied.to_string(), commitments })
        }
    }
}

fn lock(cosigner: &Shared) -> MutexGuard<'_, Seat> {
    // A panic in there came before a share left; the store knows what is durable.
    cosigner.lock().unwrap_or_else(PoisonError::into_inner)
}
