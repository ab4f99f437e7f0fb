//! A file that is ahead of its register, and a register that went back: what is closed, what is found, what goes on.

use super::*;

fn height_of(file: &File) -> i64 {
    let image = file.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
    slots::read(&image, &identity()).expect("good").hrs.height
}

#[test]
fn what_the_register_never_took_closes_its_place_and_nothing_else() {
    let zero = Hrs::whole_height(0);
    let (register, files) = (register(zero), [file(zero), file(zero)]);
    let [mut a, mut b] = files.each_ref().map(|file| keeper(&register, file, false));
    assert!(matches!(ask(&mut a, &vote(PRECOMMIT, 5, 0, 1, 1)), Answer::Sign(_)));
    // It never arrives, and then there is no power any more. The file is ahead.
    register.with(|place| place.fates = vec![2]);
    assert!(matches!(ask(&mut a, &vote(PRECOMMIT, 9, 0, 1, 1)), Answer::Fail(Failure::Shared(_))));
    assert_eq!(height_of(&files[0]), 9);
    let mut a = keeper(&register, &files[0], false);
    // Not a repeat: the other one may sign, and signs, another block there.
    let Answer::Refuse(refusal) = ask(&mut a, &vote(PRECOMMIT, 9, 0, 1, 1)) else { panic!("signed") };
    assert_eq!(refusal.reason, Reason::NoSignBytes);
    assert!(matches!(ask(&mut b, &vote(PRECOMMIT, 7, 0, 1, 1)), Answer::Sign(_)));
    // The race that is lost to the mark at 7 is one below what is closed here, and no reason to stop.
    assert!(matches!(ask(&mut a, &vote(PRECOMMIT, 10, 0, 1, 1)), Answer::Sign(_)));
    let Answer::Refuse(_) = ask(&mut b, &vote(PRECOMMIT, 9, 0, 2, 1)) else { panic!("signed") };
    // Taken, and the answer lost: that is a repeat after a restart.
    register.with(|place| place.fates = vec![1]);
    assert!(matches!(ask(&mut a, &vote(PRECOMMIT, 11, 0, 1, 1)), Answer::Fail(Failure::Shared(_))));
    let mut a = keeper(&register, &files[0], false);
    assert!(matches!(ask(&mut a, &vote(PRECOMMIT, 11, 0, 1, 1)), Answer::Sign(signed) if signed.repeat));
}

#[test]
fn a_lower_place_is_signed_below_a_file_that_is_ahead() {
    let zero = Hrs::whole_height(0);
    let (register, file) = (register(zero), file(zero));
    let mut one = keeper(&register, &file, false);
    register.with(|place| place.fates = vec![2]);
    ask(&mut one, &vote(PRECOMMIT, 9, 0, 1, 1));
    assert!(matches!(ask(&mut one, &vote(PRECOMMIT, 5, 0, 1, 1)), Answer::Sign(_)));
    assert_eq!(height_of(&file), 9);
    let mut one = keeper(&register, &file, false);
    for height in [5, 9] {
        assert!(matches!(ask(&mut one, &vote(PRECOMMIT, height, 0, 1, 1)), Answer::Refuse(_)));
    }
    assert!(matches!(ask(&mut one, &vote(PRECOMMIT, 10, 0, 1, 1)), Answer::Sign(_)));
}

/// A register that went back and was used by a signer that could not know: the others find it by the record's number, although its
/// mark is above theirs by then.
#[test]
fn a_register_that_went_back_and_on_again_is_found_by_its_numbers() {
    let zero = Hrs::whole_height(0);
    let (register, files) = (register(zero), [file(zero), file(zero)]);
    let mut a = keeper(&register, &files[0], false);
    ask(&mut a, &vote(PRECOMMIT, 1, 0, 1, 1));
    let old = register.with(|place| (place.seen.clone(), place.revision));
    for height in 2..9 {
        assert!(matches!(ask(&mut a, &vote(PRECOMMIT, height, 0, 1, 1)), Answer::Sign(_)));
    }
    register.with(|place| (place.seen, place.revision) = old);
    let mut b = keeper(&register, &files[1], false);
    assert!(matches!(ask(&mut b, &vote(PRECOMMIT, 20, 0, 1, 1)), Answer::Sign(_)));
    let error = open(&register, &files[0]).err().expect("behind").to_string();
    assert!(error.contains("record 3 of revision 3"), "{error}");
    // As many new records as were lost, and no number says anything any more: docs/etcd.md says that this is not found.
    for height in 21..40 {
        ask(&mut b, &vote(PRECOMMIT, height, 0, 1, 1));
    }
    assert!(open(&register, &files[0]).is_ok());
}

#[test]
fn a_signature_that_is_kept_leaves_what_was_settled_in_the_record_before() {
    let zero = Hrs::whole_height(0);
    let (register, file) = (register(zero), file(zero));
    let mut one = keeper(&register, &file, true);
    let old = register.with(|place| place.seen.clone());
    ask(&mut one, &vote(PRECOMMIT, 1, 0, 1, 1));
    ask(&mut one, &vote(PRECOMMIT, 2, 0, 1, 1));
    drop(one);
    let above = register.with(|place| place.seen.clone());
    // An old number with a new mark.
    register.with(|place| {
        let mark = read(&above.as_ref().expect("there").value, &identity()).expect("good").mark;
        let value = record::encode(&identity(), 2, mark.hrs, &mark.sign_bytes, None, &Link::default());
        place.seen = old.map(|seen| Seen { value: value.to_vec(), ..seen });
    });
    assert!(open(&register, &file).is_err());
}
