//! One balancing algorithm, one file. Each answers the place of the picked member, or `None` when nobody is eligible.
//!
//! An algorithm is driven by one [`Pool`](super::Pool): it is told of every change of the members, asked for every
//! attempt, and told when attempts begin and end. All chance comes from the stream in [`Turn`].

mod class;
mod finagle;
mod first;
mod haproxy;
mod hashing;
mod least_connections;
mod least_time;
mod load_reports;
mod lottery;
mod nginx;
mod peak_ewma;
mod pingora;
mod prequal;
mod rendezvous;
mod round_robin;
pub(super) mod rule;
mod smooth;
mod tournament;
mod turns;
mod two_choices;

mod edf;
mod envoy_hash;

use crate::core::draw::Stream;
use crate::core::proxy::pool::{Eligible, End, Member};
use crate::core::proxy::{Ask, Report};
use crate::core::time::Moment;
use rand::Rng;
use rule::{Rule, SlowStart};

/// One attempt that needs a member.
pub(super) struct Turn<'a> {
    pub ask: &'a Ask<'a>,
    pub eligible: Eligible<'a>,
    pub stream: &'a mut Stream,
}

impl Turn<'_> {
    /// One of `count`, each as likely.
    #[inline]
    pub fn below(&mut self, count: usize) -> usize {
        crate::core::draw::below(self.stream.next_u64(), count as u32) as usize
    }
}

/// What happened to the members. Places are those of the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Someone will join at the end.
    Joining,
    Joined(usize),
    /// Someone will leave; those behind will move up.
    Leaving(usize),
    /// Someone left from this place.
    Left(usize),
    /// The weight of someone will change.
    Weighing(usize),
    Weighed(usize),
    /// Known to be well again.
    Up(usize),
    /// Known to be unwell.
    Down(usize),
    /// Failures were counted or forgotten, or health changed.
    Reviewed(usize),
}

/// What an algorithm wants to be told of attempts; each more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Minds {
    Nothing,
    /// How many are active.
    Load,
    /// That, and how each of them ended.
    Endings,
}

/// What an algorithm holds of one member.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Shown {
    pub effective: Option<f64>,
    pub current: Option<f64>,
    pub estimate_ms: Option<f64>,
}

/// What every algorithm can be told and asked.
pub(super) trait Algorithm {
    /// The place of the picked member.
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize>;

    /// The same for the first attempt of a request, where a short way is enough because nobody is set aside, or not who is next.
    /// The attempt counts as active at once, and [`Algorithm::moved`] is not called for it. `None`: take the long way.
    #[inline(always)]
    fn take_of_alike(&mut self, _: &[Member]) -> Option<usize> {
        None
    }

    /// The same for a request that was at those places before, each of them named once. `None`: nothing has happened.
    #[inline(always)]
    fn take_of_alike_but(&mut self, _: impl Iterator<Item = usize>) -> Option<usize> {
        None
    }

    /// As [`Algorithm::moved`] for the end of an attempt, where a short way is enough for the same reason. `false`: take the
    /// long way.
    #[inline(always)]
    fn let_go_of_alike(&mut self, _: &[Member], _: usize) -> bool {
        false
    }

    /// What it wants to be told of attempts.
    fn minds(&self) -> Minds;

    /// The members changed.
    fn change(&mut self, members: &mut [Member], change: Change, now: Moment);

    /// The number of active attempts of the member at `place` changed by one; it was `before`.
    #[inline]
    fn moved(&mut self, _: &mut [Member], _place: usize, _before: u32, _: Moment) {}

    /// An attempt ended.
    #[inline]
    fn learn(&mut self, _: &mut [Member], _: usize, _: End) {}

    /// A member said how loaded it is.
    fn report(&mut self, _: &mut [Member], _: usize, _: &Report, _: Moment) {}

    /// What it holds of a member.
    fn show(&self, _: &[Member], _: usize, _: Moment) -> Shown {
        Shown::default()
    }

    /// How it spares newcomers.
    fn slow_start(&self) -> Option<SlowStart> {
        None
    }
}

/// The first eligible member from `start` on, going round: what is left when a rule's own ways have ended.
fn any_from(members: &[Member], eligible: Eligible<'_>, start: usize) -> Option<usize> {
    (start..members.len()).chain(0..start).find(|&place| eligible.admits(&members[place]))
}

