//! SIGKILL at every storage step on a real file: before it, after it, and in the middle of each write.
//!
//! A child of this test opens the state as the signer does, with the signer's own keeper, store and slots, and kills itself when
//! its step has come. It prints each signature as the key makes it, before anybody could get it. One state file lives
//! through all of it; when it is refused, for a write that was torn, it is replaced as an operator would.
#![allow(clippy::unwrap_used)] // a test's helpers are tests as well

#[path = "support/requests.rs"]
mod requests;

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::{fs::FileExt, process::ExitStatusExt},
    path::Path,
    process::Command,
};

use comet::{
    canonical,
    consensus::{PublicKey, SecretKey, Signature},
    key::PrivateKey,
};
use palisade_signer::{
    doppelganger::{Settled, Standing},
    io::store_file::{self, StateFileError},
    keeper::{Answer, Keeper},
    key::{Key, KeyError},
    mark::{Hrs, Identity, Mark},
    request::Request,
    slots::{Medium, Slots},
    store::{ExtensionPermit, Permit, Store},
};
use rustix::process::{Signal, getpid, kill_process};

/// What the child is to do: `path deterministic height step way`.
const ORDER: &str = "PALISADE_KILL_ORDER";
/// Ways to die at a write: before, after, and with so many bytes written.
const CUTS: [usize; 8] = [1, 8, 16, 24, 62, 144, 400, 511];

struct Countdown {
    left: usize,
    way: usize,
}

/// The state file, as the signer writes it, until the step has come.
struct Doomed {
    file: File,
    countdown: Countdown,
}

struct Loud {
    key: SecretKey,
    deterministic: bool,
}

fn die() -> ! {
    kill_process(getpid(), Signal::KILL).unwrap();
    unreachable!("killed")
}

impl Countdown {
    /// Runs a step, or dies before, after or within it.
    fn step<R>(&mut self, run: impl FnOnce(Option<usize>) -> R) -> R {
        let due = self.left == 0;
        self.left = self.left.wrapping_sub(1);
        match (due, self.way) {
            (false, _) => run(None),
            (true, 0) => die(),
            (true, 1) => {
                run(None);
                die()
            }
            (true, way) => {
                run(Some(CUTS[way - 2]));
                die()
            }
        }
    }
}

impl Medium for Doomed {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = &self.file;
        self.countdown.step(|cut| file.write_all_at(&bytes[..cut.unwrap_or(bytes.len())], offset))
    }

    fn sync(&mut self) -> io::Result<()> {
        let file = &self.file;
        self.countdown.step(|_| file.sync_data())
    }
}

impl Key for Loud {
    fn public_key(&self) -> &PublicKey {
        self.key.public()
    }

    fn is_deterministic(&self) -> bool {
        self.deterministic
    }

    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        say("made", permit.sign_bytes());
        Ok(self.key.sign(permit.sign_bytes()))
    }

    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        Ok(self.key.sign(permit.sign_bytes()))
    }
}

/// In one write, so that it is out whatever comes next.
fn say(what: &str, bytes: &[u8]) {
    writeln!(io::stdout().lock(), "\n{what} {}", hex::encode(bytes)).unwrap();
}

fn key() -> SecretKey {
    PrivateKey::from_seed(&[7; 32]).into()
}

fn identity() -> Identity {
    Identity { chain_id: requests::CHAIN.into(), public_key: key().public().clone() }
}

/// What is asked at each start: the last height with another block, then two new ones.
fn asked(height: i64, which: u8) -> Vec<Request> {
    [height - 1, height, height + 1]
        .into_iter()
        .filter(|height| *height > 0)
        .flat_map(|height| {
            [
                requests::proposal(height, 0, which, 0),
                requests::prevote(height, 0, which, 0),
                requests::precommit(height, 0, which, 0),
            ]
        })
        .collect()
}

