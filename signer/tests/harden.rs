//! The walls, tried from inside: a child of this test puts them up with the product's own functions and then does what is
//! forbidden. And the real binary lives behind them: signs, reloads, dials anew, ends well.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;
#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use comet::{
    consensus::KeyType,
    privval::{PREVOTE, Sum},
};
use command::{CONFIG, OF, Signer, good, run, scene};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::Attribute,
    session::UserType,
};
use node::{Listener, Node};
use palisade_signer::{
    config::SecretSource,
    io::{
        harden::{
            reach,
            syscalls::{self, Otherwise},
        },
        key::softsign::Softsign,
        key_cmd,
        memory::Locked,
    },
    sandbox::Reach,
};
use requests::vote;

/// Runs a test of this file in a process of its own, with a word for it.
fn child(test: &str, word: &str) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env("PALISADE_TEST_CHILD", word)
        .output()
        .unwrap()
}

fn word() -> Option<String> {
    std::env::var("PALISADE_TEST_CHILD").ok()
}

#[test]
#[ignore = "is run by the test below"]
fn child_behind_landlock() {
    let Some(word) = word() else { return };
    let inside = PathBuf::from(&word);
    let (allowed, refused) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let [allowed_port, refused_port] = [&allowed, &refused].map(|it| it.local_addr().unwrap().port());
    let reach = Reach {
        write: [inside.join("in")].into(),
        read: [inside.join("ro")].into(),
        ports: [allowed_port].into(),
        foreign_code: false,
        unknown: None,
    };
    let stands = reach::only(&reach).unwrap();
    println!("stands: {stands:?}");
    fs::write(inside.join("in/new"), "x").unwrap();
    fs::read(inside.join("ro/file")).unwrap();
    let denied = |what: &str, result: std::io::Result<()>| {
        assert_eq!(result.unwrap_err().kind(), std::io::ErrorKind::PermissionDenied, "{what}");
    };
    denied("read outside", fs::read(inside.join("out")).map(drop));
    denied("write a read-only file", fs::write(inside.join("ro/file"), "x"));
    denied("list outside", fs::read_dir(&inside).map(drop));
    TcpStream::connect(("127.0.0.1", allowed_port)).unwrap();
    denied("connect elsewhere", TcpStream::connect(("127.0.0.1", refused_port)).map(drop));
    denied("bind", TcpListener::bind("127.0.0.1:0").map(drop));
    // A thread that starts now has the same walls.
    let out = inside.join("out");
    denied("from a thread", std::thread::spawn(move || fs::read(out).map(drop)).join().unwrap());
    println!("all denied");
}

#[test]
fn behind_landlock_only_the_configured_is_in_reach() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["in", "ro"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    fs::write(dir.path().join("ro/file"), "x").unwrap();
    fs::write(dir.path().join("out"), "x").unwrap();
    let out = child("child_behind_landlock", dir.path().to_str().unwrap());
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    if said.contains("stands: NotEnforced") || said.contains("stands: PartiallyEnforced") {
        eprintln!("SKIPPED: this kernel has no landlock, or not all of it: {said}");
        return;
    }
    assert!(said.contains("stands: FullyEnforced") && said.contains("all denied"), "{said}{out:?}");
}

#[test]
#[ignore = "is run by the test below"]
fn child_behind_seccomp() {
    let Some(word) = word() else { return };
    // On another thread than this one: the filter holds for all.
    let other = std::thread::spawn({
        let word = word.replace(" refused", "");
        move || {
            std::thread::park();
            forbidden(&word);
        }
    });
    let otherwise = if word.ends_with(" refused") { Otherwise::Refuse } else { Otherwise::End };
    syscalls::only_these(otherwise).unwrap();
    // What a signer does is still done.
    assert_eq!("localhost:1".parse::<std::net::SocketAddr>().ok(), None);
    drop(std::net::ToSocketAddrs::to_socket_addrs("localhost:1").map(Iterator::count));
    let file = tempfile::tempfile().unwrap();
    file.sync_data().unwrap();
    drop(TcpListener::bind("127.0.0.1:0").unwrap());
    std::thread::spawn(|| ()).join().unwrap();
    println!("still works");
    other.thread().unpark();
    other.join().unwrap();
    println!("survived");
}

fn forbidden(word: &str) {
    match word {
        "exec" => assert!(Command::new("/bin/true").status().is_err()),
        "signal" => drop(rustix::process::kill_process(
            rustix::process::getppid().unwrap(),
            rustix::process::Signal::CONT,
        )),
        "dumpable" => {
            let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable);
        }
        "packet" => {
            drop(rustix::net::socket(rustix::net::AddressFamily::PACKET, rustix::net::SocketType::RAW, None));
        }
        "chroot" => assert!(rustix::process::chroot("/").is_err()),
        "nothing" => {}
        other => panic!("{other}"),
    }
}

