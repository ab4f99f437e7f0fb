//! What a history is made of, apart from where it is kept: the same rows, events and rollups in the embedded store, in
//! PostgreSQL and in a file that is carried from one to the other.
//!
//! A row is a counted height. Old rows are sealed into [`chunk`]s of 1,024 heights, in which a validator that signed
//! everything takes no byte. Hours and days are [`segment`]s, which outlive the rows they were folded from.

pub mod chunk;
pub mod columnar;
pub mod moment;
pub mod note;
pub mod runs;
pub mod segment;
pub mod table;
pub mod varint;
pub mod who;

/// Heights in a chunk; the first one of each is a multiple of it.
pub const CHUNK: i64 = 1024;
/// Rows that stay as they were written, before a chunk of them is sealed.
pub const HOT: i64 = 8 * CHUNK;
/// Seconds in the shorter rollup.
pub const HOUR: i64 = 3600;
/// Seconds in the longer one.
pub const DAY: i64 = 24 * HOUR;

/// First height of the chunk that `height` belongs to.
pub fn chunk_of(height: i64) -> i64 {
    height - height.rem_euclid(CHUNK)
}

/// Start, in Unix seconds, of the span of `length` seconds that a time in Unix nanoseconds belongs to.
pub fn span_of(time: i64, length: i64) -> i64 {
    let seconds = time.div_euclid(1_000_000_000);
    seconds - seconds.rem_euclid(length)
}
