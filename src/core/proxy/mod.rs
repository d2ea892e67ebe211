//! The data plane of one proxy: which instance gets a request, and what to do when an attempt ends.
//!
//! A service may have many proxies; each knows only what it was told and what it saw itself. Nothing here gives orders,
//! reads a clock or allocates for a request. A driver calls [`Proxy::pick`] for each attempt, then [`Proxy::finish`]
//! exactly once; it tells of endpoint changes, weights and probe results when they reach *this* proxy, and calls
//! [`Proxy::tick`] at the moment that [`Proxy::deadline`] names.

mod ask;
mod balance;
mod bars;
mod breaker;
mod eject;
mod health;
mod level;
mod policy;
mod pool;
mod queue;
mod retry;
mod route;
mod side;
mod sticky;
mod waiting;
mod watch;

pub use ask::{Ask, Client, Pick, Report, Tried};
pub use balance::rule::*;
pub use health::Ending;
pub use policy::{
    Affinity, AllOut, Backoff, Breaker, Budget, Checks, Ejection, FailureShare, Initial, LEVELS, Limits, MAX_RETRIES,
    Passive, Policy, Retries, RetryOn, Spill, Sticky, SuccessRate, Target,
};
pub use pool::{Listing, Pool, Standing};
pub use route::place_of;
pub use waiting::{Ticket, Turn};

use crate::core::amount::Share;
use crate::core::draw::Seed;
use crate::core::ids::{InstanceId, UserId, VersionId};
use crate::core::rollout::Split;
use crate::core::time::{Moment, Span};
use balance::Minds;
use bars::Bars;
use pool::End;
use retry::Purse;
use route::Route;
use serde::{Deserialize, Serialize};
use side::{Side, Spot};
use sticky::Table;
use waiting::Waiting;
use watch::Watch;

/// Why no instance was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// None is listed, or none of the listed ones is thought to be alive and untried.
    NoInstance,
    /// There would be one, but for a limit.
    Full,
}

/// What to do once an attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Next {
    /// The ending is the client's answer.
    Done,
    /// Ask again for the same request, so much later, or say with [`Proxy::forgo`] that nobody will.
    RetryAfter(Span),
}

/// What became of a request that came to a proxy, or came back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// It goes there.
    Sent(Pick),
    /// It waits for a free place, and is called by [`Proxy::call_next`].
    Waits(Turn),
    /// Nobody takes it, and it may not wait.
    Refused,
}

/// How far [`Proxy::enter_at_once`] came: perhaps it found nobody.
#[derive(Clone, Copy, Debug)]
pub struct Undecided(Option<Miss>);

impl Undecided {
    /// Nothing has happened yet.
    pub const ALL: Undecided = Undecided(None);
}

/// Why an attempt goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Miss {
    Nobody,
    /// Somebody of this side would take it, or only this instance would, were it not for a limit.
    Full {
        side: usize,
        only: Option<InstanceId>,
    },
}

impl Miss {
    const fn refusal(self) -> Refusal {
        match self {
            Miss::Nobody => Refusal::NoInstance,
            Miss::Full { .. } => Refusal::Full,
        }
    }
}

/// Which attempt of a request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    First,
    /// Was allowed by [`Next::RetryAfter`], and counts since then.
    Retry,
    /// Runs beside another one.
    Hedge,
}

/// One proxy: its policy and everything it has learnt. What is asked for every request stands together: there may be many
/// proxies, and little of each stays in a cache.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Proxy {
    active: u32,
    /// Retries under way or in their back-off.
    retrying: u32,
    /// Whether nothing but the balancer decides about a request: it can enter at once.
    at_once: bool,
    keeps_books: bool,
    /// What of attempts that end well must be noted beside their number.
    minds: Minds,
    /// Whether any pick is more than the balancer's: users stick, instances are on probation.
    remembers: bool,
    route: Route,
    /// One side that every instance shares, or both sides of a split.
    sides: [Side; 2],
    policy: Policy,
    watch: Watch,
    purse: Purse,
    users: Table,
    waiting: Waiting,
}

