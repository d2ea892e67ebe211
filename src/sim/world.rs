//! The world in virtual time: it takes one event after the other from the agenda and lets it happen.
//!
//! What clients do is in `client.rs`, what requests go through in `request.rs` and `again.rs`, what proxies learn in
//! `endpoints.rs`, what controllers do and how instances end in `control.rs`, and how they come up in `pod.rs`.

use crate::core::amount::Share;
use crate::core::draw::{Family, Seed, unit};
use crate::core::ids::{InstanceId, VersionId};
use crate::core::journal::{Front, Pilot, Witness};
use crate::core::rollout::{Input, Order, Sample, Split, Strategy};
use crate::core::time::{Moment, Span};
use crate::measure::meter::{Meter, Stage};
use crate::scenario::arrivals::Arrivals;
use crate::scenario::behaviour::Behaviour;
use crate::scenario::caller::Callers;
use crate::scenario::law::Sampler;
use crate::scenario::origin;
use crate::scenario::plan::{Discipline, Law, Scenario, Source};
use crate::sim::agenda::{Agenda, Due, Event, Seldom};
use crate::sim::deadline::Deadlines;
use crate::sim::features::{Anything, Far, Features, Known, Near};
use crate::sim::flight::Flights;
use crate::sim::link::Link;
use crate::sim::mirror::Flag;
use crate::sim::server::{Phase, Server};
use rand::Rng;
use std::collections::VecDeque;

const SECOND: Span = Span::from_secs(1);

/// One run of one strategy.
pub(super) struct World<'a> {
    pub scenario: &'a Scenario,
    pub now: Moment,
    pub end: Moment,
    pub agenda: Agenda,
    pub flights: Flights,
    pub deadlines: Deadlines,
    /// Every set of workers that ever was; those that a reload replaced finish what they have.
    pub proxies: Vec<Front>,
    /// By the number of a proxy: which of `proxies` takes new requests.
    pub fronts: Vec<u16>,
    /// For each of `proxies`: when it is woken next.
    pub dues: Vec<Moment>,
    /// By the number of a proxy: the share of the new version that it was told last.
    pub shares: Vec<Option<Share>>,
    pub split: Option<(VersionId, Split)>,
    pub listing_delay: Sampler,
    pub listing_luck: Family,
    /// Changes of which proxies were told.
    pub news_sent: u64,
    /// By the number of a proxy: when the last change reaches it.
    pub news_last: Vec<Moment>,
    /// By instance and proxy: how often checks were begun.
    pub chains: Vec<u32>,
    /// By user: where its cookie points, and since when; empty until one is set.
    pub cookies: Vec<Option<(InstanceId, Moment)>>,
    /// By user, where connections stay open.
    pub links: Vec<Link>,
    pub link_luck: u64,
    pub features: Features,
    /// From a proxy to an instance, or back.
    pub delay: Span,
    /// How long a client waits, or its proxy for it; longer than any run: for ever.
    pub patience: Span,
    /// How many attempts an instance has slots for; none where it works on everything at once.
    pub slots: u32,
    /// An attempt that takes longer counts as slow; `None`: nothing asks for that.
    pub slow_above: Option<Span>,
    /// Who meets new code on any instance; `None`: nobody.
    pub flag: Option<Flag>,
    /// By the number of a proxy: the share of the requests that it copies.
    pub mirrors: Vec<Share>,
    pub mirror_luck: Family,
    /// The number of the proxy that the next open-loop request comes to: known in time, so that nobody waits for what is at hand
    /// of that proxy.
    pub next_proxy: u16,
    /// Requests are being sent ahead of answers to earlier ones.
    pub ahead: bool,
    /// Until then, answers may matter to requests that come after them.
    pub careful_until: Moment,
    /// Attempts in the queues of instances that may meet an error.
    pub doubtful: u32,
    /// Until then an instance may be gone as soon as it has nothing left to do.
    pub finishing_until: Moment,
    /// Instances that exist, and those that wait for the quota to let them.
    pub existing: u32,
    pub pending: VecDeque<InstanceId>,
    /// Launches that the quota kept waiting.
    pub had_to_wait: u32,
    /// Times that the rollout waited for somebody who will come.
    pub waits: u64,
    /// Numbers for what may become stale.
    pub serials: u64,
    pub servers: Vec<Server>,
    pub behaviours: Vec<Behaviour>,
    pub boot: Sampler,
    pub meter: Meter,
    pub callers: Callers,
    pub controller: Pilot,
    /// Who is told of every question to the core.
    pub witness: Option<Witness>,
    /// What the controller has yet to be told; it is never told something while it decides.
    pub inputs: VecDeque<Input>,
    pub deciding: bool,
    pub orders: Vec<Order>,
    /// When the controller is woken next.
    pub wake: Moment,
    pub arrivals: Arrivals<'a>,
    pub closed: Option<Closed>,
    /// Whether slow start was once on for every instance that a proxy knew, and so protected nothing.
    pub unprotected: bool,
}

