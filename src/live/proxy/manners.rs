//! What is refused of a request whose head is complete: lengths that can be read in two ways, bodies that are too large.

use pingora_core::{Error, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;

const CONTENT_LENGTH: &str = "content-length";
const TRANSFER_ENCODING: &str = "transfer-encoding";

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub reason: &'static str,
}

/// Refuses a request whose end two servers could see at different places (request smuggling), or that is too large.
///
/// Differing lengths, and codings that do not end with `chunked`, Pingora refuses itself. Of a request with both headers
/// it drops the length and goes on, as RFC 9112 allows; this does not.
pub(super) fn look(session: &Session, body_size: u64) -> Option<Refusal> {
    let header = session.req_header();
    if header.headers.contains_key(TRANSFER_ENCODING) && has_length(session) {
        return Some(Refusal { status: 400, reason: "ambiguous-length" });
    }
    if length(header).is_some_and(|length| length > body_size) {
        return Some(Refusal { status: 413, reason: "body-size" });
    }
    None
}

/// As it was sent: of the parsed head Pingora has taken the length out by now.
fn has_length(session: &Session) -> bool {
    let Some(http1) = session.as_http1() else { return false };
    let raw = http1.get_headers_raw_bytes();
    let mut lines = raw.split(|&byte| byte == b'\n').skip(1);
    lines.any(|line| {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(CONTENT_LENGTH.as_bytes())
    })
}

fn length(header: &RequestHeader) -> Option<u64> {
    header.headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

impl Refusal {
    pub fn error(self) -> Box<Error> {
        Error::explain(ErrorType::HTTPStatus(self.status), self.reason)
    }
}

/// Counts a body that comes in pieces.
///
/// # Errors
/// It is too large.
pub(super) fn weigh(so_far: &mut u64, piece: usize, body_size: u64) -> Result<()> {
    *so_far += piece as u64;
    if *so_far > body_size {
        let mut error = Refusal { status: 413, reason: "body-size" }.error();
        error.as_down();
        return Err(error);
    }
    Ok(())
}

/// Whether the method promises that asking twice is as good as once (RFC 9110, 9.2.2).
pub(super) fn may_be_repeated(header: &RequestHeader) -> bool {
    header.method.is_idempotent()
}
