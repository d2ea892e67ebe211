//! Members of one weight, in the order in which nginx's smooth rotation serves them.
//!
//! All of them gain the same with every pick, so that their order only changes when one of them pays, and nearly always it
//! goes from the front to the end: a ring turns. Whoever was tried before and gains nothing steps back a little.

use crate::core::proxy::MAX_RETRIES;

const NOBODY: u32 = u32::MAX;
/// So many instances a request can have been sent to.
const ATTEMPTS_MAX: usize = MAX_RETRIES as usize + 1;
/// Who belongs farther away than so many steps goes there at once, which moves half of the others on average.
const NEAR_MIN: usize = 64;
/// The same as a part of a long ring.
const NEAR_PART: usize = 4;

/// Members of one weight, each with its `current` relative to `offset`. What every pick asks for stands first, as in
/// [`Proxy`](crate::core::proxy::Proxy).
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Turns {
    /// From `first` on: largest current first; of equals the first listed.
    ring: Vec<(i64, u32)>,
    first: usize,
    offset: i64,
    pub weight: i64,
    /// By place: where in the vector it stands.
    stands: Vec<u32>,
}

impl Turns {
    /// Nobody yet; there will be about `count`.
    pub fn new(weight: i64, count: usize) -> Turns {
        Turns { ring: Vec::with_capacity(count), first: 0, offset: 0, weight, stands: Vec::new() }
    }

    /// Everybody leaves: tells `leave` of each place and its current weight.
    pub fn empty(&mut self, mut leave: impl FnMut(usize, i64)) {
        for (value, place) in self.ring.drain(..) {
            leave(place as usize, value + self.offset);
        }
        self.first = 0;
    }

    /// Whether somebody is left, wherever a request was before.
    pub fn outnumbers_tried(&self) -> bool {
        self.ring.len() > ATTEMPTS_MAX
    }

    /// The current weight of the member at `place`.
    pub fn current(&self, place: usize) -> i64 {
        self.offset + self.ring[self.stands[place] as usize].0
    }

    /// Everybody gains its weight; answers what they gained together.
    #[inline(always)]
    pub fn gain(&mut self) -> i64 {
        self.offset += self.weight;
        self.weight * self.ring.len() as i64
    }

    /// The whole rule where everyone is here.
    #[inline(always)]
    pub fn take(&mut self) -> Option<usize> {
        if self.ring.is_empty() {
            return None;
        }
        let total = self.gain();
        Some(self.serve(total))
    }

    /// The same without those `tried` before, who are all different.
    pub fn take_but(&mut self, tried: impl Iterator<Item = usize>) -> Option<usize> {
        let mut total = self.gain();
        let (mut out, mut count) = ([NOBODY; ATTEMPTS_MAX], 0);
        for place in tried {
            total -= self.hold_back(place);
            out[count] = place as u32;
            count += 1;
        }
        let is_out =
            |turns: &Turns, position| out[..count].contains(&turns.ring[turns.wrapped(turns.first + position)].1);
        if self.ring.is_empty() || is_out(self, 0) {
            let position = (1..self.ring.len()).find(|&position| !is_out(self, position))?;
            return Some(self.serve_at(position, total));
        }
        Some(self.serve(total))
    }

    /// The first pays `total` and moves back, nearly always to the end; answers its place.
    #[inline(always)]
    fn serve(&mut self, total: i64) -> usize {
        let (value, place) = self.ring[self.first];
        let paid = (value - total, place);
        let last = self.first.checked_sub(1).unwrap_or(self.ring.len() - 1);
        self.ring[self.first] = paid;
        if self.ring[last].0 > paid.0 || before(self.ring[last], paid) || last == self.first {
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
        for _ in 0..self.near() {
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

    /// A member comes in.
    pub fn join(&mut self, place: usize, current: i64) {
        let value = current - self.offset;
        self.stands.resize(self.stands.len().max(place + 1), NOBODY);
        self.insert((value, place as u32));
    }

    /// Answers the current weight of who leaves.
    pub fn leave(&mut self, place: usize) -> i64 {
        let (value, _) = self.remove(self.stands[place] as usize);
        value + self.offset
    }

    /// Everyone gained the weight but `place`, which steps back behind those who are before it now; answers the weight.
    pub fn hold_back(&mut self, place: usize) -> i64 {
        let mut at = self.stands[place] as usize;
        let entry = (self.ring[at].0 - self.weight, place as u32);
        for _ in 0..self.near() {
            let next = self.after(at);
            if next == self.first || before(entry, self.ring[next]) {
                self.set(at, entry);
                return self.weight;
            }
            self.set(at, self.ring[next]);
            at = next;
        }
        self.set(at, entry);
        self.put_in_order(at);
        self.weight
    }

    /// Whoever stands there in the vector goes where it belongs, however far that is.
    fn put_in_order(&mut self, at: usize) {
        let moved = self.remove(at);
        self.insert(moved);
    }

    /// The first whom `admits` lets in: how many stand before it, its current weight and its place.
    pub fn first_of(&self, admits: impl Fn(usize) -> bool) -> Option<(usize, (i64, u32))> {
        let (late, early) = self.ring.split_at(self.first);
        let mut all = early.iter().chain(late).enumerate();
        let (position, &(value, place)) = all.find(|&(_, &(_, place))| admits(place as usize))?;
        Some((position, (value + self.offset, place)))
    }

    /// Whoever has so many before pays `total`, as if it were the first; answers its place.
    pub fn serve_at(&mut self, position: usize, total: i64) -> usize {
        let entry = self.ring[self.wrapped(self.first + position)];
        for ahead in (0..position).rev() {
            let at = self.wrapped(self.first + ahead);
            self.set(self.after(at), self.ring[at]);
        }
        self.set(self.first, entry);
        self.serve(total)
    }

    /// So many steps are fewer than moving half of the ring at once is worth.
    fn near(&self) -> usize {
        (self.ring.len() / NEAR_PART).max(NEAR_MIN)
    }

    /// `entry` stands there in the vector.
    #[inline(always)]
    fn set(&mut self, at: usize, entry: (i64, u32)) {
        self.ring[at] = entry;
        self.stands[entry.1 as usize] = at as u32;
    }

    #[inline(always)]
    fn wrapped(&self, at: usize) -> usize {
        if at >= self.ring.len() { at - self.ring.len() } else { at }
    }

    #[inline(always)]
    fn after(&self, at: usize) -> usize {
        self.wrapped(at + 1)
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
    fn remove(&mut self, at: usize) -> (i64, u32) {
        let taken = self.ring.remove(at);
        self.number_from(at);
        self.first -= usize::from(at < self.first);
        if self.first == self.ring.len() {
            self.first = 0;
        }
        taken
    }

    fn insert(&mut self, entry: (i64, u32)) {
        let mut at = self.first + self.position(entry);
        if at > self.ring.len() {
            // Beyond the end of the vector the ring goes on at its beginning.
            at -= self.ring.len();
            self.first += 1;
        }
        self.ring.insert(at, entry);
        self.number_from(at);
    }

    /// Everybody from there on stands elsewhere in the vector than before.
    fn number_from(&mut self, at: usize) {
        for (at, &(_, place)) in self.ring.iter().enumerate().skip(at) {
            self.stands[place as usize] = at as u32;
        }
    }
}

/// Larger current weight first, then first listed.
#[inline]
pub(super) fn before(one: (i64, u32), other: (i64, u32)) -> bool {
    one.0 > other.0 || (one.0 == other.0 && one.1 < other.1)
}