#[test]
fn a_forbidden_system_call_ends_the_process() {
    for word in ["exec", "signal", "dumpable", "packet", "chroot"] {
        let out = child("child_behind_seccomp", word);
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(said.contains("still works") && !said.contains("survived"), "{word}: {said}{out:?}");
        assert_eq!(out.status.signal(), Some(31), "{word}: SIGSYS, not {:?}", out.status);
    }
    // Where a vendor's module runs in the process, it is not done either, but the process lives.
    for word in ["exec refused", "chroot refused", "packet refused"] {
        let out = child("child_behind_seccomp", word);
        assert!(String::from_utf8_lossy(&out.stdout).contains("survived") && out.status.success(), "{out:?}");
    }
    let out = child("child_behind_seccomp", "nothing");
    assert!(String::from_utf8_lossy(&out.stdout).contains("survived") && out.status.success(), "{out:?}");
}

#[test]
fn secrets_lie_in_locked_pages() {
    let locked_kib = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmLck:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let one = Locked::new([7u8; 64]);
    if !one.is_locked() {
        eprintln!("SKIPPED: RLIMIT_MEMLOCK allows no locked page here");
        return;
    }
    let two = Locked::new([8u8; 64]);
    assert!(std::ptr::from_ref(&*one).addr() % 4096 <= 8, "at the beginning of a page of its own");
    assert!(locked_kib() >= 8);
    drop(one);
    assert!(locked_kib() >= 4, "the other one stays locked");
    assert_eq!(*two, [8; 64]);

    // Keys of every type are wholly in their pages, also ML-DSA's, which is larger than a page.
    for (key_type, at_least) in [(KeyType::Ed25519, 4), (KeyType::MlDsa65, 16)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k.json");
        key_cmd::generate(&path, key_type).unwrap();
        let before = locked_kib();
        let key = Softsign::open(&SecretSource::File(path), None).unwrap();
        assert!(locked_kib() >= before + at_least, "{key_type}: {before} and then {}", locked_kib());
        drop(key);
        assert_eq!(locked_kib(), before, "{key_type}");
    }
}

/// Where SoftHSM 2 is.
fn softhsm() -> String {
    let named = std::env::var("PALISADE_SOFTHSM").ok();
    let there =
        named.into_iter().chain(["/usr/lib/softhsm/libsofthsm2.so".into()]).find(|at| Path::new(at).exists());
    there.expect(
        "no SoftHSM 2: set PALISADE_SOFTHSM to libsofthsm2.so, or apt-get install softhsm2; tests/run does",
    )
}

/// Makes a token with an Ed25519 key; SoftHSM finds it by `SOFTHSM2_CONF`, so this is a child with it.
#[test]
#[ignore = "is run by the test below"]
fn child_makes_a_token() {
    if word().is_none() {
        return;
    }
    let module = Pkcs11::new(softhsm()).unwrap();
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = module.get_all_slots().unwrap()[0];
    module.init_token(slot, &"so-pin".into(), "palisade").unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    let session = module.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&"so-pin".into())).unwrap();
    session.init_pin(&"648219".into()).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, Some(&"648219".into())).unwrap();
    let named = [Attribute::Token(true), Attribute::Label("ed".into()), Attribute::Id(vec![1])];
    let curve = Attribute::EcParams(vec![6, 3, 0x2b, 0x65, 0x70]);
    let public = [&named[..], &[curve]].concat();
    let private = [&named[..], &[Attribute::Sensitive(true), Attribute::Sign(true)]].concat();
    session.generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private).unwrap();
}