#[test]
#[ignore = "is run by the test below"]
fn child() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let words: Vec<_> = order.split(' ').collect();
    let number = |at: usize| words[at].parse::<usize>().unwrap();
    let path = Path::new(words[0]);
    let image = std::fs::read(path).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let doomed = Doomed { file, countdown: Countdown { left: number(3), way: number(4) } };
    let (slots, last) = Slots::open(doomed, &image, identity()).unwrap();
    let key = Loud { key: key(), deterministic: number(1) == 1 };
    let mut keeper = Keeper::new(Box::new(key), vec![Store::new(last, slots)]);
    for request in asked(i64::try_from(number(2)).unwrap(), 1 + u8::try_from(number(3) % 2).unwrap()) {
        let leave = Standing::Settled(Settled::NotGuarded).leave(request.hrs().height).unwrap();
        if let Answer::Sign(_) = keeper.answer(0, leave, &request, &mut |_| {}) {
            say("served", request.sign_bytes());
        }
    }
    println!("\nsurvived");
}

#[derive(Default)]
struct Seen {
    signed: BTreeMap<Hrs, Vec<u8>>,
    kills: usize,
    refused: usize,
}

impl Seen {
    fn hear(&mut self, output: &str) {
        for line in output.lines().filter_map(|line| line.strip_prefix("made ")) {
            let bytes = hex::decode(line).unwrap();
            let said = canonical::read(&bytes).unwrap();
            let hrs = Hrs {
                height: said.height,
                round: i32::try_from(said.round).unwrap(),
                step: palisade_signer::mark::Step::from_message_type(said.r#type).unwrap(),
            };
            let first = self.signed.entry(hrs).or_insert_with(|| bytes.clone());
            assert_eq!(*first, bytes, "two signatures at {hrs:?}");
        }
    }
}

#[test]
fn sigkill_at_every_step() {
    for deterministic in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test-1.mark");
        store_file::create(&path, &identity(), &Mark::floor(Hrs::whole_height(0))).unwrap();
        let mut seen = Seen::default();
        let mut step = 0;
        'steps: loop {
            for way in 0..2 + CUTS.len() {
                let height = seen.signed.keys().max().map_or(1, |hrs| hrs.height + 1);
                let order = format!("{} {} {height} {step} {way}", path.display(), u8::from(deterministic));
                let output = Command::new(std::env::current_exe().unwrap())
                    .args(["--ignored", "--exact", "child", "--nocapture"])
                    .env(ORDER, order)
                    .output()
                    .unwrap();
                let said = String::from_utf8(output.stdout).unwrap();
                seen.hear(&said);
                if output.status.success() && said.contains("\nsurvived") {
                    assert!(said.contains("\nserved"), "nothing was signed to the end");
                    break 'steps;
                }
                assert_eq!(output.status.signal(), Some(Signal::KILL.as_raw()), "{said}{:?}", output.stderr);
                seen.kills += 1;
                match store_file::open(&path, identity()) {
                    Ok((_, last)) => {
                        let highest = seen.signed.keys().copied().max();
                        assert!(highest <= Some(last.mark.hrs), "below {highest:?}");
                    }
                    Err(error) => {
                        assert!(way >= 2, "only a torn write damages: {error}");
                        assert!(matches!(error, StateFileError::Unusable { .. }), "{error}");
                        let remedy = error.remedy("signer.toml".as_ref(), requests::CHAIN).unwrap();
                        assert!(remedy.contains("state init") && remedy.contains("--replace"), "{remedy}");
                        let salvaged = store_file::salvage(&path, &identity()).unwrap();
                        let height = salvaged.map_or(0, |mark| mark.hrs.height).max(height + 1);
                        let floor = Mark::floor(Hrs::whole_height(height));
                        store_file::replace(&path, &identity(), &floor).unwrap();
                        seen.signed.insert(Hrs::whole_height(height), vec![]);
                        seen.refused += 1;
                    }
                }
            }
            step += 1;
        }
        println!(
            "deterministic {deterministic}: {} kills at {step} steps, {} refused and replaced, {} signed",
            seen.kills,
            seen.refused,
            seen.signed.len()
        );
        assert!(seen.kills >= 100 && seen.refused > 10, "{} kills, {} refused", seen.kills, seen.refused);
    }
}
