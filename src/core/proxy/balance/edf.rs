//! Earliest deadline first, and what Envoy does instead where weights are equal.
//!
//! - Envoy `ROUND_ROBIN`: a rotation that starts anywhere; with unequal weights or slow start, deadlines 1 / weight apart.
//! - Envoy `LEAST_REQUEST`: the least active of a few drawn with replacement, of which the first drawn wins ties, or of all
//!   by a full scan with ties drawn; with unequal weights or slow start, deadlines by weight / (active + 1)^bias, where the
//!   weight is read when a pick puts the member back. (`edf_scheduler.h`, `least_request_lb.cc`)
//! - Traefik `wrr`: deadlines, where a newcomer starts at the present one.
//! - AWS ALB: a rotation; the documents do not say how slow start is mixed in, so that deadlines do it here.
//!
//! Envoy makes a new schedule at every change of its hosts. Older builds begin it with the heaviest, newer ones go ahead
//! by a random number of picks (`random-start`). Cold start: a fair share at once; least request: wins every comparison.

use super::rule::{EnvoyRoundRobin, LeastRequest, SlowStart};
use super::tournament::Tournament;
use super::{Algorithm, Change, Minds, Shown, Turn, any_from};
use crate::core::proxy::pool::Member;
use crate::core::time::Moment;

/// Picks that go to someone not eligible before anyone will do.
const ATTEMPTS: usize = 20;
/// A schedule is not sent ahead further than this.
const AHEAD_MAX: f64 = 4_096.0;

/// Deadlines; of equal ones the earliest given comes first.
#[derive(Clone, Debug, Default)]
pub(super) struct Schedule {
    tree: Tournament,
    now: f64,
    given: u64,
}

impl Schedule {
    /// Everyone due one interval from the start.
    pub fn new(count: usize, weights: impl Iterator<Item = (usize, f64)>) -> Schedule {
        let mut schedule = Schedule { tree: Tournament::new(count), now: 0.0, given: 0 };
        for (place, weight) in weights {
            schedule.put(place, weight);
        }
        schedule
    }

    /// The next, due again an interval later.
    #[inline]
    pub fn next(&mut self, weight: impl FnOnce(usize) -> f64) -> Option<usize> {
        let key = self.tree.best()?;
        let place = (key & 0xff_ffff) as usize;
        self.now = f64::from_bits((key >> 64) as u64);
        self.put(place, weight(place));
        Some(place)
    }

    fn put(&mut self, place: usize, weight: f64) {
        self.set(place, self.now + 1.0 / weight);
    }

    /// Positive numbers order as their bits do.
    fn set(&mut self, place: usize, deadline: f64) {
        let order = u128::from(self.given << 24 | place as u64);
        self.tree.set(place, u128::from(deadline.to_bits()) << 64 | order);
        self.given += 1;
    }

    /// When `place` is due; `None` also of one who came after the schedule was made.
    pub fn deadline(&self, place: usize) -> Option<f64> {
        let key = if place < self.tree.len() { self.tree.key(place) } else { None };
        key.map(|key| f64::from_bits((key >> 64) as u64))
    }
}

/// What is done where weights are equal.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Rotation {
        random_start: bool,
    },
    Least(LeastRequest),
    /// Always deadlines.
    Traefik,
}

/// One of the systems above.
#[derive(Clone, Debug)]
pub(in crate::core::proxy) struct Edf {
    kind: Kind,
    slow_start: Option<SlowStart>,
    /// Places of those not known to be down.
    hosts: Vec<u32>,
    next: usize,
    /// `None` while weights are equal and nobody is spared.
    schedule: Option<Schedule>,
    stale: bool,
}

impl Edf {
    fn new(kind: Kind, slow_start: Option<SlowStart>) -> Edf {
        Edf { kind, slow_start, hosts: Vec::new(), next: 0, schedule: None, stale: true }
    }

    pub fn envoy_round_robin(options: EnvoyRoundRobin) -> Edf {
        Edf::new(Kind::Rotation { random_start: options.random_start }, options.slow_start)
    }

    pub fn envoy_least_request(options: LeastRequest) -> Edf {
        Edf::new(Kind::Least(options), options.slow_start)
    }

    pub fn alb(slow_start: Option<SlowStart>) -> Edf {
        Edf::new(Kind::Rotation { random_start: false }, slow_start)
    }

    pub fn traefik() -> Edf {
        Edf::new(Kind::Traefik, None)
    }

    fn rebuild(&mut self, members: &[Member], turn: &mut Turn<'_>) {
        self.stale = false;
        self.hosts.clear();
        self.hosts.extend((0..).zip(members).filter(|(_, member)| member.in_play()).map(|(place, _)| place));
        let now = turn.eligible.now;
        let mut weights = self.hosts.iter().map(|&place| members[place as usize].weight);
        let first = weights.next();
        let equal = weights.all(|weight| Some(weight) == first);
        let spared = self.hosts.iter().any(|&place| self.spares(&members[place as usize], now));
        let random = matches!(self.kind, Kind::Rotation { random_start: true });
        self.next = if random && !self.hosts.is_empty() { turn.below(self.hosts.len()) } else { 0 };
        if equal && !spared && !matches!(self.kind, Kind::Traefik) {
            self.schedule = None;
            return;
        }
        let weights: Vec<(usize, f64)> =
            self.hosts.iter().map(|&place| (place as usize, self.weight(&members[place as usize], now))).collect();
        let mut schedule = self.carried_on(members.len(), &weights);
        if random {
            let total: f64 = weights.iter().map(|weight| weight.1).sum();
            let lightest = weights.iter().map(|weight| weight.1).fold(f64::INFINITY, f64::min);
            let ahead = turn.below((total / lightest).min(AHEAD_MAX) as usize + 1);
            for _ in 0..ahead {
                schedule.next(|place| self.weight(&members[place], now));
            }
        }
        self.schedule = Some(schedule);
    }

