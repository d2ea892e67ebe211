//! Who sends each request, and the luck that the request has: the same in virtual time and on the wall clock.

use crate::core::draw::{Family, Stream, below};
use crate::core::ids::UserId;
use crate::scenario::plan::Scenario;
use rand::Rng;

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
}

impl Callers {
    /// As the scenario describes them.
    pub fn new(scenario: &Scenario) -> Callers {
        let Scenario { seed, traffic, proxies, .. } = scenario;
        let (first, again) = (seed.family("request"), seed.family("retry"));
        Callers { first, again, users: traffic.users, proxies: proxies.count }
    }

    /// Who sends the request that is called `number`, and the luck of its first attempt.
    #[inline(always)]
    pub fn call(&self, number: u64) -> (Caller, Stream) {
        let mut stream = self.first.stream(number);
        let dice = stream.dice();
        let user = UserId(below(stream.next_u64(), self.users));
        // Nearly always there is one, and nothing to draw.
        let proxy = if self.proxies == 1 { 0 } else { below(stream.ahead(), u32::from(self.proxies)) };
        stream.skip(1);
        (Caller { user, proxy: proxy as u16, dice }, stream)
    }

    /// The luck of an attempt of that request, of which `before` were made earlier.
    #[inline(always)]
    pub fn luck(&self, number: u64, before: u8) -> Stream {
        if before > 0 {
            return self.again.stream(number.wrapping_mul(4).wrapping_add(u64::from(before)));
        }
        let mut stream = self.first.stream(number);
        stream.skip(DRAWS_OF_REQUEST);
        stream
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
