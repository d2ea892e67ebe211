//! Ctrl-C: the process ends at once, unless results are being put in place; then it ends right after. Where there is
//! something to report already, the first Ctrl-C only ends the replications.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// 128 + SIGINT, as shells expect.
pub const INTERRUPTED: u8 = 130;

static IN_PLACE: Mutex<()> = Mutex::new(());
/// The next interrupt ends the replications, not the process.
static EARLY: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on an interrupt waits for whoever holds [`hold`]. Where no handler can be set, an interrupt ends the process
/// at once, which the folder survives too.
pub fn listen() {
    let ended = ctrlc::set_handler(|| {
        if EARLY.load(Ordering::SeqCst) && !ASKED.swap(true, Ordering::SeqCst) {
            eprintln!("rollcast: the runs under way are the last; once more ends all at once");
            return;
        }
        let _waits = hold();
        std::process::exit(i32::from(INTERRUPTED));
    });
    if let Err(error) = ended {
        eprintln!("rollcast: interrupts are not handled: {error}");
    }
}

/// From now on the first interrupt is only noted, for [`asked`].
pub fn end_early() {
    EARLY.store(true, Ordering::SeqCst);
}

/// Whether an interrupt was noted.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// From now on an interrupt ends the process again.
pub fn end_at_once() {
    EARLY.store(false, Ordering::SeqCst);
}

/// Keeps an interrupt waiting until the guard is dropped.
pub fn hold() -> MutexGuard<'static, ()> {
    IN_PLACE.lock().unwrap_or_else(PoisonError::into_inner)
}
