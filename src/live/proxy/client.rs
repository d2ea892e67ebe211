//! Who asks: what the configuration goes by, as the core wants it.

use crate::core::draw::further;
use crate::core::ids::UserId;
use crate::core::proxy::{Client, place_of};
use crate::core::rollout::Split;
use crate::scenario::config::{Route, Where};
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_http::RequestHeader;
use std::net::IpAddr;
use xxhash_rust::xxh64::xxh64;

/// Numbers that are looked through for one on the right side of a split; there is one among two on average.
const NUMBERS_MAX: u64 = 10_000;

/// The value at `place` in a request.
pub(super) fn value<'a>(header: &'a RequestHeader, place: &Where) -> Option<&'a [u8]> {
    match place {
        Where::Header(name) => header.headers.get(name.as_str()).map(|value| value.as_bytes()),
        Where::Cookie(name) => cookie(header, name),
    }
}

/// The first cookie of that name.
pub(super) fn cookie<'a>(header: &'a RequestHeader, name: &str) -> Option<&'a [u8]> {
    let lines = header.headers.get_all("cookie").iter();
    let mut pairs = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b';'));
    pairs.find_map(|pair| {
        let pair = pair.trim_ascii();
        pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
    })
}

/// The address of a client as the core has it.
pub(super) fn address(address: Option<&SocketAddr>) -> Option<Client> {
    Some(match address?.as_inet()?.ip() {
        IpAddr::V4(ip) => Client::V4(ip.octets()),
        IpAddr::V6(ip) => Client::V6(ip.octets()),
    })
}

/// The number of a user: what tells them apart, hashed.
///
/// Where a mark sends requests to the new version, the core tells by its number whether a user carries it: here everybody
/// gets a number on the side where they are.
pub(super) fn user(header: &RequestHeader, route: &Route, client: Option<Client>, split: Option<Split>) -> UserId {
    let name = route.user.as_ref().and_then(|place| value(header, place));
    let hash = match (name, client) {
        (Some(name), _) => xxh64(name, 0),
        (None, Some(Client::V4(octets))) => xxh64(&octets, 1),
        (None, Some(Client::V6(octets))) => xxh64(&octets, 1),
        (None, None) => 0,
    };
    let Some(carriers) = split.and_then(Split::carriers) else { return UserId(hash as u32) };
    let carries = route.new.as_ref().is_some_and(|mark| is_marked(header, mark));
    let mut numbers = (0..NUMBERS_MAX).map(|index| UserId(further(hash, index) as u32));
    let fits = |user: &UserId| (place_of(*user) < carriers.value()) == carries;
    numbers.find(fits).unwrap_or(UserId(hash as u32))
}

fn is_marked(header: &RequestHeader, (place, wanted): &(Where, Option<String>)) -> bool {
    match (value(header, place), wanted) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(found), Some(wanted)) => found == wanted.as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::amount::Share;

    fn request(headers: &[(&'static str, &str)]) -> RequestHeader {
        let mut header = RequestHeader::build("GET", b"/", None).expect("a request");
        for (name, value) in headers {
            header.append_header(*name, *value).expect("a header");
        }
        header
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let header = request(&[("cookie", "xid=1; id=2;id=3"), ("cookie", "other=4")]);
        assert_eq!(cookie(&header, "id"), Some(&b"2"[..]));
        assert_eq!(cookie(&header, "other"), Some(&b"4"[..]));
        assert_eq!(cookie(&header, "i"), None);
    }

    #[test]
    fn whoever_carries_the_mark_is_on_that_side_of_the_split() {
        let mark = Some((Where::Header("x-canary".to_owned()), Some("yes".to_owned())));
        let route = Route { user: Some(Where::Cookie("id".to_owned())), new: mark, key: None };
        let carriers = Share::new(0.5).expect("a share");
        for id in 0..200 {
            for (value, carries) in [("yes", true), ("no", false)] {
                let header = request(&[("cookie", &format!("id={id}")), ("x-canary", value)]);
                let number = user(&header, &route, None, Some(Split::Header(carriers)));
                assert_eq!(place_of(number) < 0.5, carries, "user {id}");
            }
        }
    }

    #[test]
    fn a_user_has_one_number_wherever_they_come_from() {
        let route = Route { user: Some(Where::Header("x-user".to_owned())), new: None, key: None };
        let header = request(&[("x-user", "anna")]);
        let one = user(&header, &route, Some(Client::V4([10, 0, 0, 1])), None);
        assert_eq!(one, user(&header, &route, Some(Client::V4([10, 0, 0, 2])), None));
        assert_ne!(one, user(&request(&[("x-user", "bert")]), &route, None, None));
    }
}
