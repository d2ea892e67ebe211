//! nginx's smooth weighted round robin (`ngx_http_upstream_round_robin.c`, `ngx_http_upstream_get_peer`).
//!
//! Everyone eligible gains its effective weight; the largest current weight is picked and pays the total. Ties go to the
//! first listed. A newcomer starts at zero; when someone leaves, all start again, as after a reload.
//!
//! The plain rule scans the fleet. [`Smooth`] gives the same answers without: members of one weight all gain the same, so
//! that their order only changes when one of them pays. It keeps a sorted queue for each weight, and walks one by one
//! only through the few that failures, checks or a cut weight set aside.

use crate::core::proxy::MAX_RETRIES;
use crate::core::proxy::pool::{Eligible, Member};

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
pub(super) struct Smooth {
    classes: Vec<Class>,
    /// By place: the class it stands in, or `None` if it is set aside.
    homes: Vec<Option<u16>>,
    aside: Vec<u32>,
}

/// Members of one weight, each with its `current` relative to `offset`.
#[derive(Clone, Debug)]
struct Class {
    weight: i64,
    offset: i64,
    /// A ring from `first` on: largest current first; of equals the first listed.
    ring: Vec<(i64, u32)>,
    first: usize,
    /// By place: what stands in the ring, to find it there, and where it was seen last.
    values: Vec<(i64, u32)>,
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
            for (value, place) in class.ring.drain(..) {
                members[place as usize].current = value + class.offset;
            }
            class.first = 0;
        }
        self.homes.fill(None);
    }

    /// The current weight of `place`, as the plain rule would hold it.
    pub fn current(&self, members: &[Member], place: usize) -> i64 {
        self.homes[place].map_or(members[place].current, |class| {
            let class = &self.classes[usize::from(class)];
            class.offset + class.values[place].0
        })
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
    pub fn moved(&mut self, _: &[Member], _: usize) {}

    pub fn pick(&mut self, members: &mut [Member], eligible: Eligible<'_>) -> Option<usize> {
        match self.classes.as_mut_slice() {
            [class] if self.aside.is_empty() => class.pick(eligible),
            _ => self.pick_among_unequals(members, eligible),
        }
    }

    /// The whole rule where everyone is alike and nobody was tried; `None`: it is not so, or nobody is there.
    #[inline(always)]
    pub fn take_of_alike(&mut self) -> Option<usize> {
        let [class] = self.classes.as_mut_slice() else { return None };
        if class.ring.is_empty() || !self.aside.is_empty() {
            return None;
        }
        class.offset += class.weight;
        let total = class.weight * class.ring.len() as i64;
        Some(class.serve(total))
    }

    fn pick_among_unequals(&mut self, members: &mut [Member], eligible: Eligible<'_>) -> Option<usize> {
        let mut total = self.gain_of_classes(eligible);
        let mut best: Option<(i64, u32, Option<(usize, usize)>)> = None;
        let mut offer = |current, place, class| {
            if best.is_none_or(|(top, first, _)| current > top || (current == top && place < first)) {
                best = Some((current, place, class));
            }
        };
        for (index, class) in self.classes.iter().enumerate() {
            let found = class.first_of(|place| !eligible.tried.has(members[place].instance));
            if let Some((position, (value, place))) = found {
                offer(value + class.offset, place, Some((index, position)));
            }
        }
        for &place in &self.aside {
            let member = &mut members[place as usize];
            if eligible.admits(member) {
                total += gain(member);
                offer(member.current, place, None);
            }
        }
        if let Some((_, place, class)) = best {
            match class {
                Some((class, position)) => {
                    self.classes[class].bring_forward(position);
                    self.classes[class].serve(total);
                }
                None => members[place as usize].current -= total,
            }
        }
        if !self.aside.is_empty() {
            self.welcome(members);
        }
        best.map(|(_, place, _)| place as usize)
    }

    /// Everyone in a class gains its weight, but for those tried before; answers what they gained together.
    fn gain_of_classes(&mut self, eligible: Eligible<'_>) -> i64 {
        let mut total = 0;
        for class in &mut self.classes {
            class.offset += class.weight;
            total += class.weight * class.ring.len() as i64;
        }
        for place in eligible.tried_places() {
            if let Some(home) = self.homes[place] {
                let class = &mut self.classes[usize::from(home)];
                class.hold_back(place);
                total -= class.weight;
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
            self.classes.push(Class {
                weight,
                offset: 0,
                ring: Vec::with_capacity(members.len()),
                first: 0,
                values: Vec::new(),
            });
            self.classes.len() - 1
        });
        self.classes[home].join(place, members[place].current);
        self.homes[place] = Some(home as u16);
    }
}

impl Class {
    /// The whole rule where everyone is in this class.
    fn pick(&mut self, eligible: Eligible<'_>) -> Option<usize> {
        self.offset += self.weight;
        let (mut tried, mut count) = ([NOBODY; ATTEMPTS_MAX], 0);
        for place in eligible.tried_places() {
            self.hold_back(place);
            tried[count] = place as u32;
            count += 1;
        }
        let (position, _) = self.first_of(|place| !tried[..count].contains(&(place as u32)))?;
        self.bring_forward(position);
        Some(self.serve(self.weight * (self.ring.len() - count) as i64))
    }

