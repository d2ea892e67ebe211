//! nginx's `least_conn` (`ngx_http_upstream_least_conn_module.c`): fewest active attempts per weight; those who tie take
//! turns by smooth weighted round robin among themselves, so that an idle service still honours weights.
//!
//! Cold start: a newcomer has nothing active, so it takes everything until it is level with the others.
//!
//! The plain rule scans the fleet twice. [`Least`] gives the same answers from one [`Class`] for each weight. Only those
//! whom failures, checks or a cut weight set aside are walked one by one.

use super::class::Class;
use super::smooth::gain;
use crate::core::proxy::pool::{Eligible, Member};
use smallvec::SmallVec;
use std::cmp::Ordering;

/// The rule as nginx has it.
#[cfg(test)]
pub(super) fn pick(members: &mut [Member], eligible: Eligible<'_>) -> Option<usize> {
    let (first, tied) = least(members, eligible)?;
    if tied { Some(rotate_among_tied(members, eligible, first)) } else { Some(first) }
}

/// The first of the least loaded, and whether others tie with it.
#[cfg(test)]
fn least(members: &[Member], eligible: Eligible<'_>) -> Option<(usize, bool)> {
    let mut best: Option<usize> = None;
    let mut tied = false;
    for (place, member) in members.iter().enumerate() {
        if !eligible.admits(member) {
            continue;
        }
        match best.map_or(Ordering::Less, |best| load(of(member), of(&members[best]))) {
            Ordering::Less => (best, tied) = (Some(place), false),
            Ordering::Equal => tied = true,
            Ordering::Greater => {}
        }
    }
    best.map(|place| (place, tied))
}

#[cfg(test)]
fn rotate_among_tied(members: &mut [Member], eligible: Eligible<'_>, first: usize) -> usize {
    let least = of(&members[first]);
    let mut best = first;
    let mut total = 0;
    let mut top = i64::MIN;
    for (place, member) in members.iter_mut().enumerate().skip(first) {
        if load(of(member), least) != Ordering::Equal || !eligible.admits(member) {
            continue;
        }
        total += gain(member);
        if member.current > top {
            (best, top) = (place, member.current);
        }
    }
    members[best].current -= total;
    best
}

/// Active attempts and weight.
type Load = (u32, i64);

#[inline]
fn of(member: &Member) -> Load {
    (member.active, member.weight)
}

/// Compares active / weight by cross-multiplication.
#[inline]
fn load(a: Load, b: Load) -> Ordering {
    (i64::from(a.0) * b.1).cmp(&(i64::from(b.0) * a.1))
}

/// The same rule over classes.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(super) struct Least {
    aside: Vec<u32>,
    /// By weight; nearly always there is one.
    classes: SmallVec<[Class; 1]>,
    /// By place: the class it stands in, or `None` if it is set aside.
    homes: Vec<Option<u16>>,
}

/// The best so far of those who tie.
struct Turn {
    current: i64,
    place: u32,
    total: i64,
}

impl Turn {
    fn offer(&mut self, current: i64, place: u32) {
        if current > self.current || (current == self.current && place < self.place) {
            (self.current, self.place) = (current, place);
        }
    }
}