macro_rules! balancers {
    ($($(#[$attribute:meta])* $variant:ident($state:ty),)*) => {
        /// The state of whichever algorithm was chosen. Its tag is a byte of its own: one that is hidden in a state takes
        /// longer to read.
        #[derive(Clone, Debug)]
        #[repr(u8)]
        pub(super) enum Balancer { $($(#[$attribute])* $variant($state),)* }

        impl Algorithm for Balancer {
            #[inline]
            fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.pick(members, turn),)* }
            }

            #[inline(always)]
            fn take_of_alike(&mut self, members: &[Member]) -> Option<usize> {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.take_of_alike(members),)* }
            }

            #[inline(always)]
            fn take_of_alike_but(&mut self, tried: impl Iterator<Item = usize>) -> Option<usize> {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.take_of_alike_but(tried),)* }
            }

            #[inline(always)]
            fn let_go_of_alike(&mut self, members: &[Member], place: usize) -> bool {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.let_go_of_alike(members, place),)* }
            }

            fn minds(&self) -> Minds {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.minds(),)* }
            }

            fn change(&mut self, members: &mut [Member], change: Change, now: Moment) {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.change(members, change, now),)* }
            }

            #[inline]
            fn moved(&mut self, members: &mut [Member], place: usize, before: u32, now: Moment) {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.moved(members, place, before, now),)* }
            }

            #[inline]
            fn learn(&mut self, members: &mut [Member], place: usize, end: End) {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.learn(members, place, end),)* }
            }

            fn report(&mut self, members: &mut [Member], place: usize, report: &Report, now: Moment) {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.report(members, place, report, now),)* }
            }

            fn show(&self, members: &[Member], place: usize, now: Moment) -> Shown {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.show(members, place, now),)* }
            }

            fn slow_start(&self) -> Option<SlowStart> {
                match self { $($(#[$attribute])* Balancer::$variant(state) => state.slow_start(),)* }
            }
        }
    };
}

balancers! {
    Rotation(round_robin::Rotation),
    Lottery(lottery::Lottery),
    Choices(two_choices::TwoChoices),
    FinagleChoices(finagle::TwoChoices),
    Ewma(peak_ewma::PeakEwma),
    Rendezvous(rendezvous::Rendezvous),
    First(first::First),
    NginxRotation(nginx::Rotation),
    NginxLeast(nginx::LeastConnections),
    NginxLeastTime(least_time::NginxLeastTime),
    NginxHash(nginx::Hash),
    Ketama(nginx::Ketama),
    HaproxyRotation(haproxy::rotation::Rotation),
    HaproxyStatic(haproxy::map::StaticRr),
    HaproxyLeast(haproxy::least::LeastConnections),
    HaproxyRandom(haproxy::ring::Random),
    HaproxyHash(haproxy::ring::Hash),
    Edf(edf::Edf),
    EnvoyHash(envoy_hash::Hash),
    Reports(load_reports::LoadReports),
    PingoraRotation(pingora::Rotation),
    PingoraHash(pingora::Hash),
    TraefikLeastTime(least_time::TraefikLeastTime),
    Prequal(prequal::Probing),
    #[cfg(test)]
    Plain(Plain),
}

