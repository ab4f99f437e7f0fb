//! One suite for every backend and every type of key that it can do: sign, repeat, refuse, and all of it once more after a
//! restart. PKCS#11 is tried on the real SoftHSM 2 (`PALISADE_SOFTHSM`, or where Debian has it).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/hsm.rs"]
mod hsm;
#[path = "support/requests.rs"]
mod requests;

use std::{fs, path::Path, process::Command};

use comet::{
    canonical,
    consensus::{KeyType, PublicKey, Signature},
};
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    mechanism::Mechanism,
    object::Attribute,
    session::UserType,
};
use palisade_signer::{
    config::Config,
    doppelganger::{Settled, Standing},
    guard::Reason,
    io::{check_cmd, key, key_cmd, store_file},
    keeper::{Answer, Failure, Keeper, Signed},
    key::{Key, KeyError},
    mark::{Hrs, Identity, Mark},
    metrics::Metrics,
    request::Request,
    store::{ExtensionPermit, Permit, Storage, Store},
};
use tempfile::TempDir;

/// A configuration whose only key is this.
fn config(dir: &TempDir, key: &str) -> Config {
    config_of(dir, &format!("[[key]]\nname = 'own'\n{key}"))
}

/// A configuration with this table of a key, which is named `own`.
fn config_of(dir: &TempDir, table: &str) -> Config {
    let text = format!(
        "state_dir = 'state'\nlisten = '127.0.0.1:0'\n{table}\n\
         [[chain]]\nid = '{}'\nkey = 'own'\nnodes = ['tcp://127.0.0.1:1']\n",
        requests::CHAIN
    );
    Config::parse(&text, dir.path()).unwrap()
}

fn keeper(config: &Config) -> Keeper<impl Storage + use<>> {
    keeper_of(key::open("own", &config.keys[0].backend, &Metrics::new("t")).unwrap(), config)
}

fn keeper_of(key: Box<dyn Key>, config: &Config) -> Keeper<impl Storage + use<>> {
    let identity = Identity { chain_id: requests::CHAIN.into(), public_key: key.public_key().clone() };
    let path = config.state_file(requests::CHAIN);
    if !path.exists() {
        store_file::create(&path, &identity, &Mark::floor(Hrs::whole_height(0))).unwrap();
    }
    let (slots, last) = store_file::open(&path, identity).unwrap();
    let mut keeper = Keeper::new(key, Vec::new());
    assert_eq!(keeper.seat(Store::new(last, slots), Default::default()), 0);
    keeper
}

/// Asks without looking for doppelgangers, which has tests of its own.
fn ask<S: Storage>(keeper: &mut Keeper<S>, request: &Request) -> Answer {
    let leave = Standing::Settled(Settled::NotGuarded).leave(request.hrs().height).expect("not guarded");
    keeper.answer(0, leave, request, &mut |_| {})
}

fn signed(answer: Answer) -> Signed {
    let Answer::Sign(signed) = answer else { panic!("not signed: {answer:?}") };
    signed
}

/// What every backend has to do with every type of key.
fn suite(config: &Config, key_type: KeyType) {
    let public = key::open("own", &config.keys[0].backend, &Metrics::new("t")).unwrap().public_key().clone();
    assert_eq!(public.key_type(), key_type);
    let mut first = keeper(config);
    let mut last = None;
    let asked =
        [requests::proposal(5, 0, 1, 0), requests::prevote(5, 0, 1, 1), requests::precommit(5, 0, 1, 2)];
    for request in &asked {
        let answer = signed(ask(&mut first, request));
        assert_eq!(answer.signature.as_bytes().len(), key_type.signature_size());
        assert!(public.verify(request.sign_bytes(), answer.signature.as_bytes()));
        assert!(!answer.repeat);
        // Asked twice: the same signature, also from a backend that would make another.
        let again = signed(ask(&mut first, request));
        assert_eq!((again.signature, again.repeat), (answer.signature.clone(), true));
        last = Some(answer);
    }
    let last = last.unwrap();
    let extension = asked[2].extension_sign_bytes().expect("a precommit has one");
    assert!(public.verify(extension, last.extension_signature.as_ref().unwrap().as_bytes()));
    drop(first);

    // The next process: the same question has the same answer, another timestamp the old one, another block none.
    let mut second = keeper(config);
    assert_eq!(signed(ask(&mut second, &asked[2])).signature, last.signature);
    let later = signed(ask(&mut second, &requests::precommit(5, 0, 1, 9)));
    assert_eq!((later.signature, later.timestamp), (last.signature, asked[2].timestamp()));
    let conflict = ask(&mut second, &requests::precommit(5, 0, 2, 2));
    assert!(matches!(&conflict, Answer::Refuse(it) if it.reason == Reason::ConflictingBlock), "{conflict:?}");
    let next = requests::prevote(6, 0, 0, 3);
    let answer = signed(ask(&mut second, &next));
    assert!(public.verify(next.sign_bytes(), answer.signature.as_bytes()));
    assert!(canonical::read(next.sign_bytes()).is_some());
}