impl Least {
    /// Someone joined at the end.
    pub fn join(&mut self, members: &mut [Member], place: usize) {
        if self.classes.iter().any(|class| !class.has_room_for(place)) {
            self.rebuild(members);
            return;
        }
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

    /// Writes what the classes know back into the members, which may then be moved about.
    pub fn settle(&mut self, members: &mut [Member]) {
        for place in 0..self.homes.len() {
            self.take_out(members, place);
        }
    }

    /// The current weight of `place`, as the plain rule would hold it.
    pub fn current(&self, members: &[Member], place: usize) -> i64 {
        match self.homes[place] {
            None => members[place].current,
            Some(home) => self.classes[usize::from(home)].current(place, members[place].active),
        }
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

    /// The number of active attempts of `place` has just changed by one.
    #[inline(always)]
    pub fn moved(&mut self, members: &[Member], place: usize, before: u32) {
        if let Some(home) = self.homes[place] {
            self.classes[usize::from(home)].relevel(members, place, before);
        }
    }

    /// The picked member must be told of by [`Least::moved`] once its attempt counts.
    pub fn pick(&mut self, members: &mut [Member], eligible: Eligible<'_>) -> Option<usize> {
        if let [class] = self.classes.as_mut_slice()
            && self.aside.is_empty()
            && eligible.tried.count() == 0
        {
            return class.pick(members);
        }
        for place in eligible.tried_places() {
            if self.homes[place].is_some() {
                self.take_out(members, place);
                self.aside.push(place as u32);
            }
        }
        let picked = self.pick_among_unequals(members, eligible);
        self.welcome(members);
        picked
    }

    /// Those tried before must be taken out for that.
    #[inline(always)]
    pub fn take_of_alike_but(&mut self, _: impl Iterator<Item = usize>) -> Option<usize> {
        None
    }

    /// The whole rule where everyone is alike and nobody was tried, and the attempt counts; `None`: it is not so, or nobody
    /// is there.
    #[inline(always)]
    pub fn take_of_alike(&mut self, members: &[Member]) -> Option<usize> {
        match self.classes.as_mut_slice() {
            [class] if self.aside.is_empty() => class.take(members),
            _ => None,
        }
    }

    /// An attempt of the member at `place` has ended; `false`: not everyone is alike, and nothing has happened.
    #[inline(always)]
    pub fn let_go_of_alike(&mut self, members: &[Member], place: usize) -> bool {
        match self.classes.as_mut_slice() {
            [class] if self.aside.is_empty() => {
                class.step_down(members, place);
                true
            }
            _ => false,
        }
    }

    fn pick_among_unequals(&mut self, members: &mut [Member], eligible: Eligible<'_>) -> Option<usize> {
        let least = self.least(members, eligible)?;
        let tied = |load_of| load(load_of, least) == Ordering::Equal;
        let mut turn = Turn { current: i64::MIN, place: u32::MAX, total: 0 };
        let several = self.tied(members, eligible, least) > 1;
        for class in &mut self.classes {
            let Some(first) = class.first() else { continue };
            let active = members[first].active;
            if tied((active, class.weight)) {
                turn.total += class.gain(active, several);
                turn.offer(class.current(first, active), first as u32);
            }
        }
        for &place in &self.aside {
            let member = &mut members[place as usize];
            if tied(of(member)) && eligible.admits(member) {
                turn.total += if several { gain(member) } else { 0 };
                turn.offer(member.current, place);
            }
        }
        let place = turn.place as usize;
        match self.homes[place] {
            Some(home) => self.classes[usize::from(home)].owe(turn.total),
            None => members[place].current -= turn.total,
        }
        Some(place)
    }

    fn least(&self, members: &[Member], eligible: Eligible<'_>) -> Option<Load> {
        let classes = self.classes.iter().filter_map(|class| Some((members[class.first()?].active, class.weight)));
        let aside = self.aside.iter().map(|&place| &members[place as usize]);
        classes.chain(aside.filter(|member| eligible.admits(member)).map(of)).min_by(|&a, &b| load(a, b))
    }

    fn tied(&self, members: &[Member], eligible: Eligible<'_>, least: Load) -> i64 {
        let tied = |load_of| load(load_of, least) == Ordering::Equal;
        let level = |class: &Class| {
            let first = class.first().map(|first| members[first].active);
            first.filter(|&active| tied((active, class.weight))).map_or(0, |active| class.count(active))
        };
        let aside = self.aside.iter().map(|&place| &members[place as usize]);
        let aside = aside.filter(|member| tied(of(member)) && eligible.admits(member)).count();
        self.classes.iter().map(level).sum::<i64>() + aside as i64
    }

    fn take_out(&mut self, members: &mut [Member], place: usize) {
        if let Some(home) = self.homes[place].take() {
            members[place].current = self.classes[usize::from(home)].leave(members, place);
        }
    }

    /// Everyone aside who is like the others again joins those of its weight.
    fn welcome(&mut self, members: &[Member]) {
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

    fn put_in(&mut self, members: &[Member], place: usize) {
        let member = &members[place];
        let home = self.classes.iter().position(|class| class.weight == member.weight).unwrap_or_else(|| {
            self.classes.push(Class::new(member.weight, members.len()));
            self.classes.len() - 1
        });
        self.classes[home].join(members, place, member.current);
        self.homes[place] = Some(home as u16);
    }
}
