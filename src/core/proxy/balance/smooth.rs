//! nginx's smooth weighted round robin (`ngx_http_upstream_round_robin.c`, `ngx_http_upstream_get_peer`).
//!
//! Everyone eligible gains its effective weight; the largest current weight is picked and pays the total. Ties go to the
//! first listed. A newcomer starts at zero; when someone leaves, all start again, as after a reload.
//!
//! The plain rule scans the fleet. [`Smooth`] gives the same answers without: members of one weight all gain the same, so
//! that their order only changes when one of them pays. It keeps a sorted queue for each weight, and walks one by one
//! only through the few that failures, checks or a cut weight set aside.

use super::turns::{Turns, before};
use crate::core::proxy::pool::{Eligible, Member};
use smallvec::SmallVec;

/// The rule as nginx has it.
pub(super) fn pick(members: &mut [Member], eligible: Eligible<'_>) -> Option<usize> {
    let mut best: Option<(usize, i64)> = None;
    let mut total = 0;
    for (place, member) in members.iter_mut().enumerate() {
        if !eligible.admits(member) {
            continue;
        }
        total += gain(member);
        if best.is_none_or(|(_, current)| member.current > current) {
            best = Some((place, member.current));
        }
    }
    let (place, _) = best?;
    members[place].current -= total;
    Some(place)
}

/// One step of the rotation for one member; returns what it gained. A weight cut by failures climbs back by one.
#[inline]
pub(super) fn gain(member: &mut Member) -> i64 {
    let gained = member.effective;
    member.current += gained;
    if member.effective < member.weight {
        member.effective += 1;
    }
    gained
}

/// The same rule over queues.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(super) struct Smooth {
    aside: Vec<u32>,
    /// By weight; nearly always there is one.
    classes: SmallVec<[Turns; 1]>,
    /// By place: the class it stands in, or `None` if it is set aside.
    homes: Vec<Option<u16>>,
}

/// Who would be picked.
struct Leader {
    /// Current weight, and place.
    stand: (i64, u32),
    /// Its class, and how many stand before it there; `None`: it is set aside.
    class: Option<(usize, usize)>,
}

impl Smooth {
    /// Someone joined at the end.
    pub fn join(&mut self, members: &mut [Member], place: usize) {
        self.homes.push(None);
        self.aside.push(place as u32);
        self.welcome(members);
    }

    /// A member left or changed its weight: sorts everyone anew.
    pub fn rebuild(&mut self, members: &mut [Member]) {
        self.settle(members);
        self.classes.clear();
        self.homes.clear();
        self.homes.resize(members.len(), None);
        self.aside.clear();
        self.aside.extend(0..members.len() as u32);
        self.welcome(members);
    }

    /// Writes what the queues know back into the members, which may then be moved about.
    pub fn settle(&mut self, members: &mut [Member]) {
        for class in &mut self.classes {
            class.empty(|place, current| members[place].current = current);
        }
        self.homes.fill(None);
    }

    /// The current weight of `place`, as the plain rule would hold it.
    pub fn current(&self, members: &[Member], place: usize) -> i64 {
        self.homes[place].map_or(members[place].current, |class| self.classes[usize::from(class)].current(place))
    }

    /// What is known of `place` changed: it may have to be set aside, or may come back.
    pub fn review(&mut self, members: &mut [Member], place: usize) {
        match (self.homes[place], members[place].is_clean()) {
            (Some(_), false) => {
                self.take_out(members, place);
                self.aside.push(place as u32);
            }
            (None, true) => self.welcome(members),
            (Some(_), true) | (None, false) => {}
        }
    }

    /// How many attempts are under way is nothing to it.
    pub fn moved(&mut self, _: &[Member], _: usize, _: u32) {}

    /// The same.
    #[inline(always)]
    pub fn let_go_of_alike(&mut self, _: &[Member], _: usize) -> bool {
        true
    }

    pub fn pick(&mut self, members: &mut [Member], eligible: Eligible<'_>) -> Option<usize> {
        match self.classes.as_mut_slice() {
            [class] if self.aside.is_empty() => class.take_but(eligible.tried_places()),
            _ => self.pick_among_unequals(members, eligible),
        }
    }

    /// The whole rule where everyone is alike and nobody was tried; `None`: it is not so, or nobody is there.
    #[inline(always)]
    pub fn take_of_alike(&mut self, _: &[Member]) -> Option<usize> {
        match self.classes.as_mut_slice() {
            [class] if self.aside.is_empty() => class.take(),
            _ => None,
        }
    }

    /// The same but for those `tried` before, each of whom is named once, where somebody is left for sure.
    #[inline(always)]
    pub fn take_of_alike_but(&mut self, tried: impl Iterator<Item = usize>) -> Option<usize> {
        match self.classes.as_mut_slice() {
            [class] if self.aside.is_empty() && class.outnumbers_tried() => class.take_but(tried),
            _ => None,
        }
    }

    fn pick_among_unequals(&mut self, members: &mut [Member], eligible: Eligible<'_>) -> Option<usize> {
        let mut total = self.gain_of_classes(eligible);
        let mut best: Option<Leader> = None;
        let mut offer = |leader: Leader| {
            if best.as_ref().is_none_or(|best| before(leader.stand, best.stand)) {
                best = Some(leader);
            }
        };
        for (index, class) in self.classes.iter().enumerate() {
            let found = class.first_of(|place| !eligible.tried.has(members[place].instance));
            if let Some((position, stand)) = found {
                offer(Leader { stand, class: Some((index, position)) });
            }
        }
        for &place in &self.aside {
            let member = &mut members[place as usize];
            if eligible.admits(member) {
                total += gain(member);
                offer(Leader { stand: (member.current, place), class: None });
            }
        }
        let place = best.as_ref().map(|best| best.stand.1 as usize);
        match best {
            Some(Leader { class: Some((class, position)), .. }) => {
                self.classes[class].serve_at(position, total);
            }
            Some(Leader { stand: (_, place), class: None }) => members[place as usize].current -= total,
            None => {}
        }
        if !self.aside.is_empty() {
            self.welcome(members);
        }
        place
    }

    /// Everyone in a class gains its weight, but for those tried before; answers what they gained together.
    fn gain_of_classes(&mut self, eligible: Eligible<'_>) -> i64 {
        let mut total: i64 = self.classes.iter_mut().map(Turns::gain).sum();
        for place in eligible.tried_places() {
            if let Some(home) = self.homes[place] {
                total -= self.classes[usize::from(home)].hold_back(place);
            }
        }
        total
    }

    fn take_out(&mut self, members: &mut [Member], place: usize) {
        let Some(home) = self.homes[place].take() else { return };
        members[place].current = self.classes[usize::from(home)].leave(place);
    }

    /// Everyone aside who is like the others again joins the queue of its weight.
    fn welcome(&mut self, members: &mut [Member]) {
        let mut aside = std::mem::take(&mut self.aside);
        aside.retain(|&place| {
            let stays = !members[place as usize].is_clean();
            if !stays {
                self.put_in(members, place as usize);
            }
            stays
        });
        self.aside = aside;
    }

    fn put_in(&mut self, members: &mut [Member], place: usize) {
        let weight = members[place].weight;
        let home = self.classes.iter().position(|class| class.weight == weight).unwrap_or_else(|| {
            self.classes.push(Turns::new(weight, members.len()));
            self.classes.len() - 1
        });
        self.classes[home].join(place, members[place].current);
        self.homes[place] = Some(home as u16);
    }
}
