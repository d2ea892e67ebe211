//! The `rollcast` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    match rollcast::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