    /// The first pays `total` and moves back, nearly always to the end; answers its place.
    #[inline(always)]
    fn serve(&mut self, total: i64) -> usize {
        let (value, place) = self.ring[self.first];
        let paid = (value - total, place);
        let last = self.first.checked_sub(1).unwrap_or(self.ring.len() - 1);
        self.ring[self.first] = paid;
        self.values[place as usize].0 = paid.0;
        if before(self.ring[last], paid) || last == self.first {
            self.first = self.after(self.first);
        } else {
            self.pass_to_the_end();
        }
        place as usize
    }

    /// The first becomes the last, and steps forward again before those whom it is before.
    #[inline(never)]
    fn pass_to_the_end(&mut self) {
        let mut at = self.first;
        let entry = self.ring[at];
        self.first = self.after(at);
        for _ in 0..NEAR {
            let last = at.checked_sub(1).unwrap_or(self.ring.len() - 1);
            if at == self.first || before(self.ring[last], entry) {
                self.set(at, entry);
                return;
            }
            self.set(at, self.ring[last]);
            at = last;
        }
        self.set(at, entry);
        self.put_in_order(at);
    }

    fn join(&mut self, place: usize, current: i64) {
        let value = current - self.offset;
        self.values.resize(self.values.len().max(place + 1), (0, 0));
        self.values[place].0 = value;
        self.put((value, place as u32));
    }

    /// Answers the current weight of who leaves.
    fn leave(&mut self, place: usize) -> i64 {
        let at = self.find(place);
        let (value, _) = self.take(at);
        value + self.offset
    }

    /// Everyone gained the weight but `place`, which steps back behind those who are before it now.
    fn hold_back(&mut self, place: usize) {
        let mut at = self.find(place);
        let entry = (self.ring[at].0 - self.weight, place as u32);
        self.values[place].0 = entry.0;
        for _ in 0..NEAR {
            let next = self.after(at);
            if next == self.first || before(entry, self.ring[next]) {
                self.set(at, entry);
                return;
            }
            self.set(at, self.ring[next]);
            at = next;
        }
        self.set(at, entry);
        self.put_in_order(at);
    }

    /// Whoever stands there in the vector goes where it belongs, however far that is.
    fn put_in_order(&mut self, at: usize) {
        let moved = self.take(at);
        self.put(moved);
    }

    /// The first whom `admits` lets in: how many stand before, and what stands there.
    fn first_of(&self, admits: impl Fn(usize) -> bool) -> Option<(usize, (i64, u32))> {
        let (late, early) = self.ring.split_at(self.first);
        early.iter().chain(late).copied().enumerate().find(|&(_, (_, place))| admits(place as usize))
    }

    /// Whoever has so many before is first, before those who stand before it.
    fn bring_forward(&mut self, position: usize) {
        let entry = self.ring[self.wrapped(self.first + position)];
        for ahead in (0..position).rev() {
            let at = self.wrapped(self.first + ahead);
            self.set(self.after(at), self.ring[at]);
        }
        self.set(self.first, entry);
    }

    /// `entry` stands there in the vector.
    #[inline(always)]
    fn set(&mut self, at: usize, entry: (i64, u32)) {
        self.ring[at] = entry;
        self.values[entry.1 as usize].1 = at as u32;
    }

    #[inline(always)]
    fn wrapped(&self, at: usize) -> usize {
        if at >= self.ring.len() { at - self.ring.len() } else { at }
    }

    #[inline(always)]
    fn after(&self, at: usize) -> usize {
        self.wrapped(at + 1)
    }

    /// Where in the vector `place` stands, which has its home here.
    fn find(&mut self, place: usize) -> usize {
        let (value, seen) = self.values[place];
        if self.ring.get(seen as usize).is_some_and(|&(_, there)| there as usize == place) {
            return seen as usize;
        }
        let at = self.wrapped(self.first + self.position((value, place as u32)));
        debug_assert_eq!(self.ring[at].1 as usize, place, "whoever has a home stands in it");
        self.values[place].1 = at as u32;
        at
    }

    /// How many stand before `entry`.
    fn position(&self, entry: (i64, u32)) -> usize {
        let (late, early) = self.ring.split_at(self.first);
        let count = |part: &[(i64, u32)]| part.partition_point(|&other| before(other, entry));
        match count(early) {
            all if all == early.len() => all + count(late),
            some => some,
        }
    }

    /// Takes out who stands there in the vector.
    fn take(&mut self, at: usize) -> (i64, u32) {
        let taken = self.ring.remove(at);
        self.first -= usize::from(at < self.first);
        if self.first == self.ring.len() {
            self.first = 0;
        }
        taken
    }

    fn put(&mut self, entry: (i64, u32)) {
        let at = self.first + self.position(entry);
        if at <= self.ring.len() {
            self.ring.insert(at, entry);
        } else {
            // Beyond the end of the vector the ring goes on at its beginning.
            self.ring.insert(at - self.ring.len(), entry);
            self.first += 1;
        }
    }
}

const NOBODY: u32 = u32::MAX;
/// So many instances a request can have been sent to.
const ATTEMPTS_MAX: usize = MAX_RETRIES as usize + 1;
/// Who belongs farther away than so many steps goes there at once.
const NEAR: usize = 64;

#[inline]
fn before(one: (i64, u32), other: (i64, u32)) -> bool {
    one.0 > other.0 || (one.0 == other.0 && one.1 < other.1)
}
