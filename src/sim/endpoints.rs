//! What proxies learn of the instances, each in its own time: endpoints, weights, checks, and what a reload forgets.

use crate::core::amount::Share;
use crate::core::draw::unit;
use crate::core::ids::InstanceId;
use crate::core::journal::Front;
use crate::core::time::{Moment, Span};
use crate::sim::agenda::Event;
use crate::sim::world::World;
use rand::Rng;

impl World<'_> {
    /// The proxy that takes new requests under this number.
    pub fn front(&mut self, proxy: u16) -> &mut Front {
        &mut self.proxies[usize::from(self.fronts[usize::from(proxy)])]
    }

    /// When a proxy learns of a change that is made now: news reach a proxy in order.
    pub fn news_at(&mut self, proxy: u16) -> Moment {
        self.news_sent += 1;
        let mut stream = self.listing_luck.stream(self.news_sent);
        let delay = self.listing_delay.draw(&mut stream);
        let last = &mut self.news_last[usize::from(proxy)];
        *last = (self.now + Span::from_nanos(delay)).max(*last);
        *last
    }

    /// The endpoints change; every proxy learns of it a listing delay later.
    pub fn publish(&mut self, instance: InstanceId, listed: bool) {
        for proxy in 0..self.scenario.proxies.count {
            let at = self.news_at(proxy);
            if at == self.now {
                self.learn_listing(proxy, instance, listed);
            } else {
                self.agenda.plan(at, Event::List { proxy, instance, listed });
            }
        }
    }

    /// The controller wants another share for the new version; every proxy learns of it a listing delay later.
    pub fn weigh(&mut self, share: Share) {
        self.meter.weighed(self.now, share);
        for proxy in 0..self.scenario.proxies.count {
            let at = self.news_at(proxy);
            if at == self.now {
                self.learn_share(proxy, share);
            } else {
                self.agenda.plan(at, Event::Weigh { proxy, share });
            }
        }
    }

    /// A proxy learns of a new share for the new version.
    pub fn learn_share(&mut self, proxy: u16, share: Share) {
        self.shares[usize::from(proxy)] = Some(share);
        let now = self.now;
        self.front(proxy).set_share(now, share);
    }

    /// A proxy learns that an instance is, or is no longer, in the endpoints.
    pub fn learn_listing(&mut self, proxy: u16, instance: InstanceId, listed: bool) {
        if self.front(proxy).proxy().lists(instance) == listed {
            return;
        }
        let version = self.servers[instance.index()].version;
        let was_listed = self.servers[instance.index()].listings > 0;
        if listed {
            let level = self.level_of(instance);
            // What serves since before the start has long been checked.
            let known = self.now == Moment::START;
            let now = self.now;
            let front = self.front(proxy);
            front.list(now, instance, version, level, known);
            let unprotected = front.proxy().slow_start_protects_nothing(now);
            self.unprotected |= unprotected;
            self.servers[instance.index()].listings += 1;
        } else {
            let now = self.now;
            self.front(proxy).unlist(now, instance);
            self.servers[instance.index()].listings -= 1;
        }
        self.meter.listed(self.now, version, listed);
        let server = &self.servers[instance.index()];
        let change = i64::from(server.listings > 0) - i64::from(was_listed);
        if server.available && change != 0 {
            self.meter.reachable(self.now, change);
        }
        if listed {
            self.plan_first_probe(proxy, instance);
            let front = self.fronts[usize::from(proxy)];
            self.call_waiting(front, None);
        }
    }

    /// The priority of an instance: its version's, and one below that if it is one of the fleet's backups.
    fn level_of(&self, instance: InstanceId) -> u8 {
        let backups = self.scenario.fleet.backups.value();
        let up_to = |count: u32| (f64::from(count) * backups).floor();
        let backup = up_to(instance.0 + 1) > up_to(instance.0);
        let version = self.servers[instance.index()].version;
        self.scenario.versions[version.index()].priority + u8::from(backup)
    }

    /// Checks start at a random phase of their interval. Those of an earlier listing end.
    fn plan_first_probe(&mut self, proxy: u16, instance: InstanceId) {
        let Some(checks) = self.scenario.proxies.policy.checks else { return };
        let mut stream = self.scenario.seed.stream("probe", u64::from(instance.0) << 16 | u64::from(proxy));
        let phase = checks.interval.scaled(unit(stream.next_u64()));
        let place = self.chain_place(proxy, instance);
        if self.chains.len() <= place {
            self.chains.resize(place + 1, 0);
        }
        self.chains[place] += 1;
        let chain = self.chains[place];
        self.agenda.plan(self.now + phase, Event::Probe { proxy, instance, chain });
    }

    fn chain_place(&self, proxy: u16, instance: InstanceId) -> usize {
        instance.index() * usize::from(self.scenario.proxies.count) + usize::from(proxy)
    }

    /// A proxy checks an instance, as long as it lists it.
    pub fn probe(&mut self, proxy: u16, instance: InstanceId, chain: u32) {
        let Some(checks) = self.scenario.proxies.policy.checks else { return };
        if self.chains[self.chain_place(proxy, instance)] != chain || !self.front(proxy).proxy().lists(instance) {
            return;
        }
        let delay = self.scenario.network.delay;
        let round_trip = delay + delay;
        let well = self.servers[instance.index()].accepts() && round_trip <= checks.timeout;
        let answer = Event::Probed { proxy, instance, chain, well, since: self.now };
        self.agenda.plan(self.now + round_trip.min(checks.timeout), answer);
    }

    /// A check was answered, well or not, or timed out; the next one follows an interval after its start.
    pub fn probed(&mut self, proxy: u16, instance: InstanceId, chain: u32, well: bool, since: Moment) {
        if self.chains[self.chain_place(proxy, instance)] != chain {
            return;
        }
        let now = self.now;
        let Some(interval) = self.front(proxy).probed(now, instance, well) else { return };
        let next = (since + interval).max(self.now);
        self.agenda.plan(next, Event::Probe { proxy, instance, chain });
        let front = self.fronts[usize::from(proxy)];
        self.plan_proxy_due(front);
        self.call_waiting(front, None);
    }

    /// New workers of a proxy take over with nothing but its endpoints; the old ones finish what they have.
    pub fn reload(&mut self, number: u32) {
        let reload = self.scenario.reloads[number as usize];
        for proxy in (0..self.scenario.proxies.count).filter(|&proxy| reload.proxy.is_none_or(|only| only == proxy)) {
            let instances: Vec<InstanceId> = (0..self.servers.len() as u32).map(InstanceId).collect();
            let known: Vec<InstanceId> =
                instances.into_iter().filter(|&instance| self.front(proxy).proxy().lists(instance)).collect();
            let (policy, seed) = (self.scenario.proxies.policy.clone(), self.scenario.seed);
            let number = self.proxies.len() as u16;
            let mut fresh = Front::new(self.now, policy, self.split, seed, number, self.witness.clone());
            if let Some(share) = self.shares[usize::from(proxy)] {
                fresh.set_share(self.now, share);
            }
            for &instance in &known {
                let version = self.servers[instance.index()].version;
                // To a new process nobody is a newcomer: slow start spares none of them.
                fresh.list(Moment::START, instance, version, self.level_of(instance), false);
            }
            self.fronts[usize::from(proxy)] = self.proxies.len() as u16;
            self.proxies.push(fresh);
            self.dues.push(Moment::NEVER);
            known.into_iter().for_each(|instance| self.plan_first_probe(proxy, instance));
            self.plan_proxy_due(self.fronts[usize::from(proxy)]);
        }
    }
}
