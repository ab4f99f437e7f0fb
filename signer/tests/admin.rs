//! An operator at the admin socket of the real binary: what is shown, what can be held, and who may ask.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;
#[path = "support/node.rs"]
mod node;
#[path = "support/requests.rs"]
mod requests;

use std::{fs, os::unix::fs::PermissionsExt};

use comet::privval::{PREVOTE, Sum};
use command::{CONFIG, OF, Signer, bad, good, run, scene};
use node::{Listener, Node, eventually};
use requests::vote;
use tempfile::TempDir;

const AT: &str = "--config signer.toml";

/// A signer with one node.
fn start() -> (TempDir, Listener, Signer, Node) {
    let dir = scene();
    let listener = Listener::tcp();
    write(&dir, &[&listener], "");
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 5"));
    let signer = Signer::start(&dir);
    let node = listener.accept();
    (dir, listener, signer, node)
}

fn write(dir: &TempDir, nodes: &[&Listener], more: &str) {
    let nodes: Vec<_> = nodes.iter().map(|node| node.address()).collect();
    let (head, _) = CONFIG.split_once("nodes = ").unwrap();
    fs::write(dir.path().join("signer.toml"), format!("{head}nodes = {nodes:?}\n{more}")).unwrap();
}

fn prevote(height: i64) -> Sum {
    let mut request = vote(PREVOTE, height, 0, 1, 0);
    request.chain_id = "akashnet-2".into();
    Sum::SignVoteRequest(request)
}

fn signs(node: &mut Node, height: i64) {
    let Sum::SignedVoteResponse(answer) = node.ask(prevote(height)) else { panic!("no vote") };
    assert_eq!(answer.error, None, "{height}");
}

#[test]
fn status_shows_keys_chains_and_links() {
    let (dir, listener, _signer, mut node) = start();
    let before = good(&dir, &format!("status {AT}"));
    assert!(before.contains("akashnet-2  akash  signing  5/all"), "{before}");
    signs(&mut node, 7);
    eventually("the signature is shown", || good(&dir, &format!("status {AT}")).contains("7/0/2"));
    let json: serde_json::Value = serde_json::from_str(&good(&dir, &format!("status {AT} --json"))).unwrap();
    assert_eq!(json["ready"], true);
    assert_eq!(json["keys"][0]["state"], "signing");
    assert_eq!(json["keys"][0]["public_key"].as_str().unwrap().len(), 64);
    assert_eq!(json["chains"][0]["last_signed"], "7/0/2");
    let link = &json["links"][0];
    assert_eq!((&link["connected"], &link["last_signed"]), (&true.into(), &"7/0/2".into()));
    assert!(link["p50_micros"].as_u64().unwrap() > 0 && link["silent_seconds"].as_f64().unwrap() < 60.0);
    // A lost node: shown, and the exit code says it too.
    node.close();
    drop(listener);
    eventually("not ready", || run(&dir, &format!("status {AT}")).0 == 1);
}

#[test]
fn a_pause_holds_until_it_is_resumed_also_across_reload_and_restart() {
    let (dir, listener, signer, mut node) = start();
    signs(&mut node, 7);
    let held = |node: &mut Node, height| {
        let said = node.refused(prevote(height)).description;
        assert!(said.contains("paused by the operator"), "{said}");
    };
    assert_eq!(good(&dir, &format!("pause {AT} --key akash")), "key \"akash\" is paused\n");
    held(&mut node, 8);
    // The connection stays, and nothing was signed or noted.
    node.ping();
    let (code, status, _) = run(&dir, &format!("status {AT}"));
    assert!(
        code == 1 && status.contains("chain akashnet-2 is paused") && status.contains("7/0/2"),
        "{status}"
    );
    good(&dir, &format!("reload {AT}"));
    held(&mut node, 8);
    drop(signer);
    let signer = Signer::start(&dir);
    let mut node = listener.accept();
    held(&mut node, 8);
    // A chain has a brake of its own.
    good(&dir, &format!("pause {AT} --chain akashnet-2"));
    good(&dir, &format!("resume {AT} --key akash"));
    held(&mut node, 8);
    assert!(good(&dir, &format!("pause {AT} --chain akashnet-2")).contains("paused already"));
    good(&dir, &format!("resume {AT} --chain akashnet-2"));
    signs(&mut node, 8);
    let (code, _, err) = run(&dir, &format!("pause {AT} --key other"));
    assert!(code == 1 && err.contains("no key \"other\""), "{err}");

    // A list that nobody can read is not taken for an empty one.
    drop(signer);
    fs::write(dir.path().join("state/paused.json"), "{").unwrap();
    bad(&dir, &format!("run {AT}"), 2, "nobody knows which keys are paused", "look at the file");
}