#[test]
fn softsign_does_every_type() {
    for key_type in KeyType::ALL {
        let dir = tempfile::tempdir().unwrap();
        key_cmd::generate(&dir.path().join("k.json"), key_type).unwrap();
        suite(&config(&dir, "backend = 'softsign'\npath = 'k.json'"), key_type);
    }
}

/// A key in memory that went bad: all that it signs is wrong, or only the extensions.
struct Faulty {
    key: Box<dyn Key>,
    extensions_only: bool,
}

fn damaged(signature: &Signature) -> Signature {
    let mut bytes = Vec::from(signature);
    bytes[7] ^= 1;
    bytes.into()
}

impl Key for Faulty {
    fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }
    fn is_deterministic(&self) -> bool {
        true
    }
    fn sign(&mut self, permit: Permit<'_>) -> Result<Signature, KeyError> {
        let signature = self.key.sign(permit)?;
        Ok(if self.extensions_only { signature } else { damaged(&signature) })
    }
    fn sign_extension(&mut self, permit: ExtensionPermit<'_>) -> Result<Signature, KeyError> {
        Ok(damaged(&self.key.sign_extension(permit)?))
    }
}

#[test]
fn a_signature_computed_wrongly_never_leaves() {
    for key_type in KeyType::ALL {
        let dir = tempfile::tempdir().unwrap();
        key_cmd::generate(&dir.path().join("k.json"), key_type).unwrap();
        let config = config(&dir, "backend = 'softsign'\npath = 'k.json'");
        for extensions_only in [false, true] {
            let _ = fs::remove_dir_all(dir.path().join("state"));
            let key = key::open("own", &config.keys[0].backend, &Metrics::new("t")).unwrap();
            let mut keeper = keeper_of(Box::new(Faulty { key, extensions_only }), &config);
            let prevote = ask(&mut keeper, &requests::prevote(5, 0, 1, 1));
            assert_eq!(matches!(prevote, Answer::Sign(_)), extensions_only, "{key_type}: {prevote:?}");
            let precommit = ask(&mut keeper, &requests::precommit(5, 0, 1, 2));
            assert!(matches!(precommit, Answer::Fail(Failure::Wrong)), "{key_type}: {precommit:?}");
        }
    }
}

#[test]
fn a_yubihsm_does_what_its_curves_can() {
    for key_type in [KeyType::Ed25519, KeyType::Secp256k1, KeyType::Secp256k1Eth] {
        let dir = tempfile::tempdir().unwrap();
        let secp256k1 = key_type != KeyType::Ed25519;
        let auth_capabilities: &[&str] =
            if secp256k1 { &["sign-ecdsa", "get-log-entries"] } else { &["sign-eddsa", "get-log-entries"] };
        let device = hsm::device(&hsm::Plan { secp256k1, auth_capabilities, ..hsm::Plan::default() });
        let key = hsm::toml(dir.path(), &[&device], &format!("key_type = '{}'\n", key_type.name()));
        suite(&config_of(&dir, &key), key_type);
    }
}

/// Where SoftHSM 2 is.
fn module() -> String {
    let named = std::env::var("PALISADE_SOFTHSM").ok();
    let there =
        named.into_iter().chain(["/usr/lib/softhsm/libsofthsm2.so".into()]).find(|at| Path::new(at).exists());
    there.expect(
        "no SoftHSM 2: set PALISADE_SOFTHSM to libsofthsm2.so, or apt-get install softhsm2; tests/run does",
    )
}

/// SoftHSM finds its tokens by an environment variable, which a process must not change while it runs: so the test calls
/// itself with it. Returns the directory in the inner call.
fn inside_softhsm(test: &str) -> Option<TempDir> {
    if std::env::var_os("SOFTHSM2_CONF").is_some() {
        return Some(tempfile::tempdir().unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("tokens")).unwrap();
    let conf = dir.path().join("softhsm2.conf");
    let tokens = dir.path().join("tokens");
    fs::write(&conf, format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display()))
        .unwrap();
    let inner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("SOFTHSM2_CONF", &conf)
        .output()
        .unwrap();
    let said = [inner.stdout, inner.stderr].map(|out| String::from_utf8_lossy(&out).into_owned()).concat();
    assert!(inner.status.success() && said.contains("1 passed"), "{said}");
    None
}

const PIN: &str = "648219";