    /// A new schedule; Traefik's keeps the deadlines of those who were there.
    fn carried_on(&self, count: usize, weights: &[(usize, f64)]) -> Schedule {
        let old = self.schedule.as_ref().filter(|_| matches!(self.kind, Kind::Traefik));
        let Some(old) = old else { return Schedule::new(count, weights.iter().copied()) };
        let mut schedule = Schedule { now: old.now, ..Schedule::new(count, std::iter::empty()) };
        for &(place, weight) in weights {
            schedule.set(place, old.deadline(place).unwrap_or(old.now + 1.0 / weight));
        }
        schedule
    }

    fn spares(&self, member: &Member, now: Moment) -> bool {
        self.slow_start.is_some_and(|slow_start| slow_start.slows(member.since, now))
    }

    #[inline]
    fn weight(&self, member: &Member, now: Moment) -> f64 {
        let weight = member.weight as f64;
        let loaded = match self.kind {
            Kind::Least(LeastRequest { bias: 1.0, .. }) => weight / f64::from(member.active + 1),
            Kind::Least(LeastRequest { bias: 0.0, .. }) | Kind::Rotation { .. } | Kind::Traefik => weight,
            Kind::Least(LeastRequest { bias, .. }) => weight / f64::from(member.active + 1).powf(bias),
        };
        match self.slow_start {
            Some(slow_start) if slow_start.slows(member.since, now) => {
                // A weight of zero would never come back.
                loaded * slow_start.factor(now.since(member.since)).max(1e-3)
            }
            Some(_) | None => loaded,
        }
    }

    #[inline]
    fn once(&mut self, members: &[Member], turn: &mut Turn<'_>) -> Option<usize> {
        if let Some(mut schedule) = self.schedule.take() {
            let now = turn.eligible.now;
            let place = schedule.next(|place| self.weight(&members[place], now));
            self.schedule = Some(schedule);
            return place;
        }
        match self.kind {
            Kind::Rotation { .. } | Kind::Traefik => {
                let place = *self.hosts.get(self.next)?;
                self.next = if self.next + 1 == self.hosts.len() { 0 } else { self.next + 1 };
                Some(place as usize)
            }
            Kind::Least(options) if options.full_scan => self.scan(members, turn),
            Kind::Least(options) => self.choose(members, turn, options.choice_count),
        }
    }

    #[inline]
    fn choose(&self, members: &[Member], turn: &mut Turn<'_>, choices: u32) -> Option<usize> {
        let mut best: Option<usize> = None;
        for _ in 0..choices {
            let place = *self.hosts.get(turn.below(self.hosts.len()))? as usize;
            if best.is_none_or(|best| members[place].active < members[best].active) {
                best = Some(place);
            }
        }
        best
    }

    /// Ties by reservoir sampling: the n-th who ties replaces the champion with chance 1/n.
    fn scan(&self, members: &[Member], turn: &mut Turn<'_>) -> Option<usize> {
        let mut best: Option<(u32, usize)> = None;
        let mut tied = 0;
        for &place in &self.hosts {
            let member = &members[place as usize];
            if !turn.eligible.admits(member) {
                continue;
            }
            match best {
                Some((active, _)) if member.active > active => continue,
                Some((active, _)) if member.active == active => tied += 1,
                Some(_) | None => tied = 1,
            }
            if tied == 1 || turn.below(tied) == 0 {
                best = Some((member.active, place as usize));
            }
        }
        best.map(|(_, place)| place)
    }
}

impl Algorithm for Edf {
    #[inline]
    fn pick(&mut self, members: &mut [Member], turn: &mut Turn<'_>) -> Option<usize> {
        if self.stale {
            self.rebuild(members, turn);
        }
        for _ in 0..ATTEMPTS {
            let place = self.once(members, turn)?;
            if turn.eligible.admits(&members[place]) {
                return Some(place);
            }
        }
        any_from(members, turn.eligible, 0)
    }

    fn minds(&self) -> Minds {
        if let Kind::Least(_) = self.kind { Minds::Load } else { Minds::Nothing }
    }

    fn change(&mut self, members: &mut [Member], change: Change, now: Moment) {
        self.stale |= match change {
            Change::Joined(_) | Change::Left(_) | Change::Weighed(_) | Change::Up(_) | Change::Down(_) => true,
            Change::Joining | Change::Leaving(_) | Change::Weighing(_) | Change::Reviewed(_) => false,
        };
        if let (Change::Left(place), Kind::Traefik, Some(old)) = (change, self.kind, &self.schedule) {
            let mut moved = Schedule { now: old.now, ..Schedule::new(members.len(), std::iter::empty()) };
            for new in 0..members.len() {
                if let Some(deadline) = old.deadline(new + usize::from(new >= place)) {
                    moved.set(new, deadline);
                }
            }
            self.schedule = Some(moved);
        }
        if let (Change::Joined(place) | Change::Up(place), Some(SlowStart::Alb(_))) = (change, self.slow_start) {
            // An ALB spares nobody in a group that was filled in one go.
            let warm = |other: &Member| other.in_play() && !self.spares(other, now);
            if !members.iter().enumerate().any(|(at, other)| at != place && warm(other)) {
                members[place].since = Moment::START;
            }
        }
    }

    fn show(&self, members: &[Member], place: usize, now: Moment) -> Shown {
        let current = self.schedule.as_ref().filter(|_| !self.stale).and_then(|schedule| schedule.deadline(place));
        Shown { effective: Some(self.weight(&members[place], now)), current, ..Shown::default() }
    }

    fn slow_start(&self) -> Option<SlowStart> {
        self.slow_start
    }
}
