//! The instances that a proxy chooses among, and what it knows of each.

use crate::core::ids::{InstanceId, VersionId};
use crate::core::proxy::balance;
use crate::core::proxy::health::Fails;
use crate::core::proxy::level::{Census, Gate, LEVELS, Outlook};
use crate::core::proxy::{AllOut, Passive, Policy, Rule, Spill, Tried};
use crate::core::time::Moment;

const NOWHERE: u32 = u32::MAX;
/// Every instance counts the same; weights per instance come with the balancers that use them.
const WEIGHT: i64 = 1;

/// Reasons not to pick a member, as bits; the upper ones say which level it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bars(u16);

impl Bars {
    #[cfg(test)]
    pub const NONE: Bars = Bars(0);
    /// Active checks found it down.
    pub const DOWN: Bars = Bars(1);
    /// It was ejected as an outlier.
    pub const EJECTED: Bars = Bars(2);
    /// It failed too often in a row.
    pub const BROKEN: Bars = Bars(4);
    /// No longer listed: only for users who stick to it.
    pub const DRAINING: Bars = Bars(8);

    /// It has as many attempts under way as it may.
    const FULL: Bars = Bars(0x100);
    const HEALTH: Bars = Bars(7);
    /// Who has none of these is picked as a rule.
    const USUAL: Bars = Bars(0x10f);

    pub const fn or(self, other: Bars) -> Bars {
        Bars(self.0 | other.0)
    }

    /// Everybody who is not of this level.
    const fn but_level(level: usize) -> Bars {
        Bars(0xf0 & !(16 << level))
    }

    const fn of_level(level: u8) -> Bars {
        Bars(16 << level)
    }

    const fn meets(self, other: Bars) -> bool {
        self.0 & other.0 != 0
    }

    fn set(&mut self, bar: Bars, on: bool) {
        if on { self.0 |= bar.0 } else { self.0 &= !bar.0 }
    }
}

/// One instance as one proxy sees it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub instance: InstanceId,
    pub version: VersionId,
    /// Attempts that this proxy has under way on it.
    pub active: u32,
    pub weight: i64,
    /// Weight after failures; climbs back by one with every pick.
    pub effective: i64,
    /// Position in the smooth rotation.
    pub current: i64,
    bars: Bars,
    level: u8,
    pub fails: Fails,
}

impl Member {
    pub fn new(instance: InstanceId, version: VersionId, weight: i64) -> Member {
        Member {
            instance,
            version,
            active: 0,
            weight,
            effective: weight,
            current: 0,
            bars: Bars::of_level(0),
            level: 0,
            fails: Fails::default(),
        }
    }
}

/// Who may be picked for one attempt.
#[derive(Clone, Copy)]
pub(super) struct Eligible<'a> {
    pub now: Moment,
    /// `None` where failures do not count, as with nginx's only server.
    pub passive: Option<Passive>,
    pub tried: &'a Tried,
    /// Whoever has one of these is out.
    pub shut: Bars,
}