impl Balancer {
    /// A balancer that knows nobody yet.
    pub fn new(rule: &Rule) -> Balancer {
        match *rule {
            Rule::RoundRobin => Balancer::Rotation(round_robin::Rotation::default()),
            Rule::Random => Balancer::Lottery(lottery::Lottery::weighted()),
            Rule::EnvoyRandom => Balancer::Lottery(lottery::Lottery::unweighted()),
            Rule::NginxRandom => Balancer::Lottery(lottery::Lottery::nginx(false)),
            Rule::NginxRandomTwo => Balancer::Lottery(lottery::Lottery::nginx(true)),
            Rule::TwoChoices(choices) => Balancer::Choices(two_choices::TwoChoices::new(choices)),
            Rule::FinagleTwoChoices(effort) => Balancer::FinagleChoices(finagle::TwoChoices::new(effort)),
            Rule::PeakEwma(ewma) => Balancer::Ewma(peak_ewma::PeakEwma::tower(ewma)),
            Rule::FinaglePeakEwma(ewma) => Balancer::Ewma(peak_ewma::PeakEwma::finagle(ewma)),
            Rule::Rendezvous => Balancer::Rendezvous(rendezvous::Rendezvous::default()),
            Rule::First(limit) => Balancer::First(first::First::new(limit)),
            Rule::NginxRoundRobin => Balancer::NginxRotation(nginx::Rotation::default()),
            Rule::NginxLeastConnections => Balancer::NginxLeast(nginx::LeastConnections::default()),
            Rule::NginxLeastTime => Balancer::NginxLeastTime(least_time::NginxLeastTime::default()),
            Rule::NginxIpHash => Balancer::NginxHash(nginx::Hash::of_client()),
            Rule::NginxHash => Balancer::NginxHash(nginx::Hash::of_key()),
            Rule::Ketama => Balancer::Ketama(nginx::Ketama::default()),
            Rule::HaproxyRoundRobin(slow) => Balancer::HaproxyRotation(haproxy::rotation::Rotation::new(slow)),
            Rule::HaproxyStaticRr => Balancer::HaproxyStatic(haproxy::map::StaticRr::default()),
            Rule::HaproxyLeastConnections(slow) => Balancer::HaproxyLeast(haproxy::least::LeastConnections::new(slow)),
            Rule::HaproxyRandom(draws) => Balancer::HaproxyRandom(haproxy::ring::Random::new(draws)),
            Rule::HaproxyHash(options) => Balancer::HaproxyHash(haproxy::ring::Hash::new(options)),
            Rule::EnvoyRoundRobin(options) => Balancer::Edf(edf::Edf::envoy_round_robin(options)),
            Rule::EnvoyLeastRequest(options) => Balancer::Edf(edf::Edf::envoy_least_request(options)),
            Rule::TraefikWeightedRoundRobin => Balancer::Edf(edf::Edf::traefik()),
            Rule::AlbRoundRobin(slow) => Balancer::Edf(edf::Edf::alb(slow)),
            Rule::EnvoyRingHash(ring) => Balancer::EnvoyHash(envoy_hash::Hash::ring(ring)),
            Rule::EnvoyMaglev(maglev) => Balancer::EnvoyHash(envoy_hash::Hash::maglev(maglev)),
            Rule::GrpcWeightedRoundRobin(options) => Balancer::Reports(load_reports::LoadReports::grpc(options)),
            Rule::EnvoyClientSideWeightedRoundRobin(options) => {
                Balancer::Reports(load_reports::LoadReports::envoy(options))
            }
            Rule::PingoraRoundRobin => Balancer::PingoraRotation(pingora::Rotation::default()),
            Rule::PingoraHash => Balancer::PingoraHash(pingora::Hash::default()),
            Rule::TraefikLeastTime => Balancer::TraefikLeastTime(least_time::TraefikLeastTime::default()),
            Rule::Prequal(options) => Balancer::Prequal(prequal::Probing::new(options)),
        }
    }

    /// The rule of nginx as it stands in nginx, which scans.
    #[cfg(test)]
    pub fn plain(rule: &Rule) -> Balancer {
        match rule {
            Rule::NginxRoundRobin => Balancer::Plain(Plain(smooth::pick)),
            Rule::NginxLeastConnections => Balancer::Plain(Plain(least_connections::pick)),
            other => panic!("{other:?} has no other form"),
        }
    }
}

/// A scanning rule of nginx, as the reference.
#[cfg(test)]
#[derive(Clone, Debug)]
pub(super) struct Plain(fn(&mut [Member], Eligible<'_>) -> Option<usize>);

#[cfg(test)]
impl Algorithm for Plain {
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        (self.0)(members, turn.eligible)
    }

    fn minds(&self) -> Minds {
        Minds::Endings
    }

    fn change(&mut self, members: &mut [Member], change: Change, _: Moment) {
        nginx::start_over_if_reloaded(members, change);
    }

    fn show(&self, members: &[Member], place: usize, _: Moment) -> Shown {
        Shown { current: Some(members[place].current as f64), ..Shown::default() }
    }
}

#[cfg(test)]
mod tests;