impl Proxy {
    /// Proxy `number`, which begins at `now` and knows no instance. Without `split` all versions share one pool; with it,
    /// requests are first split between `split`'s version and all others, starting with a share of zero.
    pub fn new(now: Moment, policy: Policy, split: Option<(VersionId, Split)>, seed: Seed, number: u16) -> Proxy {
        let streams = seed.family("balancer");
        let side = |side| Side::new(&policy, streams, u64::from(number) << 1 | side);
        let (sides, watch) = ([side(0), side(1)], Watch::new(now, &policy));
        let purse = Purse::new(policy.retries.budget);
        let remembers = policy.sticky.is_some() || policy.breaker.is_some();
        let attentive = watch.minds_endings || purse.keeps_books();
        Proxy {
            minds: if attentive { Minds::Endings } else { sides[0].minds() },
            sides,
            watch,
            keeps_books: purse.keeps_books(),
            purse,
            remembers,
            at_once: !remembers && policy.limits.requests == u32::MAX,
            users: Table::default(),
            waiting: Waiting::default(),
            route: Route::new(split),
            active: 0,
            retrying: 0,
            policy,
        }
    }

    /// The endpoints now include `instance`; what it counts as until its first check is for the policy to say, unless it
    /// is `known` to be up. Listing it twice changes nothing. What is listed at the very start of time has long been there.
    pub fn list(&mut self, now: Moment, instance: InstanceId, version: VersionId, level: u8, known: bool) {
        if self.lists(instance) {
            return;
        }
        let up = self.meet(instance, known);
        let weight = self.policy.weights.get(version.index()).copied().unwrap_or(1);
        let [a, b, c, d] = instance.0.to_be_bytes();
        let name = format!("10.{}.{c}.{d}:80", u16::from(b) + u16::from(a) * 256);
        let side = &mut self.sides[self.route.side(version)];
        side.list(now, &Listing { instance, version, name: &name, weight }, level);
        for bar in [Bars::EJECTED, Bars::BROKEN] {
            side.bar(now, instance, bar, false);
        }
        side.bar(now, instance, Bars::DOWN, !up);
    }

    /// The endpoints no longer include `instance`; attempts under way go on.
    pub fn unlist(&mut self, now: Moment, instance: InstanceId) {
        let through_drain = self.policy.sticky.is_some_and(|sticky| sticky.through_drain);
        for side in &mut self.sides {
            if through_drain {
                side.bar(now, instance, Bars::DRAINING, true);
            } else {
                side.unlist(now, instance);
            }
        }
        self.waiting.release(instance);
    }

    /// Whether `instance` is in this proxy's endpoints.
    pub fn lists(&self, instance: InstanceId) -> bool {
        self.sides.iter().any(|side| side.lists(instance))
    }

    /// From now on the new version gets `share` of the requests; has no effect without a split.
    pub fn set_share(&mut self, share: Share) {
        self.route.set_share(share);
    }

    /// Chooses an instance for the first attempt of a request, or for a retry that was allowed; it does not wait.
    ///
    /// # Errors
    /// [`Refusal::NoInstance`] when the pool that the request is routed to has nobody to offer, [`Refusal::Full`] when
    /// it would have but for a limit. A retry that nobody takes is forgotten.
    #[inline(always)]
    pub fn pick(&mut self, now: Moment, ask: &Ask<'_>) -> Result<Pick, Refusal> {
        let kind = self.note_request(now, ask);
        self.choose(now, ask, None, kind).map_err(|miss| {
            if kind == Kind::Retry {
                self.forgo();
            }
            miss.refusal()
        })
    }

