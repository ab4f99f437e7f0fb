//! States and keys of other signers: hostile or damaged ones are refused without a panic.
#![no_main]

use comet::{canonical, key::PrivateKey};
use libfuzzer_sys::fuzz_target;
use palisade_signer::{
    import::{key, shard, state},
    interchange,
    mark::{Identity, MAX_SIGN_BYTES},
};

const CHAIN: &str = "fuzz-1";

fuzz_target!(|text: &str| {
    let public = PrivateKey::from_seed(&[7; 32]).public().into();
    if let Ok(imported) = state::read(text, CHAIN, &public) {
        let mark = &imported.mark;
        assert!(mark.hrs.height >= 0 && mark.hrs.round >= 0 && mark.sign_bytes.len() <= MAX_SIGN_BYTES);
        // Sign-bytes are taken only if they say what the mark says: a repeat would sign them.
        if !mark.is_floor() {
            let said = canonical::read(&mark.sign_bytes).expect("sign-bytes");
            assert_eq!((said.height, said.round), (mark.hrs.height, mark.hrs.round.into()));
        }
        let identity = Identity { chain_id: CHAIN.into(), public_key: public.clone() };
        let exported = interchange::write(&identity, mark, None);
        let again = interchange::read(&exported, CHAIN, &public).expect("our own export");
        assert_eq!(again, *mark);
        assert!(state::highest(std::slice::from_ref(&imported), 3).is_some_and(|floor| floor.hrs >= mark.hrs));
    }
    if let Ok((key, _)) = key::read(text) {
        assert!(key.public().verify(b"fuzz", key.sign(b"fuzz").as_bytes()));
    }
    let shards: Vec<_> = text.split("\n\n").take(5).filter_map(|part| shard::read(part).ok()).collect();
    if let Ok(key) = shard::recombine(&shards, &[9; 32]) {
        assert!(key.public().verify(b"fuzz", &key.sign(b"fuzz")));
    }
});
