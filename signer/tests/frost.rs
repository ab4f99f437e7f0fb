//! Threshold keys from end to end: real cosigners behind TLS on loopback, the signer's own keeper in front of them, and
//! cosigners that fail or lie at every message. There is a signature or a clean refusal, and never two.
#![cfg(feature = "frost")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/command.rs"]
mod command;
#[path = "support/cosigners.rs"]
mod cosigners;
#[path = "support/requests.rs"]
mod requests;

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use comet::key::PrivateKey;
use command::{good, run};
use cosigners::{BAD, Bad, Stage, ask, bad_cosigner, port, signed};
use palisade_signer::{
    frost::wire::Hello,
    guard::Reason,
    io::frost::{
        serve::{self, ReloadError, Serving},
        tls::{self, Identity as TlsIdentity, Timed},
    },
    keeper::{self, Failure},
    mark::{Hrs, Mark},
};
use requests::{CHAIN, precommit, prevote, proposal};
use rustls::StreamOwned;

#[test]
fn a_threshold_key_signs_as_any_other_and_survives_what_it_can() {
    for (threshold, of) in [(2, 3), (3, 5)] {
        let stage = Stage::set(threshold, of);
        let mut cosigners: Vec<Option<Serving>> =
            (1..=stage.of).map(|id| Some(stage.cosigner(id, port()))).collect();
        let addresses: Vec<_> =
            cosigners.iter().map(|cosigner| cosigner.as_ref().unwrap().listen()).collect();
        let mut signer = stage.signer("state", &addresses);
        let public = stage.public_key();
        for height in 1..=5 {
            for request in [proposal(height, 0, 1, 0), prevote(height, 0, 1, 0), precommit(height, 0, 1, 0)] {
                let answer = signed(&mut signer, &request);
                assert!(public.verify(request.sign_bytes(), answer.signature.as_bytes()));
                match (request.extension_sign_bytes(), &answer.extension_signature) {
                    (Some(bytes), Some(signature)) => assert!(public.verify(bytes, signature.as_bytes())),
                    (None, None) => {}
                    other => panic!("{other:?}"),
                }
                // Asked again, and with another timestamp: the very signature that was kept.
                let again = signed(&mut signer, &request);
                assert_eq!((again.signature, again.repeat), (answer.signature, true));
            }
            let other = ask(&mut signer, &precommit(height, 0, 2, 0));
            assert!(
                matches!(other, keeper::Answer::Refuse(refusal) if refusal.reason == Reason::ConflictingBlock)
            );
        }
        // As many as can be missing go, the preferred ones first.
        let spare = usize::from(stage.of - stage.threshold);
        for cosigner in cosigners.iter_mut().take(spare) {
            cosigner.take();
        }
        signed(&mut signer, &precommit(6, 0, 1, 0));
        // One more, and nothing is signed; the mark stands.
        cosigners[spare].take();
        let failed = ask(&mut signer, &precommit(7, 0, 1, 0));
        assert!(matches!(failed, keeper::Answer::Fail(Failure::Key(_))), "{failed:?}");
        assert!(!signer.is_stopped());
        let refused = ask(&mut signer, &precommit(7, 0, 2, 0));
        assert!(matches!(refused, keeper::Answer::Refuse(_)), "{refused:?}");
        // It comes back with its mark, and what was promised is signed.
        let back = u16::try_from(spare + 1).unwrap();
        let _back = (0..50)
            .find_map(|_| {
                thread::sleep(Duration::from_millis(100));
                let config = stage.cosigner_config(back, addresses[spare]);
                serve::open(&config).ok().map(|ready| ready.serve().unwrap())
            })
            .expect("the port and the state come free");
        let end = Instant::now() + Duration::from_secs(15);
        let answer = loop {
            match ask(&mut signer, &precommit(7, 0, 1, 9)) {
                keeper::Answer::Sign(signed) => break signed,
                other => assert!(Instant::now() < end, "{other:?}"),
            }
        };
        assert!(
            public.verify(precommit(7, 0, 1, 0).sign_bytes(), answer.signature.as_bytes()),
            "the first timestamp"
        );
    }
}