    /// The usual way of [`Proxy::enter`], for the first attempt of a request: nothing but the balancer decides, and finds
    /// somebody. `who` asks, and what its dice are, is only of interest to some.
    ///
    /// # Errors
    /// Where that is not so, the request must take the long way, by [`Proxy::enter_after`].
    #[inline(always)]
    pub fn enter_at_once(&mut self, now: Moment, who: impl Fn() -> (UserId, u64)) -> Result<Pick, Undecided> {
        if !self.at_once {
            return Err(Undecided::ALL);
        }
        let side = self.route.choose_for(&who);
        let Some((instance, version)) = self.side(side).pick_of_alike(now) else {
            let (user, dice) = who();
            return self.pick_first(now, side, user, dice);
        };
        if self.keeps_books {
            self.purse.request(now);
        }
        self.active += 1;
        Ok(Pick { instance, version, retry: false, at: now })
    }

    /// As [`Proxy::enter_at_once`], for a retry that was allowed of a request that was with those `tried`.
    ///
    /// # Errors
    /// As there.
    #[inline(always)]
    pub fn enter_again_at_once(
        &mut self,
        now: Moment,
        who: impl Fn() -> (UserId, u64),
        tried: &Tried,
    ) -> Result<Pick, Undecided> {
        let free = self.policy.retries.target == Target::Other && !self.route.takes_turns();
        if !(free && self.at_once) {
            return Err(Undecided::ALL);
        }
        let side = self.route.choose_for(who);
        let Some((instance, version)) = self.side(side).pick_of_alike_but(now, tried) else {
            return Err(Undecided::ALL);
        };
        self.active += 1;
        Ok(Pick { instance, version, retry: true, at: now })
    }

    #[inline(always)]
    fn side(&mut self, side: usize) -> &mut Side {
        let [rest, new] = &mut self.sides;
        if side == 0 { rest } else { new }
    }

    #[inline(never)]
    fn pick_first(&mut self, now: Moment, side: usize, user: UserId, dice: u64) -> Result<Pick, Undecided> {
        let ask = Ask::of(user, dice, Tried::NONE);
        let Some(spot) = self.sides[side].choose(now, &ask) else {
            return Err(Undecided(Some(self.miss(now, side, &ask, Kind::First))));
        };
        self.note_request(now, &ask);
        Ok(self.send(now, side, spot, user, Kind::First))
    }

    /// As [`Proxy::pick`], for a request that waits if it must and may; `cookie` is the instance that its cookie names.
    pub fn enter(&mut self, now: Moment, ask: &Ask<'_>, cookie: Option<InstanceId>, ticket: Ticket) -> Entry {
        self.enter_after(now, ask, cookie, ticket, Undecided::ALL)
    }

    /// The same, as far as it is `undecided`.
    #[inline(always)]
    pub fn enter_after(
        &mut self,
        now: Moment,
        ask: &Ask<'_>,
        cookie: Option<InstanceId>,
        ticket: Ticket,
        undecided: Undecided,
    ) -> Entry {
        let kind = self.note_request(now, ask);
        let found = match undecided.0 {
            Some(miss) => Err(miss),
            None => self.choose(now, ask, cookie, kind),
        };
        match found {
            Ok(pick) => Entry::Sent(pick),
            Err(Miss::Full { side, only }) if self.waiting.len() < self.policy.limits.queue => {
                self.queue(*ask, ticket, side, only, kind)
            }
            Err(_) => {
                if kind == Kind::Retry {
                    self.forgo();
                }
                Entry::Refused
            }
        }
    }

    #[inline(always)]
    fn note_request(&mut self, now: Moment, ask: &Ask<'_>) -> Kind {
        if ask.tried.count() > 0 {
            return Kind::Retry;
        }
        if self.keeps_books {
            self.purse.request(now);
        }
        Kind::First
    }

    /// Chooses another instance for a request that already has an attempt under way.
    ///
    /// # Errors
    /// As [`Proxy::pick`].
    pub fn pick_hedge(&mut self, now: Moment, ask: &Ask<'_>) -> Result<Pick, Refusal> {
        self.choose(now, ask, None, Kind::Hedge).map_err(Miss::refusal)
    }

