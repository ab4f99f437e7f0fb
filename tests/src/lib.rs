//! Map of the test house: drivers for the real peers of Palisade's programs, and the tidy rules.

pub mod tidy;