/// Users who wait for their answers.
pub(super) struct Closed {
    pub think: Sampler,
    pub stream: Family,
    /// Requests that each user has sent.
    pub sent: Vec<u32>,
}

impl<'a> World<'a> {
    pub fn new(scenario: &'a Scenario, strategy: Option<&Strategy>, witness: Option<Witness>) -> World<'a> {
        let seed = scenario.seed;
        let to = scenario.rollout.filter(|_| strategy.is_some()).map(|rollout| rollout.to);
        let origin = origin(scenario, strategy);
        let split = origin.split;
        let policy = &scenario.proxies.policy;
        let count = usize::from(scenario.proxies.count);
        let end = Moment::START + scenario.horizon;
        let slow_above = strategy.and_then(Strategy::slow_above);
        let services = u64::from(scenario.fleet.size) * u64::from(scenario.fleet.slots);
        let patience = scenario.traffic.timeout.into_iter().chain(scenario.proxies.timeout).min();
        let front = |number| Front::new(Moment::START, policy.clone(), split, seed, number, witness.clone());
        let proxies: Vec<Front> = (0..scenario.proxies.count).map(front).collect();
        let minds_answers = proxies.iter().any(|front| front.proxy().minds_answers());
        World {
            scenario,
            now: Moment::START,
            end,
            agenda: Agenda::new(services, longest(scenario), end),
            flights: Flights::new(patience),
            deadlines: Deadlines::new(),
            proxies,
            fronts: (0..scenario.proxies.count).collect(),
            dues: vec![Moment::NEVER; count],
            shares: vec![None; count],
            split,
            listing_delay: Sampler::new(&scenario.network.listing_delay),
            listing_luck: seed.family("listing"),
            news_sent: 0,
            news_last: vec![Moment::START; count],
            chains: Vec::new(),
            cookies: Vec::new(),
            links: links(scenario),
            link_luck: seed.stream("link", 0).next_u64(),
            features: Features::new(scenario, slow_above, witness.is_some()),
            delay: scenario.network.delay,
            patience: patience.unwrap_or(Span::from_nanos(u64::MAX)),
            slots: slots(scenario),
            slow_above,
            flag: None,
            mirrors: vec![Share::NONE; count],
            mirror_luck: seed.family("mirror"),
            ahead: false,
            next_proxy: 0,
            doubtful: 0,
            finishing_until: Moment::START,
            careful_until: if minds_answers { Moment::NEVER } else { Moment::START },
            existing: 0,
            pending: VecDeque::new(),
            had_to_wait: 0,
            waits: 0,
            serials: 0,
            servers: Vec::new(),
            behaviours: scenario.versions.iter().map(Behaviour::new).collect(),
            boot: Sampler::new(&scenario.fleet.boot),
            meter: Meter::new(to, scenario.traffic.users, scenario.fleet.slots).with_limits(scenario.slo.limits()),
            callers: Callers::new(scenario),
            controller: Pilot::new(origin.setup, strategy.cloned(), witness.clone()),
            witness,
            inputs: VecDeque::new(),
            deciding: false,
            orders: Vec::new(),
            wake: Moment::NEVER,
            arrivals: Arrivals::new(&scenario.traffic.source, seed),
            closed: closed(scenario, seed),
            unprotected: false,
        }
    }

    /// Runs to the horizon.
    pub fn run(mut self) -> World<'a> {
        self.prepare();
        while self.happen_on() {}
        self.now = self.end;
        self.meter.tick(self.end);
        self.meter.finish();
        let exists = |server: &&Server| !matches!(server.phase, Phase::Pending | Phase::Gone);
        let existing = self.servers.iter().filter(exists).count();
        assert_eq!(self.existing, existing as u32, "the quota counts the instances that exist");
        assert_eq!(
            self.meter.in_flight(),
            self.flights.unanswered(),
            "every request that arrived is settled or under way"
        );
        self
    }

