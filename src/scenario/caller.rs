//! Who sends each request, and the luck that the request has: the same in virtual time and on the wall clock.

use crate::core::draw::{Family, Stream, below};
use crate::core::ids::UserId;
use crate::scenario::plan::{Scenario, Source};

/// Draws of a request's stream that come before those of its first attempt: the user and the proxy.
const DRAWS_OF_REQUEST: u64 = 2;

/// Who asks, and where.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Who asks.
    pub user: UserId,
    /// The number of the proxy that the request comes to.
    pub proxy: u16,
    /// Random bits for routing.
    pub dice: u64,
}

/// Where the requests of a run come from.
#[derive(Clone, Copy, Debug)]
pub struct Callers {
    first: Family,
    again: Family,
    users: u32,
    proxies: u16,
    /// Whether requests are named by their users, who wait for answers.
    closed: bool,
}

impl Callers {
    /// As the scenario describes them.
    pub fn new(scenario: &Scenario) -> Callers {
        let Scenario { seed, traffic, proxies, .. } = scenario;
        let (first, again) = (seed.family("request"), seed.family("retry"));
        let closed = matches!(traffic.source, Source::Closed { .. });
        Callers { first, again, users: traffic.users, proxies: proxies.count, closed }
    }

    /// What the request is called that a user sends who waits for answers and has sent so many before.
    pub fn number(user: UserId, before: u32) -> u64 {
        u64::from(user.0) << 32 | u64::from(before)
    }

    /// Who sends the request that is called `number`, and the luck of its first attempt.
    pub fn call(&self, number: u64) -> (Caller, Stream) {
        let call = self.open(number);
        (Caller { user: call.user(), proxy: call.proxy(), dice: call.dice() }, call.luck())
    }

    /// The same, of which only what is asked for is drawn.
    #[inline(always)]
    pub fn open(&self, number: u64) -> Call {
        Call { callers: *self, number, stream: self.first.stream(number) }
    }

    /// The luck of an attempt of that request, of which `before` were made earlier.
    #[inline(always)]
    pub fn luck(&self, number: u64, before: u8) -> Stream {
        match before {
            0 => self.open(number).luck(),
            _ => self.again.stream(number.wrapping_mul(4).wrapping_add(u64::from(before))),
        }
    }
}

/// The luck that belongs to one request, before anything is drawn of it.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    callers: Callers,
    number: u64,
    stream: Stream,
}

impl Call {
    /// Who asks.
    #[inline(always)]
    pub fn user(self) -> UserId {
        match self.callers.closed {
            false => UserId(below(self.stream.ahead(), self.callers.users)),
            true => UserId((self.number >> 32) as u32),
        }
    }

    /// The number of the proxy that the request comes to.
    #[inline(always)]
    pub fn proxy(self) -> u16 {
        // Nearly always there is one, and nothing to draw.
        match self.callers.proxies {
            1 => 0,
            proxies => below(self.stream.after(1).ahead(), u32::from(proxies)) as u16,
        }
    }

    /// Random bits for routing.
    #[inline(always)]
    pub fn dice(self) -> u64 {
        self.stream.dice()
    }

    /// The luck of its first attempt.
    #[inline(always)]
    pub fn luck(self) -> Stream {
        self.stream.after(DRAWS_OF_REQUEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;
    use std::path::Path;

    fn callers(proxies: u16) -> Callers {
        let yaml = format!(
            "name: x\nhorizon: 1s\ntraffic: {{ open: {{ stages: [ {{ rate: 1/s, for: 1s }} ] }} }}\n\
             proxies: {{ count: {proxies} }}\nfleet: {{ size: 1, slots: 1 }}\nversions: {{ v1: {{ service: 1ms }} }}\n"
        );
        let scenario = parse(&yaml, "x.yaml", Path::new(".")).unwrap_or_else(|problems| panic!("{problems}")).scenario;
        Callers::new(&scenario)
    }

    #[test]
    fn the_first_attempt_has_the_luck_of_its_request_wherever_that_is_asked_for() {
        for proxies in [1, 3] {
            let callers = callers(proxies);
            for number in 0..100 {
                assert_eq!(callers.call(number).1, callers.luck(number, 0));
                assert_ne!(callers.luck(number, 0), callers.luck(number, 1));
            }
        }
    }

    #[test]
    fn who_asks_does_not_depend_on_the_number_of_proxies() {
        let (one, many) = (callers(1), callers(20));
        assert!((0..1_000).all(|number| one.call(number).0.user == many.call(number).0.user));
        let at = |proxy| (0..20_000).filter(|&number| many.call(number).0.proxy == proxy).count();
        // Binomial: 1,000 ± 31.
        assert!((0..20).all(|proxy| (870..1_130).contains(&at(proxy))));
    }
}
