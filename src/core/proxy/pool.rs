//! The instances that a proxy chooses among, and what it knows of each.

use crate::core::ids::{InstanceId, VersionId};
use crate::core::proxy::balance;
use crate::core::proxy::health::{Checked, Fails};
use crate::core::proxy::{Checks, Passive, Rule, Tried};
use crate::core::time::Moment;

const NOWHERE: u32 = u32::MAX;
/// Every instance counts the same; weights per instance come with the balancers that use them.
const WEIGHT: i64 = 1;

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
    checked: Checked,
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
            checked: Checked::up(),
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
}

impl Eligible<'_> {
    #[inline]
    pub fn admits(&self, member: &Member) -> bool {
        member.checked.up
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
}

impl Pool {
    pub fn new(rule: Rule) -> Pool {
        Pool { rule, members: Vec::new(), places: Vec::new() }
    }

    pub fn list(&mut self, instance: InstanceId, version: VersionId) {
        if self.lists(instance) {
            return;
        }
        if self.places.len() <= instance.index() {
            self.places.resize(instance.index() + 1, NOWHERE);
        }
        self.places[instance.index()] = self.members.len() as u32;
        self.members.push(Member::new(instance, version, WEIGHT));
    }

    pub fn unlist(&mut self, instance: InstanceId) {
        let Some(place) = self.place(instance) else { return };
        self.members.remove(place);
        self.places[instance.index()] = NOWHERE;
        for (place, member) in self.members.iter().enumerate().skip(place) {
            self.places[member.instance.index()] = place as u32;
        }
    }

    pub fn lists(&self, instance: InstanceId) -> bool {
        self.place(instance).is_some()
    }

    #[inline]
    pub fn pick(&mut self, now: Moment, passive: Option<Passive>, tried: &Tried) -> Option<(InstanceId, VersionId)> {
        let passive = self.passive(passive);
        let eligible = Eligible { now, passive, tried };
        let place = match self.rule {
            Rule::WeightedRoundRobin => balance::smooth::pick(&mut self.members, eligible),
            Rule::LeastConnections => balance::least_connections::pick(&mut self.members, eligible),
        }?;
        let member = &mut self.members[place];
        member.active += 1;
        if let Some(passive) = passive {
            member.fails.picked(now, passive);
        }
        Some((member.instance, member.version))
    }

    /// An attempt on `instance` ended, with or without its fault. It may have left the endpoints since.
    #[inline]
    pub fn finish(&mut self, now: Moment, instance: InstanceId, fault: bool, passive: Option<Passive>) {
        let Some(place) = self.place(instance) else { return };
        let passive = self.passive(passive);
        let member = &mut self.members[place];
        // An instance that left and came back starts at zero, and then sees its old attempts end.
        member.active = member.active.saturating_sub(1);
        match passive {
            None => {}
            Some(_) if !fault => member.fails.succeeded(),
            Some(passive) => {
                member.fails.failed(now);
                member.effective = (member.effective - member.weight / i64::from(passive.max_fails)).max(0);
            }
        }
    }

    pub fn probed(&mut self, instance: InstanceId, well: bool, checks: Checks) {
        if let Some(place) = self.place(instance) {
            self.members[place].checked.answer(well, checks);
        }
    }

    /// nginx never marks the only server of an upstream as failed.
    #[inline]
    fn passive(&self, passive: Option<Passive>) -> Option<Passive> {
        if self.members.len() > 1 { passive } else { None }
    }

    #[inline]
    fn place(&self, instance: InstanceId) -> Option<usize> {
        match self.places.get(instance.index()) {
            None | Some(&NOWHERE) => None,
            Some(&place) => Some(place as usize),
        }
    }
}