#[test]
fn two_signers_that_disagree_never_both_sign() {
    let stage = Stage::set(2, 3);
    let cosigners: Vec<Serving> = (1..=3).map(|id| stage.cosigner(id, port())).collect();
    let addresses: Vec<_> = cosigners.iter().map(Serving::listen).collect();
    // Two states that know nothing of each other: the mistake that a shared store is to prevent.
    let mut signers = [stage.signer("one", &addresses), stage.signer("two", &addresses)];
    let mut both = 0;
    for height in 1..=20 {
        let requests = [precommit(height, 0, 1, 0), precommit(height, 0, 2, 0)];
        let answers: Vec<_> = thread::scope(|scope| {
            let asked: Vec<_> = signers
                .iter_mut()
                .zip(&requests)
                .map(|(signer, request)| scope.spawn(|| ask(signer, request)))
                .collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        let signed = answers.iter().filter(|answer| matches!(answer, keeper::Answer::Sign(_))).count();
        assert!(signed <= 1, "height {height}: {answers:?}");
        both += signed;
    }
    println!("{both} of 20 heights were signed, none twice");
}

#[test]
fn one_bad_cosigner_is_passed_over_at_every_message() {
    for (threshold, of) in [(2, 3), (3, 5)] {
        let stage = Stage::set(threshold, of);
        let cosigners: Vec<Serving> = (1..=of).map(|id| stage.cosigner(id, port())).collect();
        let addresses: Vec<_> = cosigners.iter().map(Serving::listen).collect();
        for (height, how) in (1..).zip(BAD) {
            let mut addresses = addresses.clone();
            let (address, struck) = bad_cosigner(&stage, 1, addresses[0], how);
            addresses[0] = address;
            let mut signer = stage.signer(&format!("state-of-{how:?}"), &addresses);
            let request = precommit(height, 0, 1, 0);
            let started = Instant::now();
            let answer = signed(&mut signer, &request);
            println!("{threshold} of {of}, {how:?}: signed after {:?}", started.elapsed());
            assert!(struck.load(Ordering::SeqCst), "{how:?}: it was never asked");
            assert!(stage.public_key().verify(request.sign_bytes(), answer.signature.as_bytes()));
        }
    }
}

#[test]
fn with_two_bad_of_three_there_is_a_clean_refusal() {
    let stage = Stage::set(2, 3);
    let cosigners: Vec<Serving> = (1..=3).map(|id| stage.cosigner(id, port())).collect();
    let addresses: Vec<_> = cosigners.iter().map(Serving::listen).collect();
    for (height, how) in (1..).zip(BAD) {
        if matches!(how, Bad::PromisesNothingNext | Bad::GivesOneAndIsGone) {
            continue; // it is good for one signature
        }
        let mut bad = addresses.clone();
        for id in [1, 2] {
            bad[usize::from(id) - 1] = bad_cosigner(&stage, id, bad[usize::from(id) - 1], how).0;
        }
        let mut signer = stage.signer(&format!("state-of-{how:?}"), &bad);
        let request = precommit(height, 0, 1, 0);
        let started = Instant::now();
        let answer = ask(&mut signer, &request);
        assert!(matches!(answer, keeper::Answer::Fail(Failure::Key(_))), "{how:?}: {answer:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{how:?}: a node waits 5 s");
        // Whatever shares were given: no signer gets another block signed there.
        let mut other = stage.signer(&format!("other-of-{how:?}"), &addresses);
        let conflict = ask(&mut other, &precommit(height, 0, 2, 0));
        let gave_shares = matches!(
            how,
            Bad::HangsUpWhenAsked
                | Bad::NeverAnswers
                | Bad::AnswersGarbage
                | Bad::AnswersAFrameWithoutEnd
                | Bad::Denies
                | Bad::Lies
        );
        assert_eq!(matches!(conflict, keeper::Answer::Fail(_)), gave_shares, "{how:?}: {conflict:?}");
    }
}

#[test]
fn who_is_not_pinned_gets_nothing() {
    let stage = Stage::set(2, 2);
    let cosigners: Vec<Serving> = (1..=2).map(|id| stage.cosigner(id, port())).collect();
    let stranger = TlsIdentity::of(&PrivateKey::from_seed(&[9; 32])).unwrap();
    let cosigner = TlsIdentity::open(&stage.path().join("cosigner-1.id")).unwrap();
    let signer = TlsIdentity::open(&stage.path().join("signer.id")).unwrap();
    let hello = |who: &TlsIdentity, pin| {
        let stream = std::net::TcpStream::connect(cosigners[0].listen()).unwrap();
        let connection =
            rustls::ClientConnection::new(tls::client(who, pin).unwrap(), tls::nobody()).unwrap();
        let mut link =
            StreamOwned::new(connection, Timed::new(stream, Instant::now() + Duration::from_secs(5)));
        tls::receive::<Hello>(&mut link)
    };
    assert_eq!(hello(&signer, cosigner.public()).unwrap().id, 1);
    hello(&stranger, cosigner.public()).expect_err("a stranger");
    hello(&signer, stranger.public()).expect_err("another cosigner than the pinned one");
    // Nor does a cosigner take another one for a signer.
    hello(&cosigner, cosigner.public()).expect_err("not a signer");
}

#[test]
fn the_daemon_refuses_to_start_without_its_mark_and_ends_well() {
    let stage = Stage::set(2, 3);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    stage.cosigner_config(1, free);
    let (code, _, err) = run(&stage.dir, "cosign --config cosigner-1.toml");
    assert_eq!(code, 2);
    assert!(
        err.contains("try: palisade-signer frost floor --config cosigner-1.toml --chain test-1 --height N"),
        "{err}"
    );
    let floor = format!("frost floor --config cosigner-1.toml --chain {CHAIN} --height");
    assert!(good(&stage.dir, &format!("{floor} 7")).starts_with("made the mark"));
    assert!(good(&stage.dir, &format!("{floor} 9")).starts_with("raised the mark"));
    let (code, _, err) = run(&stage.dir, &format!("{floor} 8"));
    assert_eq!(code, 2, "it only ever goes up: {err}");
    let mut child = command::command(stage.path(), "cosign --config cosigner-1.toml").spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    let mut signer = stage.signer("state", &[free, free]);
    // The one cosigner is reached, inside its walls; that it is not cosigner 2 as well is seen.
    loop {
        match ask(&mut signer, &precommit(10, 0, 1, 0)) {
            keeper::Answer::Fail(Failure::Key(error)) if !error.0.contains("cosigner 1") => break,
            other => assert!(Instant::now() < end, "{other:?}"),
        }
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

/// What `/metrics` of a cosigner says.
fn scrape(cosigner: &Serving, path: &str) -> String {
    let mut stream = TcpStream::connect(cosigner.metrics().unwrap()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn says(cosigner: &Serving, line: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while !scrape(cosigner, "/metrics").contains(line) {
        assert!(Instant::now() < end, "{line} is not in {}", scrape(cosigner, "/metrics"));
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_cosigner_tells_what_it_does_and_takes_another_list_of_signers() {
    let stage = Stage::set(2, 3);
    let mut config = stage.cosigner_config(1, port());
    config.metrics = Some(port());
    serve::floor(&config, CHAIN, Mark::floor(Hrs::whole_height(0))).unwrap();
    let told = serve::open(&config).unwrap().serve().unwrap();
    let others: Vec<Serving> = (2..=3).map(|id| stage.cosigner(id, port())).collect();
    let addresses: Vec<_> = std::iter::once(&told).chain(&others).map(Serving::listen).collect();
    let mut signer = stage.signer("state", &addresses);
    let connected = format!("palisade_signer_cosigner_signer_connected{{signer=\"{}\"}} ", config.signers[0]);
    says(&told, &format!("{connected}1\n"));
    // The signer may think of the two others first, until its end of the link is up as well.
    let at = |height: i64| format!("palisade_signer_cosigner_last_height{{chain_id=\"{CHAIN}\"}} {height}\n");
    let asked = (1..600).find(|height| {
        signed(&mut signer, &precommit(*height, 0, 1, 0));
        thread::sleep(Duration::from_millis(50));
        scrape(&told, "/metrics").contains(&at(*height))
    });
    let last = asked.expect("it is asked once it is there");
    assert!(
        scrape(&told, "/metrics").contains("palisade_signer_cosigner_requests_total{verdict=\"share\"} ")
    );
    assert!(scrape(&told, "/readyz").ends_with("\r\nok\n"));

    // The pin of somebody else, and the signer is out at once; the two others are enough.
    let mut new = config.clone();
    new.signers = vec![PrivateKey::from_seed(&[7; 32]).public()];
    told.reload(&new).unwrap();
    says(&told, &format!("{connected}0\n"));
    signed(&mut signer, &precommit(last + 1, 0, 1, 0));
    assert!(scrape(&told, "/metrics").contains(&at(last)));
    // What is read at the start only is not taken, and changes nothing.
    let mut moved = config.clone();
    moved.chains.push("another".into());
    assert!(matches!(told.reload(&moved), Err(ReloadError::Restart)));
    says(&told, "palisade_signer_cosigner_reloads_total{result=\"refused\"} 1\n");
    // And back in.
    told.reload(&config).unwrap();
    says(&told, &format!("{connected}1\n"));
}
