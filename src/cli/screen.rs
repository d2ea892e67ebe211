//! Standard output and the terminal behind it.

use crate::cli::interrupt;
use crate::sim::Watch;
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
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs, {eta} left");
    let bar = ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::stderr());
    bar.with_style(style.expect("the template is a constant"))
}

/// The bar of a comparison in virtual time.
pub struct Progress {
    bar: ProgressBar,
    /// Runs after which an interrupt leaves something to report.
    enough: Option<u64>,
}

impl Progress {
    /// Of a comparison that an interrupt ends at once.
    pub fn new() -> Progress {
        Progress { bar: progress(0), enough: None }
    }

    /// Of one that an interrupt ends early, once so many runs are over.
    pub fn ending_early_after(runs: u64) -> Progress {
        Progress { enough: Some(runs), ..Progress::new() }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Progress {
    fn planned(&self, runs: u64) {
        self.bar.set_length(runs);
    }

    fn done(&self) {
        self.bar.inc(1);
        if self.enough.is_some_and(|enough| self.bar.position() >= enough) {
            interrupt::end_early();
        }
    }

    fn goes_on(&self) -> bool {
        !interrupt::asked()
    }
}
