//! One side of a proxy's route: the instances of one version or of all, by priority level, each level with a balancer of
//! its own.

use crate::core::draw::Family;
use crate::core::ids::{InstanceId, VersionId};
use crate::core::proxy::balance::Minds;
use crate::core::proxy::bars::Bars;
use crate::core::proxy::level::{Census, Gate, LEVELS, Outlook};
use crate::core::proxy::pool::{End, Listing, Pool};
use crate::core::proxy::{AllOut, Ask, Policy, Report, Spill, Tried};
use crate::core::time::Moment;

/// Where an instance stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    level: usize,
    place: usize,
}

/// What is asked for every request stands first, as in [`Proxy`](super::Proxy).
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Side {
    /// Levels that anybody was ever listed at; the others need not be looked at.
    used: u8,
    /// Everybody is of level 0, and nobody panics.
    plain: bool,
    all_out: AllOut,
    spill: Spill,
    levels: [Pool; LEVELS],
    outlook: Outlook,
}

impl Side {
    /// `number` tells the streams of this side from those of others.
    pub fn new(policy: &Policy, streams: Family, number: u64) -> Side {
        let pool = |level| {
            let stream = streams.stream(number << 8 | level as u64);
            Pool::new(&policy.balancer, stream).guarded(policy.passive, policy.limits.per_instance)
        };
        Side {
            levels: std::array::from_fn(pool),
            used: 1,
            outlook: Outlook::PLAIN,
            plain: true,
            all_out: policy.all_out,
            spill: policy.spill,
        }
    }

    /// Lists an instance, or lists it again while it drains.
    pub fn list(&mut self, now: Moment, listing: &Listing<'_>, level: u8) {
        match self.spot(listing.instance) {
            Some(spot) => self.levels[spot.level].bar(now, listing.instance, Bars::DRAINING, false),
            None => {
                self.levels[usize::from(level)].list(now, listing);
                self.used = self.used.max(level + 1);
            }
        }
        self.look(now);
    }

    pub fn unlist(&mut self, now: Moment, instance: InstanceId) {
        for level in &mut self.levels {
            level.unlist(now, instance);
        }
        self.look(now);
    }

    /// Sets or clears a bar of an instance that is listed.
    pub fn bar(&mut self, now: Moment, instance: InstanceId, bar: Bars, on: bool) {
        if let Some(spot) = self.spot(instance) {
            self.levels[spot.level].bar(now, instance, bar, on);
            self.look(now);
        }
    }

    fn look(&mut self, now: Moment) {
        let mut census = Census::default();
        for (level, pool) in self.levels.iter().enumerate() {
            (census.all[level], census.well[level]) = pool.census();
        }
        self.outlook = Outlook::new(&census, self.all_out);
        if self.all_out == AllOut::Open && census.well == [0; LEVELS] {
            self.outlook.gates = [Gate::All; LEVELS];
        }
        for (pool, gate) in self.levels.iter_mut().zip(self.outlook.gates) {
            pool.set_open(now, gate == Gate::All);
        }
        self.plain = census.all[1..] == [0; LEVELS - 1] && self.outlook.gates[0] != Gate::Nobody;
    }

    fn spot(&self, instance: InstanceId) -> Option<Spot> {
        (0..usize::from(self.used))
            .find_map(|level| self.levels[level].place(instance).map(|place| Spot { level, place }))
    }

    /// Whether it is listed, and does not merely drain.
    pub fn lists(&self, instance: InstanceId) -> bool {
        self.levels[..usize::from(self.used)].iter().any(|pool| pool.has(instance))
    }

    /// Listed instances, and how many of them are barred by `bar`.
    pub fn barred(&self, bar: Bars) -> (u32, u32) {
        let all = self.levels.iter().map(|pool| pool.census().0).sum();
        (all, self.levels.iter().map(|pool| pool.barred(bar)).sum())
    }

    /// Everybody, level by level in the order of listing.
    pub fn instances(&self) -> impl Iterator<Item = InstanceId> {
        self.levels.iter().flat_map(Pool::instances)
    }

    /// The one that gets an attempt, by level, health and rule.
    #[inline(always)]
    pub fn choose(&mut self, now: Moment, ask: &Ask<'_>) -> Option<Spot> {
        let found = if self.plain {
            self.levels[0].choose(now, ask).map(|place| Spot { level: 0, place })
        } else {
            self.choose_by_level(now, ask)
        };
        if found.is_none() && self.all_out == AllOut::Open { self.choose_anyone(now, ask) } else { found }
    }