impl Eligible<'_> {
    /// Nobody is out.
    #[cfg(test)]
    pub fn anyone(now: Moment) -> Eligible<'static> {
        Eligible { now, passive: None, tried: &Tried::NONE, shut: Bars::NONE }
    }

    #[inline]
    pub fn admits(&self, member: &Member) -> bool {
        !member.bars.meets(self.shut)
            && self.passive.is_none_or(|passive| !member.fails.out(self.now, passive))
            && (self.tried.count() == 0 || !self.tried.has(member.instance))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Pool {
    rule: Rule,
    /// In the order in which they were listed.
    members: Vec<Member>,
    /// By instance: where it stands in `members`, or `NOWHERE`.
    places: Vec<u32>,
    census: Census,
    outlook: Outlook,
    /// Everybody is of level 0, and nobody panics.
    plain: bool,
    all_out: AllOut,
    spill: Spill,
    passive: Option<Passive>,
    limit: u32,
}

impl Pool {
    pub fn new(policy: &Policy) -> Pool {
        Pool {
            rule: policy.balancer,
            members: Vec::new(),
            places: Vec::new(),
            census: Census::default(),
            outlook: Outlook::PLAIN,
            plain: true,
            all_out: policy.all_out,
            spill: policy.spill,
            passive: policy.passive,
            limit: policy.limits.per_instance,
        }
    }

    /// Lists an instance, or lists it again while it drains.
    pub fn list(&mut self, instance: InstanceId, version: VersionId, level: u8) {
        if let Some(place) = self.place(instance) {
            self.bar_place(place, Bars::DRAINING, false);
            return;
        }
        if self.places.len() <= instance.index() {
            self.places.resize(instance.index() + 1, NOWHERE);
        }
        self.places[instance.index()] = self.members.len() as u32;
        let member = Member::new(instance, version, WEIGHT);
        self.members.push(Member { bars: Bars::of_level(level), level, ..member });
        self.count(self.members.len() - 1, 1);
        self.look();
    }

    pub fn unlist(&mut self, instance: InstanceId) {
        let Some(place) = self.place(instance) else { return };
        self.count(place, -1);
        self.members.remove(place);
        self.places[instance.index()] = NOWHERE;
        for (place, member) in self.members.iter().enumerate().skip(place) {
            self.places[member.instance.index()] = place as u32;
        }
        self.look();
    }

    /// Sets or clears a bar of an instance that is listed.
    pub fn bar(&mut self, instance: InstanceId, bar: Bars, on: bool) {
        if let Some(place) = self.place(instance) {
            self.bar_place(place, bar, on);
        }
    }

    fn bar_place(&mut self, place: usize, bar: Bars, on: bool) {
        if self.members[place].bars.meets(bar) != on {
            self.count(place, -1);
            self.members[place].bars.set(bar, on);
            self.count(place, 1);
            self.look();
        }
    }

    /// A member enters or leaves the census; those who drain are not counted.
    fn count(&mut self, place: usize, by: i32) {
        let Member { bars, level, .. } = self.members[place];
        if bars.meets(Bars::DRAINING) {
            return;
        }
        let add = |count: &mut u32| *count = count.checked_add_signed(by).expect("who leaves was counted");
        add(&mut self.census.all[usize::from(level)]);
        if !bars.meets(Bars::HEALTH) {
            add(&mut self.census.well[usize::from(level)]);
        }
    }

    fn look(&mut self) {
        self.outlook = Outlook::new(&self.census, self.all_out);
        self.plain = self.census.all[1..] == [0; LEVELS - 1] && self.outlook.gates[0] == Gate::Well;
    }

    /// Whether it is listed, and does not merely drain.
    pub fn lists(&self, instance: InstanceId) -> bool {
        self.place(instance).is_some_and(|place| !self.members[place].bars.meets(Bars::DRAINING))
    }

    /// Listed instances, and how many of them are barred by `bar`.
    pub fn barred(&self, bar: Bars) -> (u32, u32) {
        let all = self.census.all.iter().sum();
        (all, self.members.iter().filter(|member| member.bars.meets(bar)).count() as u32)
    }

    /// Everybody, in the order of listing.
    pub fn instances(&self) -> impl Iterator<Item = InstanceId> {
        self.members.iter().map(|member| member.instance)
    }

    /// The place of the member that gets an attempt, by level, health and rule.
    #[inline]
    pub fn pick(&mut self, now: Moment, dice: u64, tried: &Tried) -> Option<usize> {
        let passive = self.passive();
        let plain = Eligible { now, passive, tried, shut: Bars::USUAL };
        if self.plain {
            let found = self.balance(plain);
            return if found.is_none() && self.all_out == AllOut::Open { self.pick_anyone(plain) } else { found };
        }
        match self.spill {
            Spill::Strict { first_only } => self.pick_strictly(plain, first_only),
            Spill::Overflow => self.pick_at(self.outlook.choose(dice), plain),
        }
    }

    fn pick_strictly(&mut self, plain: Eligible<'_>, first_only: bool) -> Option<usize> {
        for level in 0..LEVELS {
            if self.census.all[level] == 0 {
                continue;
            }
            let found = if first_only && level > 0 {
                let shut = plain.shut.or(Bars::but_level(level));
                let alone = Eligible { shut, ..plain };
                self.members.iter().position(|member| alone.admits(member))
            } else {
                self.pick_at(level, plain)
            };
            if found.is_some() {
                return found;
            }
        }
        if self.all_out == AllOut::Open { self.pick_anyone(plain) } else { None }
    }

    fn pick_at(&mut self, level: usize, plain: Eligible<'_>) -> Option<usize> {
        let others = Bars::but_level(level);
        match self.outlook.gates[level] {
            Gate::Well => self.balance(Eligible { shut: plain.shut.or(others), ..plain }),
            Gate::All => {
                self.balance(Eligible { shut: Bars::DRAINING.or(Bars::FULL).or(others), passive: None, ..plain })
            }
            Gate::Nobody => None,
        }
    }

    /// Fail-open: nobody is healthy, so that everybody is asked, unless somebody was and is merely full or was tried.
    fn pick_anyone(&mut self, plain: Eligible<'_>) -> Option<usize> {
        let nobody = Tried::NONE;
        let healthy = Eligible { tried: &nobody, shut: Bars::HEALTH.or(Bars::DRAINING), ..plain };
        if self.members.iter().any(|member| healthy.admits(member)) {
            return None;
        }
        self.balance(Eligible { shut: Bars::DRAINING.or(Bars::FULL), passive: None, ..plain })
    }

    #[inline]
    fn balance(&mut self, eligible: Eligible<'_>) -> Option<usize> {
        match self.rule {
            Rule::WeightedRoundRobin => balance::smooth::pick(&mut self.members, eligible),
            Rule::LeastConnections => balance::least_connections::pick(&mut self.members, eligible),
        }
    }

    /// Whether this very instance may get an attempt; `limit`: whether it must have room.
    pub fn accepts(&self, now: Moment, instance: InstanceId, draining: bool, limit: bool) -> Option<usize> {
        let place = self.place(instance)?;
        let shut = if draining { Bars::HEALTH } else { Bars::HEALTH.or(Bars::DRAINING) };
        let shut = if limit { shut.or(Bars::FULL) } else { shut };
        let eligible = Eligible { now, passive: self.passive(), tried: &Tried::NONE, shut };
        eligible.admits(&self.members[place]).then_some(place)
    }

    /// Somebody healthy with room for one more.
    pub fn someone_free(&self, now: Moment) -> Option<InstanceId> {
        let free = |member: &&Member| self.accepts(now, member.instance, false, true).is_some();
        self.members.iter().find(free).map(|member| member.instance)
    }

    /// Whether somebody would be picked if nobody were full.
    pub fn is_full(&self, now: Moment, tried: &Tried) -> bool {
        let shut = Bars::HEALTH.or(Bars::DRAINING);
        let eligible = Eligible { now, passive: self.passive(), tried, shut };
        self.limit < u32::MAX && self.members.iter().any(|member| eligible.admits(member))
    }

    /// The member at this place gets an attempt.
    #[inline]
    pub fn send(&mut self, now: Moment, place: usize) -> (InstanceId, VersionId) {
        let passive = self.passive();
        let member = &mut self.members[place];
        member.active += 1;
        if member.active >= self.limit {
            member.bars.set(Bars::FULL, true);
        }
        if let Some(passive) = passive {
            member.fails.picked(now, passive);
        }
        (member.instance, member.version)
    }

    /// An attempt on `instance` ended, with or without its fault. It may have left the endpoints since.
    #[inline]
    pub fn finish(&mut self, now: Moment, instance: InstanceId, fault: bool) {
        let Some(place) = self.place(instance) else { return };
        let passive = self.passive();
        let member = &mut self.members[place];
        // An instance that left and came back starts at zero, and then sees its old attempts end.
        member.active = member.active.saturating_sub(1);
        if member.active < self.limit {
            member.bars.set(Bars::FULL, false);
        }
        match (passive, fault) {
            (None, _) => {}
            (Some(_), false) => member.fails.succeeded(),
            (Some(passive), true) => {
                member.fails.failed(now);
                member.effective = (member.effective - member.weight / i64::from(passive.max_fails)).max(0);
            }
        }
    }

    /// nginx never marks the only server of an upstream as failed.
    #[inline]
    fn passive(&self) -> Option<Passive> {
        if self.members.len() > 1 { self.passive } else { None }
    }

    #[inline]
    fn place(&self, instance: InstanceId) -> Option<usize> {
        match self.places.get(instance.index()) {
            None | Some(&NOWHERE) => None,
            Some(&place) => Some(place as usize),
        }
    }
}