    /// Chooses an instance of the new version for a copy of a request, for which nobody waits: it takes no retries and no
    /// place in the queue, and no user sticks to where it goes. To be given back to [`Proxy::finish_mirror`].
    ///
    /// # Errors
    /// As [`Proxy::pick`]; [`Refusal::NoInstance`] also without a split.
    pub fn pick_mirror(&mut self, now: Moment, ask: &Ask<'_>) -> Result<Pick, Refusal> {
        let side = self.route.new_side().ok_or(Refusal::NoInstance)?;
        if self.active >= self.policy.limits.requests {
            return Err(Refusal::Full);
        }
        let Some(spot) = self.sides[side].choose(now, ask) else {
            let full = self.limited() && self.sides[side].is_full(now, &ask.tried);
            return Err(if full { Refusal::Full } else { Refusal::NoInstance });
        };
        let (instance, version) = self.sides[side].send(now, spot);
        self.active += 1;
        if self.remembers {
            self.watch_pick(now, instance);
        }
        Ok(Pick { instance, version, retry: false, at: now })
    }

    /// Takes note of how a copy ended: what it says of the instance counts, and it is never tried again.
    pub fn finish_mirror(&mut self, now: Moment, pick: Pick, ending: Ending, dice: u64) {
        self.end(now, pick, ending, dice);
    }

    #[inline(always)]
    fn choose(&mut self, now: Moment, ask: &Ask<'_>, cookie: Option<InstanceId>, kind: Kind) -> Result<Pick, Miss> {
        if self.active >= self.policy.limits.requests {
            return Err(Miss::Full { side: self.route.choose(ask.user, ask.dice), only: None });
        }
        let retries = &self.policy.retries;
        if (self.remembers || (kind == Kind::Retry && retries.stays(ask.tried.count())))
            && let Some((side, instance)) = self.wanted(now, ask, cookie, kind)
        {
            return match self.sides[side].accepts(now, instance, true, true) {
                Some(spot) => Ok(self.send(now, side, spot, ask.user, kind)),
                None => Err(Miss::Full { side, only: Some(instance) }),
            };
        }
        let side = self.route.choose(ask.user, ask.dice);
        let found = if kind == Kind::Retry && self.policy.retries.target == Target::Any {
            self.sides[side].choose(now, &Ask { tried: Tried::NONE, ..*ask })
        } else {
            self.sides[side].choose(now, ask)
        };
        match found {
            Some(spot) => Ok(self.send(now, side, spot, ask.user, kind)),
            None => Err(self.miss(now, side, ask, kind)),
        }
    }

    /// Why nobody of this side was found.
    fn miss(&self, now: Moment, side: usize, ask: &Ask<'_>, kind: Kind) -> Miss {
        let again = kind == Kind::Retry && self.policy.retries.target == Target::Any;
        let tried = if again { &Tried::NONE } else { &ask.tried };
        let full = self.limited() && self.sides[side].is_full(now, tried);
        if full { Miss::Full { side, only: None } } else { Miss::Nobody }
    }

    /// Whether instances can be full at all.
    fn limited(&self) -> bool {
        self.policy.limits.per_instance < u32::MAX
    }

    /// The side and the instance that this attempt must go to; `None`: the balancer decides.
    #[inline(never)]
    fn wanted(
        &self,
        now: Moment,
        ask: &Ask<'_>,
        cookie: Option<InstanceId>,
        kind: Kind,
    ) -> Option<(usize, InstanceId)> {
        let retries = &self.policy.retries;
        if kind == Kind::Retry {
            let last = ask.tried.last().filter(|_| retries.stays(ask.tried.count()))?;
            return self.side_of(now, last, true);
        }
        let sticky = self.policy.sticky.filter(|_| kind == Kind::First)?;
        let wanted = match sticky.by {
            Affinity::Cookie => cookie?,
            Affinity::Source => self.users.find(now, ask.user, sticky.lifetime)?,
        };
        self.side_of(now, wanted, sticky.through_drain)
    }

    fn side_of(&self, now: Moment, instance: InstanceId, draining: bool) -> Option<(usize, InstanceId)> {
        let side = self.sides.iter().position(|side| side.accepts(now, instance, draining, false).is_some())?;
        Some((side, instance))
    }

