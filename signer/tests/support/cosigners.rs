//! A key cut into shares, cosigners behind TLS on loopback, a signer in front of them, and cosigners that are bad at one message.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use palisade_signer::{
    config::{Config, CosignerConfig},
    doppelganger::{Settled, Standing},
    frost::wire::{Answer, Ask, Hello},
    io::{
        frost::{
            serve::{self, Serving},
            tls::{self, Identity as TlsIdentity, Timed},
        },
        key, store_file,
    },
    keeper::{self, Keeper, Signed},
    mark::{Hrs, Identity, Mark},
    metrics::Metrics,
    request::Request,
    store::{Storage, Store},
};
use rustls::{ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::{
    command::{good, run},
    requests::CHAIN,
};

/// A key cut into shares, with all that signer and cosigners need to find each other.
pub struct Stage {
    pub dir: TempDir,
    pub of: u16,
    pub threshold: u16,
}

impl Stage {
    pub fn set(threshold: u16, of: u16) -> Self {
        let dir = tempfile::tempdir().unwrap();
        good(&dir, "key generate key.json");
        let (code, _, err) =
            run(&dir, &format!("frost split key.json --threshold {threshold} --of {of} --out shares"));
        assert_eq!(code, 0, "{err}");
        good(&dir, "frost identity signer.id");
        for id in 1..=of {
            good(&dir, &format!("frost identity cosigner-{id}.id"));
        }
        Self { dir, of, threshold }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn pin(&self, file: &str) -> String {
        good(&self.dir, &format!("frost identity {file}")).trim().to_owned()
    }

    pub fn cosigner_config(&self, id: u16, listen: SocketAddr) -> CosignerConfig {
        let text = format!(
            "listen = '{listen}'\nstate_dir = 'state-{id}'\nidentity = 'cosigner-{id}.id'\nshare = 'shares/share-{id}.json'\n\
             signers = ['{}']\nchains = ['{CHAIN}']\n",
            self.pin("signer.id")
        );
        fs::write(self.path().join(format!("cosigner-{id}.toml")), &text).unwrap();
        CosignerConfig::parse(&text, self.path()).unwrap()
    }

    /// Starts a cosigner; its mark goes on where it was.
    pub fn cosigner(&self, id: u16, listen: SocketAddr) -> Serving {
        let config = self.cosigner_config(id, listen);
        if !config.state_file(CHAIN).exists() {
            assert!(serve::floor(&config, CHAIN, Mark::floor(Hrs::whole_height(0))).unwrap());
        }
        serve::open(&config).unwrap().serve().unwrap()
    }

    /// A signer with a state of its own that asks the cosigners at these addresses.
    pub fn signer(&self, name: &str, addresses: &[SocketAddr]) -> Keeper<impl Storage + use<>> {
        let cosigners: Vec<_> = (1..)
            .zip(addresses)
            .map(|(id, address)| {
                let pin = self.pin(&format!("cosigner-{id}.id"));
                format!("{{ id = {id}, address = '{address}', pin = '{pin}' }}")
            })
            .collect();
        let text = format!(
            "state_dir = '{name}'\nlisten = '127.0.0.1:0'\n[[key]]\nname = 'k'\nbackend = 'frost'\n\
             group = 'shares/group.json'\nidentity = 'signer.id'\ncosigners = [{}]\n\
             [[chain]]\nid = '{CHAIN}'\nkey = 'k'\nnodes = ['tcp://127.0.0.1:1']\n",
            cosigners.join(", ")
        );
        let config = Config::parse(&text, self.path()).unwrap();
        let key = key::open("k", &config.keys[0].backend, &Metrics::new("t")).unwrap();
        let identity = Identity { chain_id: CHAIN.into(), public_key: key.public_key().clone() };
        let path = config.state_file(CHAIN);
        if !path.exists() {
            store_file::create(&path, &identity, &Mark::floor(Hrs::whole_height(0))).unwrap();
        }
        let (slots, last) = store_file::open(&path, identity).unwrap();
        // As the signer does once its walls stand: the links are made now, and all of them before anything is asked.
        assert!(key.health().is_some());
        thread::sleep(Duration::from_millis(300));
        Keeper::new(key, vec![Store::new(last, slots)])
    }

    pub fn public_key(&self) -> comet::key::PublicKey {
        let json = fs::read_to_string(self.path().join("key.json")).unwrap();
        let key = comet::key_file::read_priv_validator_key(&json).unwrap();
        comet::key::PublicKey::from_bytes(key.public().as_bytes()).unwrap()
    }
}

pub fn ask<S: Storage>(signer: &mut Keeper<S>, request: &Request) -> keeper::Answer {
    let leave = Standing::Settled(Settled::NotGuarded).leave(request.hrs().height).unwrap();
    signer.answer(0, leave, request, &mut |_| {})
}

pub fn signed<S: Storage>(signer: &mut Keeper<S>, request: &Request) -> Signed {
    match ask(signer, request) {
        keeper::Answer::Sign(signed) => signed,
        other => panic!("{:?}: {other:?}", request.hrs()),
    }
}

pub fn port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Where a bad cosigner stops being good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    HangsUpAtOnce,
    SaysNothing,
    SpeaksNoTls,
    IsSomebodyElse,
    BelongsToAnotherGroup,
    PromisesGarbage,
    HangsUpWhenAsked,
    NeverAnswers,
    AnswersGarbage,
    AnswersAFrameWithoutEnd,
    Denies,
    Lies,
    PromisesNothingNext,
    /// Between a precommit and its extension.
    GivesOneAndIsGone,
}

pub const BAD: [Bad; 14] = [
    Bad::HangsUpAtOnce,
    Bad::SaysNothing,
    Bad::SpeaksNoTls,
    Bad::IsSomebodyElse,
    Bad::BelongsToAnotherGroup,
    Bad::PromisesGarbage,
    Bad::HangsUpWhenAsked,
    Bad::NeverAnswers,
    Bad::AnswersGarbage,
    Bad::AnswersAFrameWithoutEnd,
    Bad::Denies,
    Bad::Lies,
    Bad::PromisesNothingNext,
    Bad::GivesOneAndIsGone,
];

/// Stands between a signer and a real cosigner, with that one's identity, and is bad at one message.
pub fn bad_cosigner(stage: &Stage, id: u16, behind: SocketAddr, how: Bad) -> (SocketAddr, Arc<AtomicBool>) {
    let struck = Arc::new(AtomicBool::new(false));
    let strike = Arc::clone(&struck);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let identity = TlsIdentity::open(&stage.path().join(format!("cosigner-{id}.id"))).unwrap();
    let signer = TlsIdentity::open(&stage.path().join("signer.id")).unwrap();
    let to_signer = tls::server(&identity, &[signer.public()]).unwrap();
    let to_cosigner = tls::client(&signer, identity.public()).unwrap();
    let kept = Arc::new(Mutex::new(Vec::new()));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            if how == Bad::GivesOneAndIsGone && strike.load(Ordering::SeqCst) {
                continue;
            }
            let (to_signer, to_cosigner, kept) = (to_signer.clone(), to_cosigner.clone(), Arc::clone(&kept));
            let strike = Arc::clone(&strike);
            thread::spawn(move || -> std::io::Result<()> {
                let at_once = [Bad::HangsUpAtOnce, Bad::SaysNothing, Bad::SpeaksNoTls];
                let in_hello = [Bad::IsSomebodyElse, Bad::BelongsToAnotherGroup, Bad::PromisesGarbage];
                if at_once.contains(&how) {
                    strike.store(true, Ordering::SeqCst);
                }
                let later = Instant::now() + Duration::from_secs(60);
                match how {
                    Bad::HangsUpAtOnce => return Ok(()),
                    Bad::SaysNothing => {
                        kept.lock().unwrap().push(stream);
                        return Ok(());
                    }
                    Bad::SpeaksNoTls => return stream.write_all(&[b'x'; 100]),
                    _ => {}
                }
                let mut front =
                    StreamOwned::new(ServerConnection::new(to_signer).unwrap(), Timed::new(stream, later));
                let mut back = StreamOwned::new(
                    rustls::ClientConnection::new(to_cosigner, tls::nobody()).unwrap(),
                    Timed::new(std::net::TcpStream::connect(behind)?, later),
                );
                let mut hello: Hello = tls::receive(&mut back)?;
                match how {
                    Bad::IsSomebodyElse => hello.id += 1,
                    Bad::BelongsToAnotherGroup => hello.group = "00".repeat(32),
                    Bad::PromisesGarbage => hello.commitments[7] ^= 1,
                    _ => {}
                }
                tls::send(&mut front, &hello)?;
                if in_hello.contains(&how) {
                    strike.store(true, Ordering::SeqCst);
                }
                loop {
                    let asked: Ask = tls::receive(&mut front)?;
                    let asks = !asked.package.is_empty();
                    tls::send(&mut back, &asked)?;
                    let mut answer: Answer = tls::receive(&mut back)?;
                    if asks {
                        strike.store(true, Ordering::SeqCst);
                    }
                    match how {
                        Bad::HangsUpWhenAsked if asks => return Ok(()),
                        Bad::NeverAnswers if asks => drop(front.read(&mut [0])),
                        Bad::AnswersGarbage if asks => front.write_all(&[0, 0, 0, 3, 0xff, 0xff, 0xff])?,
                        Bad::AnswersAFrameWithoutEnd if asks => front.write_all(&[0xff; 4])?,
                        Bad::Denies if asks => answer.share.clear(),
                        // Each in its own place: two lies in one place cancel half of the time, and the signature is right.
                        Bad::Lies if asks => answer.share[8 + usize::from(id)] ^= 4,
                        Bad::PromisesNothingNext if asks => answer.commitments.clear(),
                        _ => {}
                    }
                    tls::send(&mut front, &answer)?;
                    if how == Bad::GivesOneAndIsGone && asks {
                        return Ok(());
                    }
                }
            });
        }
    });
    (address, struck)
}