    fn prepare(&mut self) {
        self.agenda.plan_first(Moment::START + self.scenario.warm_up, Event::Begin);
        self.agenda.plan_first(Moment::START + SECOND, Event::Tick);
        for _ in 0..self.scenario.fleet.size {
            self.begin_ready();
        }
        if let Some(rollout) = self.scenario.rollout {
            self.agenda.plan(rollout.at, Event::Deploy);
            self.agenda.plan(Moment::START + self.scenario.telemetry.scrape, Event::Scrape);
        }
        for (number, deed) in (0..).zip(&self.scenario.people) {
            self.agenda.plan(deed.at, Event::Act(number));
        }
        for (number, resize) in (0..).zip(&self.scenario.sizes) {
            self.agenda.plan(resize.at, Event::Resize(number));
        }
        for (number, fault) in (0..).zip(&self.scenario.faults) {
            self.agenda.plan(fault.at, Event::Fault(number));
        }
        for (number, reload) in (0..).zip(&self.scenario.reloads) {
            self.agenda.plan(reload.at, Event::Reload(number));
        }
        for proxy in 0..self.scenario.proxies.count {
            self.plan_proxy_due(proxy);
        }
        self.begin_users();
        self.await_arrival();
    }

    /// An instance that has been serving since long before the start: ready, listed everywhere, and warm.
    fn begin_ready(&mut self) {
        let instance = InstanceId(self.servers.len() as u32);
        let version = self.scenario.running;
        self.servers.push(Server { phase: Phase::Up, ready: true, ..Server::launched(version) });
        self.existing += 1;
        self.meter.staged(self.now, version, None, Some(Stage::Ready));
        for proxy in 0..self.scenario.proxies.count {
            self.learn_listing(proxy, instance, true);
        }
        self.become_available(instance);
        // How long ago it became ready is anybody's guess, so that not all of them crash at once.
        let mut stream = self.scenario.seed.stream("crash phase", u64::from(instance.0));
        self.plan_crash(instance, unit(stream.next_u64()));
    }

    /// Things happen up to one that is out of the ordinary, and that happens too; answers whether there was one. What all
    /// requests in between have in common is asked once for them all.
    fn happen_on(&mut self) -> bool {
        match (self.features.plain, self.delay.is_zero()) {
            (true, true) if self.careful_until < Moment::NEVER => self.happen_in_rows(),
            (true, true) => self.happen_as_usual::<Near>(),
            (true, false) => self.happen_as_usual::<Far>(),
            (false, _) => self.happen_as_usual::<Anything>(),
        }
        self.happen_otherwise()
    }

    /// The first part of that, one thing after the other.
    #[inline(never)]
    fn happen_as_usual<K: Known>(&mut self) {
        while let Some(due) = self.agenda.next::<K>(&self.flights) {
            self.let_happen::<K>(due);
        }
    }

    #[inline(always)]
    pub fn let_happen<K: Known>(&mut self, due: Due) -> bool {
        match due {
            Due::Arrival(at) => {
                self.advance(at);
                self.arrive::<K>();
            }
            Due::Served(at, flight, service) => {
                self.advance(at);
                self.served::<K>(flight, service);
            }
            Due::AtInstance(at, flight, order) => {
                self.advance(at);
                self.reach_instance(flight, order);
            }
            Due::AtProxy(at, flight) => {
                self.advance(at);
                self.reach_proxy::<K>(flight);
            }
            Due::Seldom => return self.happen_seldom(),
        }
        true
    }

    /// Several things are due at once, or something seldom.
    #[inline(never)]
    fn happen_otherwise(&mut self) -> bool {
        let due = self.agenda.next_by_order(&self.flights);
        self.let_happen::<Anything>(due)
    }

    #[inline(never)]
    fn happen_seldom(&mut self) -> bool {
        let Some((at, seldom)) = self.agenda.next_seldom() else { return false };
        self.advance(at);
        match seldom {
            Seldom::Expiry => self.pass_deadline(),
            Seldom::Served(flight, service) => self.served_late(flight, service),
            Seldom::Event(event) => self.happen(event),
        }
        true
    }

