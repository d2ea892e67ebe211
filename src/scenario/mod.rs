//! From text to a checked plan, or to every problem in it at once.

pub mod plan;
