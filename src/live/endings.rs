//! How an attempt ended, from what Pingora saw of it.

use crate::core::proxy::Ending;
use pingora_core::{Error, ErrorSource, ErrorType};

/// By the status of its answer.
pub(super) const fn of_status(status: u16) -> Ending {
    match status {
        503 => Ending::Refused,
        500.. => Ending::Error,
        _ => Ending::Served,
    }
}

/// There was no connection.
pub(super) fn of_connecting(error: &Error) -> Ending {
    match error.etype() {
        ErrorType::ConnectTimedout => Ending::TimedOut,
        _ => Ending::Refused,
    }
}

/// There was one, and it failed.
pub(super) fn of_exchange(error: &Error) -> Ending {
    match (error.esource(), error.etype()) {
        (ErrorSource::Downstream, _) => Ending::Abandoned,
        (_, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => Ending::TimedOut,
        _ => Ending::Reset,
    }
}

/// What makes Pingora send a request again whose answer has come, but is not passed on.
pub(super) fn try_again() -> Box<Error> {
    let mut again = Error::explain(ErrorType::Custom("TryAgain"), "the core allows a retry");
    again.set_retry(true);
    again.into_up()
}
