//! The format from the outside; the real `age` is met in `signer/tests/encrypted_keys.rs`.

use rand_core::{OsRng, RngCore as _};

use super::*;

/// As small as it goes: what is tested is the format.
const WORK: u8 = 1;

fn sealed(content: &[u8]) -> Vec<u8> {
    encrypt(content, b"horse", WORK, &mut OsRng).expect("good")
}

fn refused(file: &[u8]) -> AgeError {
    decrypt(file, b"horse").map(|_| ()).expect_err("it must not open")
}

fn with_line(file: &[u8], number: usize, line: &str) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = file.splitn(5, |byte| *byte == b'\n').collect();
    lines[number] = line.as_bytes();
    lines.join(&b'\n')
}

#[test]
fn content_of_any_length_comes_back() {
    for length in [0, 1, 300, 65_535, 65_536, 65_537, 131_072, 200_000] {
        let mut content = vec![0; length];
        OsRng.fill_bytes(&mut content);
        let file = sealed(&content);
        assert!(is_age(&file));
        assert_eq!(*decrypt(&file, b"horse").expect("ours"), content, "{length}");
        assert_eq!(decrypt(&file, b"hors").expect_err("wrong"), AgeError::Passphrase);
    }
}

#[test]
fn every_cut_is_noticed() {
    let file = sealed(&[7; 300]);
    for length in 0..file.len() {
        let error = refused(&file[..length]);
        let expected = match length {
            0 => matches!(error, AgeError::NotAge),
            _ if length < file.len() - 300 => matches!(error, AgeError::CutShort(_)),
            _ => matches!(error, AgeError::Damaged { chunk: 1 }),
        };
        assert!(expected, "{length}: {error}");
    }
    // At the end of a chunk, every tag is right.
    let file = sealed(&[7; 70_000]);
    assert_eq!(
        refused(&file[..file.len() - (70_000 - 65_536) - 16]),
        AgeError::CutShort("its last chunks are missing")
    );
}

#[test]
fn every_changed_byte_is_noticed() {
    let file = sealed(&[7; 60]);
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 4;
        refused(&changed);
        // And it says more than "no": what is content is not blamed on the passphrase.
        if at >= file.len() - 76 {
            assert_eq!(refused(&changed), AgeError::Damaged { chunk: 1 });
        }
    }
    let mut longer = file;
    longer.push(0);
    assert_eq!(refused(&longer), AgeError::Damaged { chunk: 1 });
}

#[test]
fn chunks_cannot_change_places() {
    let mut file = sealed(&[7; 3 * 65_536]);
    let start = file.len() - 3 * 65_552;
    let (first, second) = file[start..].split_at_mut(65_552);
    first.swap_with_slice(&mut second[..65_552]);
    assert_eq!(refused(&file), AgeError::Damaged { chunk: 1 });
}

#[test]
fn headers_are_refused_for_what_is_wrong_with_them() {
    let file = sealed(b"content");
    let line = |number: usize| {
        let line = file.splitn(5, |byte| *byte == b'\n').nth(number).expect("it is there");
        String::from_utf8(line.to_vec()).expect("text")
    };
    let stanza = line(1);
    let (start, _) = stanza.rsplit_once(' ').expect("two");
    for (number, new, expected) in [
        (0, "age-encryption.org/v2".into(), AgeError::Header("only version 1 is known here")),
        (0, "{".into(), AgeError::NotAge),
        (1, "-> X25519 abc".into(), AgeError::Recipient("X25519".into())),
        (1, "-> ssh-ed25519 abc d".into(), AgeError::Recipient("ssh-ed25519".into())),
        (1, "scrypt".into(), AgeError::Header("no recipient")),
        (1, format!("{start} 21"), AgeError::Work(21)),
        (1, format!("{start} 64"), AgeError::Work(64)),
        (1, format!("{start} 4000000000000"), AgeError::Work(255)),
        (1, format!("{start} 01"), AgeError::Header("its work factor is not a number")),
        (1, format!("{start} +1"), AgeError::Header("its work factor is not a number")),
        (1, format!("{start} 0"), AgeError::Header("its work factor is not a number")),
        (1, start.into(), AgeError::Header("its scrypt line has not salt and work factor")),
        (1, "-> scrypt AAAA 1".into(), AgeError::Header("its salt is not 16 bytes in base64")),
        (2, "AAAA".into(), AgeError::Header("its wrapped key is not 32 bytes in base64")),
        (3, "-> X25519 abc".into(), AgeError::Header("there are other recipients beside the passphrase")),
        (3, "--".into(), AgeError::Header("no MAC where it should be")),
        (3, format!("--- {}", "A".repeat(43)), AgeError::Mac),
    ] {
        assert_eq!(refused(&with_line(&file, number, &new)), expected, "{new}");
    }
    assert_eq!(decrypt(&file, b"").expect_err("none"), AgeError::NoPassphrase);
    assert_eq!(encrypt(b"", b"", WORK, &mut OsRng).expect_err("none"), AgeError::NoPassphrase);
    let mut endless = b"age-encryption.org/v1\n-> ".to_vec();
    endless.resize(100_000, b'a');
    assert_eq!(refused(&endless), AgeError::Header("a line has no end"));
    assert_eq!(refused(b"-----BEGIN AGE ENCRYPTED FILE-----\n!!"), AgeError::Armor);
}