/// A real token, the real binary: with what the module uses both walls stand, without it landlock is left out with a word.
#[test]
fn a_key_on_a_token_signs_behind_the_walls() {
    let dir = scene();
    let listener = Listener::tcp();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("tokens")).unwrap();
    let conf = format!("directories.tokendir = {}\nobjectstore.backend = file\n", at("tokens").display());
    fs::write(at("softhsm2.conf"), conf).unwrap();
    let made = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_makes_a_token", "--nocapture"])
        .envs([("PALISADE_TEST_CHILD", "x".as_ref()), ("SOFTHSM2_CONF", at("softhsm2.conf").as_os_str())])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    fs::write(at("pin"), "648219\n").unwrap();
    fs::set_permissions(at("pin"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let mut height = 7;
    for (paths, landlock) in [
        ("paths = ['tokens', 'softhsm2.conf']\n", "landlock: on"),
        (
            "",
            "landlock: off, because nobody knows what the module of key \"akash\" uses; its `paths` can say it",
        ),
    ] {
        let key = format!(
            "backend = 'pkcs11'\ntype = 'ed25519'\nmodule = '{}'\ntoken = 'palisade'\nlabel = 'ed'\npin_file = 'pin'\n{paths}",
            softhsm()
        );
        write(dir.path(), &[&listener], "");
        let text = fs::read_to_string(at("signer.toml")).unwrap();
        let (head, tail) = text.split_once("backend = \"softsign\"\n").unwrap();
        let (_, tail) = tail.split_once('\n').unwrap();
        fs::write(at("signer.toml"), format!("{head}{key}{tail}")).unwrap();
        let with_token = |line: &str| {
            let mut command = command::command(dir.path(), line);
            command.env("SOFTHSM2_CONF", at("softhsm2.conf"));
            command
        };
        if !at("state").join("akashnet-2.mark").exists() {
            let made = with_token(&format!("state init {OF} --height 5")).output().unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        let log = fs::File::create(at("log")).unwrap();
        let mut signer = Signer(with_token("run --config signer.toml").stderr(log).spawn().unwrap());
        let mut node = listener.accept();
        for _ in 0..3 {
            signs(&mut node, height);
            height += 1;
        }
        let status = good(&dir, "status --config signer.toml");
        assert!(
            status.contains("KEY    BACKEND  STATE    PUBLIC KEY\nakash  pkcs11   signing  "),
            "{status}"
        );
        let stands = status.contains(landlock)
            || (landlock == "landlock: on" && status.contains("landlock: off, because this kernel has none"));
        assert!(stands, "{status}");
        assert!(status.contains("seccomp: on, refusing instead of ending the process"), "{status}");
        good(&dir, "drain --config signer.toml");
        assert!(signer.0.wait().unwrap().success());
    }
}

fn write(dir: &Path, nodes: &[&Listener], more: &str) {
    let nodes: Vec<_> = nodes.iter().map(|node| node.address()).collect();
    let (head, _) = CONFIG.split_once("nodes = ").unwrap();
    fs::write(dir.join("signer.toml"), format!("{head}nodes = {nodes:?}\n{more}")).unwrap();
}

fn signs(node: &mut Node, height: i64) {
    let mut request = vote(PREVOTE, height, 0, 1, 0);
    request.chain_id = "akashnet-2".into();
    let Sum::SignedVoteResponse(answer) = node.ask(Sum::SignVoteRequest(request)) else { panic!("no vote") };
    assert_eq!(answer.error, None, "{height}");
}

#[test]
fn a_signer_lives_behind_its_walls() {
    let dir = scene();
    let [first, second, elsewhere] = [(); 3].map(|()| Listener::tcp());
    let unix = Listener::unix(&dir.path().join("n.sock"));
    let Listener::Tcp(named) = &second else { panic!("tcp") };
    let harden = format!("[harden]\nports = [{}]\n", named.local_addr().unwrap().port());
    write(dir.path(), &[&first, &unix], &harden);
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 5"));
    let mut signer = Signer::start(&dir);
    let (mut one, mut two) = (first.accept(), unix.accept());
    signs(&mut one, 7);
    signs(&mut two, 8);
    let status = good(&dir, "status --config signer.toml");
    assert!(status.contains("landlock: on") && status.contains("seccomp: on"), "{status}");
    let seccomp = fs::read_to_string(format!("/proc/{}/status", signer.0.id())).unwrap();
    assert!(seccomp.contains("Seccomp:\t2") && seccomp.contains("NoNewPrivs:\t1"), "{seccomp}");
    // Lost links are dialled anew, a reload opens what is named beforehand, a pause is written.
    one.close();
    signs(&mut first.accept(), 9);
    write(dir.path(), &[&first, &unix, &second], &harden);
    good(&dir, "reload --config signer.toml");
    signs(&mut second.accept(), 10);
    good(&dir, "pause --config signer.toml --key akash");
    good(&dir, "resume --config signer.toml --key akash");
    // What nobody named needs a restart, and says so.
    write(dir.path(), &[&first, &unix, &second, &elsewhere], &harden);
    let (code, _, err) = run(&dir, "reload --config signer.toml");
    assert!(code == 1 && err.contains("out of this process's reach"), "{err}");
    signs(&mut two, 11);
    good(&dir, "drain --config signer.toml");
    assert!(signer.0.wait().unwrap().success());
}

#[test]
fn each_wall_can_be_left_out_and_status_says_so() {
    let dir = scene();
    let listener = Listener::tcp();
    write(dir.path(), &[&listener], "[harden]\nlandlock = false\nseccomp = false\n");
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 5"));
    let signer = Signer::start(&dir);
    let mut node = listener.accept();
    signs(&mut node, 7);
    let status = good(&dir, "status --config signer.toml");
    for wall in ["landlock: off, as configured", "seccomp: off, as configured"] {
        assert!(status.contains(wall), "{status}");
    }
    let process = fs::read_to_string(format!("/proc/{}/status", signer.0.id())).unwrap();
    assert!(process.contains("Seccomp:\t0"), "{process}");
}