    /// The same for the first attempt of a request, where the rule has a short way because nobody is set aside, and the
    /// attempt is sent; `None`: nothing has happened.
    #[inline(always)]
    pub fn pick_of_alike(&mut self, now: Moment) -> Option<(InstanceId, VersionId)> {
        if self.plain { self.levels[0].pick_of_alike(now) } else { None }
    }

    /// The same for a request that was with those `tried`.
    #[inline(always)]
    pub fn pick_of_alike_but(&mut self, now: Moment, tried: &Tried) -> Option<(InstanceId, VersionId)> {
        if self.plain { self.levels[0].pick_of_alike_but(now, tried) } else { None }
    }

    fn choose_by_level(&mut self, now: Moment, ask: &Ask<'_>) -> Option<Spot> {
        match self.spill {
            Spill::Strict { first_only } => {
                (0..LEVELS).find_map(|level| self.choose_at(now, level, first_only && level > 0, ask))
            }
            Spill::Overflow => self.choose_at(now, self.outlook.choose(ask.dice), false, ask),
        }
    }

    fn choose_at(&mut self, now: Moment, level: usize, first_only: bool, ask: &Ask<'_>) -> Option<Spot> {
        let pool = &mut self.levels[level];
        let place = match self.outlook.gates[level] {
            Gate::Nobody => None,
            Gate::Well | Gate::All if first_only => {
                pool.first(|pool, place| pool.admits(now, place, &ask.tried, false, true))
            }
            Gate::Well | Gate::All => pool.choose(now, ask),
        }?;
        Some(Spot { level, place })
    }

    /// Fail-open: nobody is healthy, so that everybody is asked, unless somebody was and is merely full or was tried.
    fn choose_anyone(&mut self, now: Moment, ask: &Ask<'_>) -> Option<Spot> {
        if self.someone(now, &Tried::NONE, false).is_some() {
            return None;
        }
        (0..LEVELS).find_map(|level| self.levels[level].choose_anyone(now, ask).map(|place| Spot { level, place }))
    }

    /// Somebody healthy who was not tried; `limited`: and has room.
    fn someone(&self, now: Moment, tried: &Tried, limited: bool) -> Option<InstanceId> {
        self.levels.iter().find_map(|pool| {
            let place = pool.first(|pool, place| pool.admits(now, place, tried, false, limited))?;
            Some(pool.at(place))
        })
    }

    /// Whether this very instance may get an attempt; `limited`: whether it must have room.
    pub fn accepts(&self, now: Moment, instance: InstanceId, draining: bool, limited: bool) -> Option<Spot> {
        let spot = self.spot(instance)?;
        self.levels[spot.level].admits(now, spot.place, &Tried::NONE, draining, limited).then_some(spot)
    }

    /// Somebody healthy with room for one more.
    pub fn someone_free(&self, now: Moment) -> Option<InstanceId> {
        self.someone(now, &Tried::NONE, true)
    }

    /// Whether somebody would be picked if nobody were full.
    pub fn is_full(&self, now: Moment, tried: &Tried) -> bool {
        self.someone(now, tried, false).is_some()
    }

    /// The one at `spot` gets an attempt.
    #[inline(always)]
    pub fn send(&mut self, now: Moment, spot: Spot) -> (InstanceId, VersionId) {
        self.levels[spot.level].send(now, spot.place)
    }

    /// An attempt on `instance` ended. It may have left the endpoints since.
    #[inline(always)]
    pub fn finish(&mut self, instance: InstanceId, end: End) {
        self.levels[0].finish(instance, end);
        if self.used > 1 {
            self.levels[1..usize::from(self.used)].iter_mut().for_each(|level| level.finish(instance, end));
        }
    }

    /// What of its attempts must be noted; the levels do not differ in that.
    pub fn minds(&self) -> Minds {
        self.levels[0].minds()
    }

    /// An attempt on `instance` ended, and how does not matter.
    #[inline(always)]
    pub fn let_go(&mut self, now: Moment, instance: InstanceId) {
        self.levels[0].let_go(now, instance);
        if self.used > 1 {
            self.levels[1..usize::from(self.used)].iter_mut().for_each(|level| level.let_go(now, instance));
        }
    }

    /// `instance` says how loaded it is.
    pub fn report(&mut self, now: Moment, instance: InstanceId, report: &Report) {
        for level in &mut self.levels[..usize::from(self.used)] {
            level.report(now, instance, report);
        }
    }

    /// Whether slow start is on but protects nothing, because every instance of a level is in it.
    pub fn slow_start_protects_nothing(&self, now: Moment) -> bool {
        self.levels.iter().any(|level| level.slow_start_protects_nothing(now))
    }
}