/// Makes a token with a key of each curve.
fn token() -> Pkcs11 {
    let module = Pkcs11::new(module()).unwrap();
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = module.get_all_slots().unwrap()[0];
    module.init_token(slot, &"so-pin".into(), "palisade").unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    let session = module.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&"so-pin".into())).unwrap();
    session.init_pin(&PIN.into()).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, Some(&PIN.into())).unwrap();
    let ed25519: &[u8] = &[6, 3, 0x2b, 0x65, 0x70];
    let secp256k1: &[u8] = &[6, 5, 0x2b, 0x81, 4, 0, 10];
    for (label, id, curve, mechanism, extractable) in [
        ("ed", 1, ed25519, Mechanism::EccEdwardsKeyPairGen, false),
        ("ec", 2, secp256k1, Mechanism::EccKeyPairGen, false),
        ("loose", 3, ed25519, Mechanism::EccEdwardsKeyPairGen, true),
        ("twin", 4, ed25519, Mechanism::EccEdwardsKeyPairGen, false),
        ("twin", 5, ed25519, Mechanism::EccEdwardsKeyPairGen, false),
    ] {
        let named = [Attribute::Token(true), Attribute::Label(label.into()), Attribute::Id(vec![id])];
        let mut public = named.to_vec();
        public.push(Attribute::EcParams(curve.to_vec()));
        let mut private = named.to_vec();
        private.extend([
            Attribute::Sensitive(!extractable),
            Attribute::Extractable(extractable),
            Attribute::Sign(true),
        ]);
        session.generate_key_pair(&mechanism, &public, &private).unwrap();
    }
    drop(session);
    module
}

fn pkcs11(r#type: &str, rest: &str) -> String {
    format!("backend = 'pkcs11'\ntype = '{type}'\nmodule = '{}'\npin_file = 'pin'\n{rest}", module())
}

fn write_pin(dir: &TempDir, pin: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(dir.path().join("pin"), pin).unwrap();
    fs::set_permissions(dir.path().join("pin"), fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn pkcs11_on_softhsm() {
    let Some(dir) = inside_softhsm("pkcs11_on_softhsm") else { return };
    let module = token();
    write_pin(&dir, &format!("{PIN}\n"));
    for (key_type, rest) in [
        (KeyType::Ed25519, "token = 'palisade'\nlabel = 'ed'"),
        (KeyType::Secp256k1, "token = 'palisade'\nid = '02'"),
        (KeyType::Secp256k1Eth, "token = 'palisade'\nlabel = 'ec'\nid = '02'"),
    ] {
        let state = dir.path().join("state");
        let _ = fs::remove_dir_all(&state);
        suite(&config(&dir, &pkcs11(key_type.name(), rest)), key_type);
    }

    // Logged out by somebody else in this process, the session is opened anew, and the node does not notice.
    let _ = fs::remove_dir_all(dir.path().join("state"));
    let of_config = config(&dir, &pkcs11("secp256k1", "token = 'palisade'\nid = '02'"));
    let mut keeper = keeper(&of_config);
    signed(ask(&mut keeper, &requests::prevote(1, 0, 1, 0)));
    let slot = module.get_slots_with_initialized_token().unwrap()[0];
    module.open_ro_session(slot).unwrap().logout().unwrap();
    signed(ask(&mut keeper, &requests::prevote(2, 0, 1, 0)));
    // While the token cannot be logged in to, the key says so and signs nothing; after that it goes on by itself.
    write_pin(&dir, "wrong!");
    module.open_ro_session(slot).unwrap().logout().unwrap();
    let answer = ask(&mut keeper, &requests::prevote(3, 0, 1, 0));
    assert!(matches!(answer, Answer::Fail(Failure::Key(_))), "{answer:?}");
    write_pin(&dir, PIN);
    let again = (0..100).find_map(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        match ask(&mut keeper, &requests::prevote(3, 0, 1, 0)) {
            Answer::Sign(signed) => Some(signed),
            _ => None,
        }
    });
    assert!(again.expect("it never came back").repeat);
}

#[test]
fn check_says_what_is_wrong_with_a_token() {
    let Some(dir) = inside_softhsm("check_says_what_is_wrong_with_a_token") else { return };
    let _module = token();
    write_pin(&dir, PIN);
    let said = |r#type: &str, rest: &str| {
        let config = config(&dir, &pkcs11(r#type, rest));
        let finding = check_cmd::check(&config, Path::new("signer.toml")).remove(0);
        finding.result.unwrap_or_else(|(error, _)| error)
    };
    for (r#type, rest, what) in [
        ("ed25519", "token = 'palisade'\nlabel = 'loose'", "CKA_EXTRACTABLE"),
        ("ed25519", "token = 'palisade'\nlabel = 'twin'", "2 private keys match"),
        ("ed25519", "token = 'palisade'\nlabel = 'nobody'", "0 private keys match"),
        ("ed25519", "token = 'other'\nlabel = 'ed'", "there are: \"palisade\" in slot"),
        ("secp256k1", "token = 'palisade'\nlabel = 'ed'", "is no secp256k1 key"),
    ] {
        let said = said(r#type, rest);
        assert!(said.contains(what), "{rest}: {said}");
    }
}
