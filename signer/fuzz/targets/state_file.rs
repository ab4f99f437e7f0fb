//! State files: whatever is in one, it is refused or its newest mark is used, and repairs never go below what it shows.
#![no_main]

use comet::key::PrivateKey;
use libfuzzer_sys::{arbitrary, arbitrary::Arbitrary, fuzz_target};
use palisade_signer::{
    mark::{Hrs, Identity, Mark, Step},
    record::{self, RECORD},
    slots::{self, Medium, SLOT, Slots},
};
use sha2::{Digest, Sha256};

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Bytes(&'a [u8]),
    /// A good file, changed here and there; `mended` slots get a checksum that fits, so that what is behind it is reached.
    Changed { height: u32, step: u8, sign_bytes: Vec<u8>, changes: Vec<(u16, u8)>, mended: [bool; 2] },
}

/// A disk that never fails.
struct Memory(Vec<u8>);

impl Medium for Memory {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let at = usize::try_from(offset).expect("small");
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|input: Input| {
    match input {
        Input::Bytes(bytes) => judge(bytes),
        Input::Changed { height, step, mut sign_bytes, changes, mended } => {
            sign_bytes.truncate(256);
            let step = Step::ALL[usize::from(step) % Step::ALL.len()];
            let mark = Mark { hrs: Hrs { height: height.into(), round: 0, step }, sign_bytes };
            let mut image = slots::image(&identity(), &mark);
            for (at, value) in changes {
                // Most changes within the records: the rest is padding that nothing reads.
                let at = usize::from(at);
                let at = if at % 2 == 0 { at / 2 % RECORD } else { SLOT + at / 2 % RECORD };
                image[at] = value;
            }
            for slot in [0, 1].into_iter().filter(|slot| mended[*slot]) {
                let record = &mut image[slot * SLOT..][..RECORD];
                let checksum = Sha256::digest(&record[..480]);
                record[480..].copy_from_slice(&checksum);
            }
            judge(&image);
        }
    }
});

fn judge(image: &[u8]) {
    for slot in image.chunks(SLOT) {
        if let Some(bytes) = slot.first_chunk::<RECORD>()
            && let Ok(record) = record::decode(bytes)
        {
            assert!(record.mark.hrs.height >= 0 && record.mark.hrs.round >= 0);
        }
    }
    let shown = slots::salvage(image, &identity());
    let Ok(mark) = slots::read(image, &identity()) else { return };
    assert_eq!(shown.map(|shown| shown.hrs), Some(mark.hrs), "a repair would go elsewhere");
    let (_, opened) = match Slots::open(Memory(image.to_vec()), image, identity()) {
        Ok(opened) => opened,
        Err(error) => panic!("read, but not opened: {error}"),
    };
    assert_eq!(opened.mark, mark);
}

fn identity() -> Identity {
    Identity { chain_id: "fuzz-1".into(), public_key: PrivateKey::from_seed(&[7; 32]).public().into() }
}
