//! The `rollcast` program.

fn main() {}