    #[inline(always)]
    fn send(&mut self, now: Moment, side: usize, spot: Spot, user: UserId, kind: Kind) -> Pick {
        let (instance, version) = self.sides[side].send(now, spot);
        debug_assert!(self.may_get(instance), "nothing is picked that is not listed");
        self.active += 1;
        if self.remembers {
            self.remember(now, user, instance);
        }
        Pick { instance, version, retry: kind == Kind::Retry, at: now }
    }

    /// Whether it is listed, or drains and still serves those who stick to it.
    fn may_get(&self, instance: InstanceId) -> bool {
        self.lists(instance) || self.policy.sticky.is_some_and(|sticky| sticky.through_drain)
    }

    fn remember(&mut self, now: Moment, user: UserId, instance: InstanceId) {
        self.watch_pick(now, instance);
        if self.policy.sticky.is_some_and(|sticky| sticky.by == Affinity::Source) {
            self.users.note(now, user, instance);
        }
    }

    /// Takes note of how an attempt ended, and says whether the request should be tried again. `attempts` is how many
    /// the request has had, this one included; `dice` are random bits that belong to this ending.
    #[inline(always)]
    pub fn finish(&mut self, now: Moment, pick: Pick, ending: Ending, attempts: u8, dice: u64) -> Next {
        self.end(now, pick, ending, dice);
        self.retrying -= u32::from(pick.retry);
        let on = self.policy.retries.on;
        let failed = ending.may_be_retried(on);
        if self.keeps_books && ending != Ending::Abandoned {
            self.purse.ended(!failed);
        }
        if failed && attempts <= self.policy.retries.attempts {
            self.allow_retry(now, attempts, dice)
        } else {
            Next::Done
        }
    }

    /// As [`Proxy::finish`] after a good answer, of which no retry can follow.
    #[inline(always)]
    pub fn finish_well(&mut self, now: Moment, pick: Pick, attempts: u8, dice: u64) {
        match self.minds {
            Minds::Endings => {
                self.finish(now, pick, Ending::Served, attempts, dice);
                return;
            }
            Minds::Load => self.side(self.route.side(pick.version)).let_go(now, pick.instance),
            Minds::Nothing => {}
        }
        self.active -= 1;
        self.retrying -= u32::from(pick.retry);
    }

    /// What every ending tells of an instance.
    #[inline(always)]
    fn end(&mut self, now: Moment, pick: Pick, ending: Ending, dice: u64) {
        self.active -= 1;
        let side = self.route.side(pick.version);
        let fault = ending.counts_as_failure(self.policy.retries.on);
        let end = End { now, latency: now.since(pick.at), fault, served: ending == Ending::Served };
        self.sides[side].finish(pick.instance, end);
        if self.watch.minds_endings {
            self.watch_ending(now, side, pick.instance, ending, dice);
        }
    }

    fn allow_retry(&mut self, now: Moment, attempts: u8, dice: u64) -> Next {
        if !self.purse.withdraw(now, self.retrying, self.active + 1) {
            return Next::Done;
        }
        self.retrying += 1;
        Next::RetryAfter(self.policy.retries.wait(attempts, dice))
    }

    /// A retry that was allowed will not be made.
    pub fn forgo(&mut self) {
        self.retrying -= 1;
    }

    /// `instance` says how loaded it is.
    pub fn report(&mut self, now: Moment, instance: InstanceId, report: &Report) {
        for side in &mut self.sides {
            side.report(now, instance, report);
        }
    }

    /// Whether slow start is on but protects nothing, because every instance of a pool is in it.
    pub fn slow_start_protects_nothing(&self, now: Moment) -> bool {
        self.sides.iter().any(|side| side.slow_start_protects_nothing(now))
    }

    /// Whether anything depends on how and when attempts end that end well.
    pub fn minds_answers(&self) -> bool {
        self.minds > Minds::Nothing || self.keeps_books || self.policy.limits.requests < u32::MAX
    }

    /// Attempts under way.
    pub fn active(&self) -> u32 {
        self.active
    }
}

#[cfg(test)]
mod tests;