#[test]
fn a_reload_says_what_it_did_or_why_not() {
    let dir = scene();
    let [listener, second] = [(); 2].map(|()| Listener::tcp());
    let ports =
        [&listener, &second].map(|it| it.address().rsplit(':').next().unwrap().parse::<u16>().unwrap());
    let harden = format!("[harden]\nports = {ports:?}\n");
    write(&dir, &[&listener], &harden);
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 5"));
    let _signer = Signer::start(&dir);
    let mut node = listener.accept();
    write(&dir, &[&listener, &second], &harden);
    let said = good(&dir, &format!("reload {AT}"));
    assert_eq!(said, format!("link added: akashnet-2 {}\n", second.address()));
    signs(&mut second.accept(), 7);
    // What cannot be had is refused with its reason.
    let more = "[[chain]]\nid = \"no-state-1\"\nkey = \"akash\"\nnodes = [\"unix:///nowhere\"]\n";
    write(&dir, &[&listener], &format!("{harden}{more}"));
    let (code, _, err) = run(&dir, &format!("reload {AT}"));
    assert!(code == 1 && err.contains("no-state-1: there is no state file"), "{err}");
    signs(&mut node, 8);
}

#[test]
fn a_drained_signer_ends_well_and_lets_go_of_everything() {
    let (dir, _listener, mut signer, mut node) = start();
    signs(&mut node, 7);
    assert!(good(&dir, &format!("drain {AT}")).contains("nothing is signed any more"));
    assert!(signer.0.wait().unwrap().success());
    assert_eq!(node.receive(), None);
    good(&dir, &format!("state init {OF} --height 9 --replace"));
    bad(&dir, &format!("status {AT}"), 2, "no signer answers on", "as root or the signer's own user");
}

#[test]
fn only_its_own_user_root_and_the_group_get_in() {
    use std::os::unix::process::CommandExt;
    let (dir, _listener, _signer, _node) = start();
    let socket = dir.path().join("state/admin.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can try the socket as somebody else");
        return;
    }
    // The mode alone would be enough; so it is opened, and the kernel's word must do.
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    for path in [dir.path(), &dir.path().join("state")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // The stranger cannot run this build's binary where it lies, so it speaks for itself.
    let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
        s.settimeout(5)\ntry:\n  s.sendall(b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))\n  \
        print(len(s.recv(100)))\nexcept ConnectionError:\n  print(0)\n";
    let got = |uid: u32, gid: u32| {
        let out = std::process::Command::new("/usr/bin/python3")
            .args(["-c", script])
            .arg(&socket)
            .uid(uid)
            .gid(gid)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().parse::<usize>().unwrap()
    };
    assert_eq!(got(65534, 65534), 0, "a stranger");
    assert!(got(0, 0) > 0, "root");
    // With a group of its own configured.
    let dir = scene();
    let listener = Listener::tcp();
    write(&dir, &[&listener], "[admin]\nsocket = \"admin.sock\"\ngroup = 65533\n");
    good(&dir, "key generate keys/akash.json");
    good(&dir, &format!("state init {OF} --height 5"));
    let _signer = Signer::start(&dir);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let socket = dir.path().join("admin.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let out = std::process::Command::new("/usr/bin/python3")
        .args(["-c", script])
        .arg(&socket)
        .uid(65534)
        .gid(65533)
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&out.stdout).trim().parse::<usize>().unwrap() > 0, "a member");
}
