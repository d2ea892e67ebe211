//! Standard output and the terminal behind it.

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, ErrorKind, Write};

/// Columns where no terminal says how many there are.
const WIDTH: usize = 100;

/// Prints `text`. A reader that has closed its end has seen enough: that is not an error.
///
/// # Errors
/// Whatever else the operating system says.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Columns of the terminal.
pub fn width() -> usize {
    Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns))
}

/// Whether standard output wants colour; `NO_COLOR` says no.
pub fn colour() -> bool {
    Term::stdout().is_term() && console::colors_enabled()
}

/// A bar on standard error that counts `runs`; invisible where that is not a terminal.
pub fn progress(runs: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} strategies, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::stderr());
    bar.with_style(style.expect("the template is a constant"))
}