    #[inline(always)]
    pub fn advance(&mut self, to: Moment) {
        assert!(to >= self.now, "time went backwards");
        self.now = to;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Begin => self.meter.begin(self.now),
            Event::Tick => {
                self.meter.tick(self.now);
                self.agenda.plan_first(self.now + SECOND, Event::Tick);
            }
            Event::Deploy => self.tell(Input::Deploy),
            Event::Wake => self.wake_controller(),
            Event::Booted { instance, life } => self.booted(instance, life),
            Event::Promote(wait) => self.promote(wait),
            Event::Act(number) => self.act(number),
            Event::Resize(number) => self.resize(number),
            Event::BootFailed { instance, life } => self.boot_failed(instance, life),
            Event::Ready { instance, life } => self.found_ready(instance, life),
            Event::Unready { instance, life } => self.found_unready(instance, life),
            Event::Crash { instance, life } => self.crash(instance, life),
            Event::Available { instance, life } => self.available(instance, life),
            Event::StopAccepting(instance) => self.stop_accepting(instance),
            Event::Kill(instance) => self.kill(instance),
            Event::List { proxy, instance, listed } => self.learn_listing(proxy, instance, listed),
            Event::Weigh { proxy, share } => self.learn_share(proxy, share),
            Event::Mirror { proxy, share } => self.learn_mirror(proxy, share),
            Event::Probe { proxy, instance, chain } => self.probe(proxy, instance, chain),
            Event::Probed { proxy, instance, chain, well, since } => self.probed(proxy, instance, chain, well, since),
            Event::ProxyDue(proxy) => self.proxy_due(proxy),
            Event::TryAgain(flight, serial) => self.try_again(flight, serial),
            Event::TryOver(flight, serial) => self.try_over(flight, serial),
            Event::Hedge(flight, serial) => self.hedge(flight, serial),
            Event::WaitOver(flight, serial) => self.wait_over(flight, serial),
            Event::LinkDue(user, serial) => self.link_due(user, serial),
            Event::Reload(number) => self.reload(number),
            Event::Scrape => self.scrape(),
            Event::Sampled(sample) => self.tell(Input::Sample(sample)),
            Event::Fault(number) => self.strike(number),
            Event::Restart(instance) => self.restart(instance),
            Event::Thought(user) => self.send_again(user),
        }
    }

    fn scrape(&mut self) {
        let telemetry = self.scenario.telemetry;
        let [old, new] = self.meter.tallies();
        let sample = Sample { at: self.now, new, old, baseline: self.meter.baseline() };
        if !telemetry.is_lost(self.scenario.seed, self.now) {
            self.agenda.plan(telemetry.seen(self.now), Event::Sampled(sample));
        }
        self.agenda.plan(self.now + telemetry.scrape, Event::Scrape);
    }
}

/// Few services take longer: the longest of some that are drawn for this alone.
fn longest(scenario: &Scenario) -> Span {
    const DRAWS: u64 = 100;
    let service = Sampler::new(&scenario.versions[scenario.running.index()].service);
    let mut stream = scenario.seed.stream("longest", 0);
    let draws = (0..DRAWS).map(|_| service.draw(&mut stream));
    Span::from_nanos(draws.max().unwrap_or(0))
}

fn slots(scenario: &Scenario) -> u32 {
    match scenario.fleet.discipline {
        Discipline::ProcessorSharing => 0,
        Discipline::Fifo => scenario.fleet.slots,
    }
}

fn closed(scenario: &Scenario, seed: Seed) -> Option<Closed> {
    let think: &Law = match &scenario.traffic.source {
        Source::Closed { think } => think,
        Source::Open { .. } | Source::Requests(_) => return None,
    };
    let sent = vec![0; scenario.traffic.users as usize];
    Some(Closed { think: Sampler::new(think), stream: seed.family("think"), sent })
}

fn links(scenario: &Scenario) -> Vec<Link> {
    let users = scenario.traffic.connections.map_or(0, |_| scenario.traffic.users);
    vec![Link::CLOSED; users as usize]
}

#[cfg(test)]
mod tests;
