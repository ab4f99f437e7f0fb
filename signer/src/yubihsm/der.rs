//! The form in which the device gives an ECDSA signature: DER, a sequence of the two numbers R and S.
//!
//! Strict: one sequence, two positive integers of at most 32 bytes in their shortest form, nothing after them.

/// R and S, 32 bytes each; none where it is no such signature.
pub fn r_and_s(der: &[u8]) -> Option<[u8; 64]> {
    let (0x30, body, []) = field(der)? else { return None };
    let (0x02, r, rest) = field(body)? else { return None };
    let (0x02, s, []) = field(rest)? else { return None };
    let mut both = [0; 64];
    for (number, place) in [r, s].into_iter().zip(both.chunks_exact_mut(32)) {
        let digits = match number {
            [0, digits @ ..] if digits.first().is_some_and(|byte| *byte >= 0x80) => digits,
            [0x01..=0x7f, ..] => number,
            _ => return None,
        };
        let start = place.len().checked_sub(digits.len())?;
        place[start..].copy_from_slice(digits);
    }
    Some(both)
}

/// Tag, content and what comes after it. No signature on a curve of 256 bits needs a length of more than one byte.
fn field(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, length @ 0..=0x7f, rest @ ..] = bytes else { return None };
    let (content, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_short_and_long_are_read() {
        let short = [0x30, 6, 2, 1, 5, 2, 1, 0x7f];
        let both = r_and_s(&short).expect("good");
        assert_eq!((both[31], both[63], both[..31].iter().all(|byte| *byte == 0)), (5, 0x7f, true));
        let mut long = vec![0x30, 70, 2, 33, 0];
        long.extend([0xff; 32]);
        long.extend([2, 33, 0]);
        long.extend([0x80; 32]);
        assert_eq!(r_and_s(&long).map(|both| (both[0], both[32])), Some((0xff, 0x80)));
        for cut in 0..long.len() {
            assert_eq!(r_and_s(&long[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in [
            &[0x30, 6, 2, 1, 5, 2, 1, 0x80][..],
            &[0x30, 7, 2, 2, 0, 5, 2, 1, 1],
            &[0x30, 6, 2, 1, 5, 2, 1, 1, 0],
            &[0x30, 5, 2, 0, 2, 1, 1],
            &[0x30, 6, 2, 1, 0, 2, 1, 1],
            &[0x31, 6, 2, 1, 5, 2, 1, 1],
            &[0x30, 0x81, 6, 2, 1, 5, 2, 1, 1],
        ] {
            assert_eq!(r_and_s(bad), None, "{bad:?}");
        }
    }
}
