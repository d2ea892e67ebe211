//! Ctrl-C: the process ends at once, unless results are being put in place; then it ends right after.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// 128 + SIGINT, as shells expect.
const INTERRUPTED: i32 = 130;

static IN_PLACE: Mutex<()> = Mutex::new(());

/// From now on an interrupt waits for whoever holds [`hold`]. Where no handler can be set, an interrupt ends the process
/// at once, which the folder survives too.
pub fn listen() {
    let ended = ctrlc::set_handler(|| {
        let _waits = hold();
        std::process::exit(INTERRUPTED);
    });
    if let Err(error) = ended {
        eprintln!("rollcast: interrupts are not handled: {error}");
    }
}

/// Keeps an interrupt waiting until the guard is dropped.
pub fn hold() -> MutexGuard<'static, ()> {
    IN_PLACE.lock().unwrap_or_else(PoisonError::into_inner)
}
