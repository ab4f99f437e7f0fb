//! Address books: one that is scrubbed holds no trace any more, is a book still, and lost nothing else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_sentry::{
    NodeId,
    addrbook::{Book, Wanted},
};

fuzz_target!(|text: &str| {
    let id: NodeId = "aa".repeat(20).parse().expect("40 hex digits");
    let wanted = Wanted { ids: vec![id], ips: vec![[10, 0, 0, 7].into()] };
    let Ok(book) = Book::parse(text) else { return };
    let audit = book.audit(&wanted);
    let Ok(clean) = book.scrubbed(&audit) else { return };
    let again = Book::parse(&clean).expect("a scrubbed book is a book").audit(&wanted);
    assert_eq!(again.entries, audit.entries - audit.traces.len());
    assert!(again.traces.is_empty() && again.unclear.is_empty());
    if audit.traces.is_empty() {
        assert_eq!(clean, text, "nothing to scrub, and yet something changed");
    }
});
