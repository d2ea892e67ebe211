//! Reports: pure writers from a [`Forecast`] to text and bytes. They never change a number, never ask for the time, and know no
//! engine; [`folder`] alone touches the disk. The verbs of `cli` drive them.

pub mod csv;
pub mod folder;
pub mod json;
pub mod terminal;
pub mod verdict;

mod number;
mod table;
mod text;

#[cfg(test)]
mod fixture;

pub use json::json;
pub use terminal::terminal;
pub use verdict::verdict;
