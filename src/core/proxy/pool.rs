//! The instances that a proxy chooses among, what it knows of each, and the balancer that chooses.

use crate::core::draw::Stream;
use crate::core::ids::{InstanceId, VersionId};
use crate::core::proxy::balance::rule::SlowStart;
use crate::core::proxy::balance::{Algorithm, Balancer, Change, Minds, Turn};
use crate::core::proxy::bars::Bars;
use crate::core::proxy::health::Fails;
use crate::core::proxy::{Ask, Passive, Report, Rule, Tried};
use crate::core::time::{Moment, Span};

const NOWHERE: u32 = u32::MAX;

/// One instance as one proxy sees it.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub instance: InstanceId,
    /// Attempts that this proxy has under way on it; 0 where nothing depends on them.
    pub active: u32,
    pub weight: i64,
    /// Weight after failures; climbs back by one with every pick.
    pub effective: i64,
    /// Position in the smooth rotation.
    pub current: i64,
    /// What hash rules know it by: an address or a host name.
    pub name: Box<str>,
    /// When it joined or came back; `START` for those that were there before the proxy.
    pub since: Moment,
    bars: Bars,
    /// Whether it belongs to the structures of a balancer that forgets those known to be out, or of weight 0.
    in_play: bool,
    /// Attempts that it may have under way.
    limit: u32,
    pub fails: Fails,
}

impl Member {
    pub fn new(listing: &Listing<'_>, since: Moment) -> Member {
        Member {
            instance: listing.instance,
            active: 0,
            weight: i64::from(listing.weight),
            effective: i64::from(listing.weight),
            current: 0,
            name: listing.name.into(),
            since,
            bars: Bars::NONE,
            in_play: listing.weight > 0,
            limit: u32::MAX,
            fails: Fails::default(),
        }
    }

    /// Whether health and limits take part in no decision about it: it can only be passed over for having been tried.
    #[inline]
    pub fn is_clean(&self) -> bool {
        !self.bars.meets(Bars::ANY) && self.effective == self.weight && !self.fails.any() && self.active < self.limit
    }

    /// An attempt is active no longer, unless it was from before: an instance that left and came back starts at zero, and
    /// then sees its old attempts end.
    #[inline]
    fn let_go(&mut self) -> bool {
        let counted = self.active > 0;
        self.active -= u32::from(counted);
        counted
    }

    /// Whether it belongs to the structures of a balancer that forgets those known to be out, or of weight 0.
    #[inline]
    pub fn in_play(&self) -> bool {
        self.in_play
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
    /// Whether those who are full are out.
    pub limited: bool,
    /// How limits grow after a start; `None` where they do not.
    pub ramp: Option<SlowStart>,
    /// By instance: its place, or `NOWHERE`.
    pub places: &'a [u32],
}

impl<'a> Eligible<'a> {
    #[inline(always)]
    pub fn admits(&self, member: &Member) -> bool {
        !member.bars.meets(self.shut)
            && (!self.limited || self.has_room(member))
            && self.passive.is_none_or(|passive| !member.fails.out(self.now, passive))
            && (self.tried.count() == 0 || !self.tried.has(member.instance))
    }

    #[inline(always)]
    fn has_room(&self, member: &Member) -> bool {
        let ramped = |slow: SlowStart| {
            !slow.slows(member.since, self.now)
                || member.active < slow.limit(member.limit, self.now.since(member.since))
        };
        member.active < member.limit && self.ramp.is_none_or(ramped)
    }

    /// The places of those tried before, each once, as far as they are still listed.
    #[inline(always)]
    pub fn tried_places(self) -> impl Iterator<Item = usize> + use<'a> {
        places_of(self.tried, self.places)
    }
}

/// Each of those tried once, as far as they have places.
#[inline(always)]
fn places_of<'a>(tried: &'a Tried, places: &'a [u32]) -> impl Iterator<Item = usize> + use<'a> {
    let found = tried.distinct().filter_map(|instance| places.get(instance.index()));
    found.filter(|&&place| place != NOWHERE).map(|&place| place as usize)
}

/// What a proxy is told about an instance when it joins.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// Who.
    pub instance: InstanceId,
    /// What it runs.
    pub version: VersionId,
    /// Its address or host name, which hash rules go by.
    pub name: &'a str,
    /// Its share compared with others.
    pub weight: u32,
}

/// How an attempt ended, as far as a balancer learns from it.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub now: Moment,
    pub latency: Span,
    /// Whether it counts against the instance.
    pub fault: bool,
    /// Whether it was answered well.
    pub served: bool,
}

/// What a balancer holds of one instance, to be shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Who.
    pub instance: InstanceId,
    /// Configured weight.
    pub weight: i64,
    /// What is left of the weight after failures or in slow start.
    pub effective: f64,
    /// Position in the rotation: current weight, deadline or place in line; `None` where the rule has none.
    pub current: Option<f64>,
    /// Attempts under way.
    pub active: u32,
    /// Estimated latency in milliseconds, where the rule keeps one.
    pub estimate_ms: Option<f64>,
}

/// Members and the balancer that picks among them: what `rollcast pick` shows, and one side of a proxy.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Pool {
    /// By place, like the members: all that most picks must know of them.
    answers: Vec<(InstanceId, VersionId)>,
    /// What of attempts must be noted.
    minds: Minds,
    /// Whether failed attempts or a limit can set a member aside.
    wary: bool,
    /// Health is disregarded: everybody is in play.
    open: bool,
    /// Attempts that each member may have under way.
    limit: u32,
    balancer: Balancer,
    /// In the order in which they were listed.
    members: Vec<Member>,
    /// By instance: where it stands in `members`, or `NOWHERE`.
    places: Vec<u32>,
    stream: Stream,
    passive: Option<Passive>,
    /// How that limit grows after a start; `None` where it does not.
    ramp: Option<SlowStart>,
    /// Members that do not drain, and those of them who are healthy.
    census: (u32, u32),
}

impl Pool {
    /// A pool without members; `stream` is all the chance that the balancer has.
    pub fn new(rule: &Rule, stream: Stream) -> Pool {
        let balancer = Balancer::new(rule);
        Pool {
            // Whoever drives a pool alone may ask how many attempts are active, whatever the balancer minds.
            minds: balancer.minds().max(Minds::Load),
            balancer,
            members: Vec::new(),
            answers: Vec::new(),
            places: Vec::new(),
            stream,
            passive: None,
            limit: u32::MAX,
            ramp: None,
            wary: false,
            open: false,
            census: (0, 0),
        }
    }

    /// The same, in which failed attempts count as `passive` says, and members take up to `limit` attempts at once.
    pub fn guarded(self, passive: Option<Passive>, limit: u32) -> Pool {
        let ramp = self.balancer.slow_start().filter(|slow| limit < u32::MAX && slow.limit(limit, Span::ZERO) < limit);
        let wary = passive.is_some() || limit < u32::MAX;
        let minds = if wary { Minds::Endings } else { self.balancer.minds() };
        Pool { passive, limit, ramp, wary, minds, ..self }
    }

    /// The plain rule of the same name, for comparison.
    #[cfg(test)]
    pub fn plain(rule: &Rule, stream: Stream) -> Pool {
        Pool { balancer: Balancer::plain(rule), ..Pool::new(rule, stream) }
    }

    /// Adds a member, unless it is one. Those listed at the very start were there before, and are warm.
    pub fn list(&mut self, now: Moment, listing: &Listing<'_>) {
        if self.lists(listing.instance) {
            return;
        }
        if self.places.len() <= listing.instance.index() {
            self.places.resize(listing.instance.index() + 1, NOWHERE);
        }
        let place = self.members.len();
        self.balancer.change(&mut self.members, Change::Joining, now);
        self.places[listing.instance.index()] = place as u32;
        self.answers.push((listing.instance, listing.version));
        self.members.push(Member { limit: self.limit, ..Member::new(listing, now) });
        self.count(place, 1);
        self.balancer.change(&mut self.members, Change::Joined(place), now);
    }

    /// Removes a member; its attempts may still end.
    pub fn unlist(&mut self, now: Moment, instance: InstanceId) {
        let Some(place) = self.place(instance) else { return };
        self.balancer.change(&mut self.members, Change::Leaving(place), now);
        self.count(place, -1);
        self.members.remove(place);
        self.answers.remove(place);
        self.places[instance.index()] = NOWHERE;
        for (place, member) in self.members.iter().enumerate().skip(place) {
            self.places[member.instance.index()] = place as u32;
        }
        self.balancer.change(&mut self.members, Change::Left(place), now);
    }

    /// Gives a member another weight; 0 takes it out of the rules that allow that.
    pub fn weigh(&mut self, now: Moment, instance: InstanceId, weight: u32) {
        let Some(place) = self.place(instance) else { return };
        self.balancer.change(&mut self.members, Change::Weighing(place), now);
        let shut = self.shut();
        let member = &mut self.members[place];
        (member.weight, member.effective) = (i64::from(weight), i64::from(weight));
        member.in_play = weight > 0 && !member.bars.meets(shut);
        self.balancer.change(&mut self.members, Change::Weighed(place), now);
    }

    /// Whether `instance` is a member.
    pub fn lists(&self, instance: InstanceId) -> bool {
        self.place(instance).is_some()
    }

    /// Chooses a member for one attempt, which is active from now on.
    #[inline(always)]
    pub fn pick(&mut self, now: Moment, ask: &Ask<'_>) -> Option<(InstanceId, VersionId)> {
        let place = self.choose(now, ask)?;
        Some(self.send(now, place))
    }

    /// The place of the member that the balancer picks.
    #[inline(always)]
    pub(super) fn choose(&mut self, now: Moment, ask: &Ask<'_>) -> Option<usize> {
        let passive = if self.open { None } else { self.passive() };
        self.balance(now, ask, passive)
    }

    /// As [`Pool::pick`], for the first attempt of a request and where nobody is set aside; `None`: nothing has happened.
    #[inline(always)]
    pub(super) fn pick_of_alike(&mut self, now: Moment) -> Option<(InstanceId, VersionId)> {
        let place = self.balancer.take_of_alike(&self.members)?;
        Some(self.begin_of_alike(now, place))
    }

    /// The same for a request that was with those `tried`.
    #[inline(always)]
    pub(super) fn pick_of_alike_but(&mut self, now: Moment, tried: &Tried) -> Option<(InstanceId, VersionId)> {
        let place = self.balancer.take_of_alike_but(places_of(tried, &self.places))?;
        Some(self.begin_of_alike(now, place))
    }

    #[inline(always)]
    fn begin_of_alike(&mut self, now: Moment, place: usize) -> (InstanceId, VersionId) {
        let answer = self.begin(place);
        if self.wary {
            self.mind(now, place);
        }
        answer
    }

    /// The same, though failed attempts speak against everybody.
    pub(super) fn choose_anyone(&mut self, now: Moment, ask: &Ask<'_>) -> Option<usize> {
        self.balance(now, ask, None)
    }

    #[inline(always)]
    fn balance(&mut self, now: Moment, ask: &Ask<'_>, passive: Option<Passive>) -> Option<usize> {
        let shut = self.shut();
        let eligible =
            Eligible { now, passive, tried: &ask.tried, shut, limited: true, ramp: self.ramp, places: &self.places };
        let mut turn = Turn { ask, eligible, stream: &mut self.stream };
        self.balancer.pick(&mut self.members, &mut turn)
    }

    /// The member at `place` gets an attempt.
    #[inline(always)]
    pub(super) fn send(&mut self, now: Moment, place: usize) -> (InstanceId, VersionId) {
        let before = self.members[place].active;
        let answer = self.begin(place);
        if self.minds > Minds::Nothing {
            self.balancer.moved(&mut self.members, place, before, now);
        }
        if self.wary {
            self.mind(now, place);
        }
        answer
    }

    /// An attempt is active at the member at `place`, if anything depends on that; answers who it is.
    #[inline(always)]
    fn begin(&mut self, place: usize) -> (InstanceId, VersionId) {
        if self.minds > Minds::Nothing {
            self.members[place].active += 1;
        }
        self.answers[place]
    }

    /// Takes note that a member is tried out, if it is, or full now.
    fn mind(&mut self, now: Moment, place: usize) {
        let passive = self.passive();
        let member = &mut self.members[place];
        if let Some(passive) = passive {
            member.fails.picked(now, passive);
        }
        self.mind_limit(now, place);
    }

    fn mind_limit(&mut self, now: Moment, place: usize) {
        if self.members[place].active == self.members[place].limit {
            self.balancer.change(&mut self.members, Change::Reviewed(place), now);
        }
    }

    /// Whether `admits` lets somebody in, and the first of those.
    pub(super) fn first(&self, admits: impl Fn(&Pool, usize) -> bool) -> Option<usize> {
        (0..self.members.len()).find(|&place| admits(self, place))
    }

    /// Whether the member at `place` may get an attempt. `draining`: though it drains; `limited`: if it has room.
    pub(super) fn admits(&self, now: Moment, place: usize, tried: &Tried, draining: bool, limited: bool) -> bool {
        let shut = if draining { Bars::HEALTH } else { Bars::ANY };
        let (passive, ramp, places) = (self.passive(), self.ramp, &*self.places);
        let eligible = Eligible { now, passive, tried, shut, limited, ramp, places };
        eligible.admits(&self.members[place])
    }

    /// The place of `instance`, if it is a member.
    #[inline(always)]
    pub(super) fn place(&self, instance: InstanceId) -> Option<usize> {
        match self.places.get(instance.index()) {
            None | Some(&NOWHERE) => None,
            Some(&place) => Some(place as usize),
        }
    }

    /// Who stands at `place`.
    pub(super) fn at(&self, place: usize) -> InstanceId {
        self.members[place].instance
    }

    /// What of attempts must be noted.
    pub(super) fn minds(&self) -> Minds {
        self.minds
    }

    /// An attempt on `instance` ended. It may have left the endpoints since.
    #[inline(always)]
    pub(super) fn finish(&mut self, instance: InstanceId, end: End) {
        let End { now, latency, fault, served } = end;
        if self.minds < Minds::Endings {
            self.let_go(now, instance);
        } else if let Some(place) = self.place(instance) {
            // Taken apart, so that it need not be put together for those who do not care.
            self.finish_attentively(place, now, latency, fault, served);
        }
    }

    /// The same, where at most the number of active attempts matters.
    #[inline(always)]
    pub(super) fn let_go(&mut self, now: Moment, instance: InstanceId) {
        if self.minds > Minds::Nothing
            && let Some(place) = self.place(instance)
            && self.members[place].let_go()
            && !self.balancer.let_go_of_alike(&self.members, place)
        {
            let before = self.members[place].active + 1;
            self.balancer.moved(&mut self.members, place, before, now);
        }
    }

    /// The same, where failures count, a place becomes free, or the balancer learns from it.
    #[inline(never)]
    fn finish_attentively(&mut self, place: usize, now: Moment, latency: Span, fault: bool, served: bool) {
        let end = End { now, latency, fault, served };
        let passive = self.passive();
        let member = &mut self.members[place];
        let (was_clean, before) = (member.is_clean(), member.active);
        let counted = member.let_go();
        match passive {
            None => {}
            Some(_) if !fault => member.fails.succeeded(),
            Some(passive) => {
                member.fails.failed(now);
                member.effective = (member.effective - member.weight / i64::from(passive.max_fails)).max(0);
            }
        }
        let is_clean = member.is_clean();
        if counted {
            self.balancer.moved(&mut self.members, place, before, now);
        }
        self.balancer.learn(&mut self.members, place, end);
        if was_clean != is_clean {
            self.balancer.change(&mut self.members, Change::Reviewed(place), now);
        }
    }

    /// As [`Pool::pick`] and the end of its attempt, for whoever drives a pool alone.
    pub fn end(&mut self, now: Moment, instance: InstanceId, latency: Span) {
        self.finish(instance, End { now, latency, fault: false, served: true });
    }

    /// An attempt that somebody else sent to `instance` is under way there.
    pub fn occupy(&mut self, now: Moment, instance: InstanceId) {
        if let Some(place) = self.place(instance) {
            let before = self.members[place].active;
            self.members[place].active += 1;
            self.balancer.moved(&mut self.members, place, before, now);
            self.mind_limit(now, place);
        }
    }

    /// What `instance` says of its own load.
    pub fn report(&mut self, now: Moment, instance: InstanceId, report: &Report) {
        if let Some(place) = self.place(instance) {
            self.balancer.report(&mut self.members, place, report, now);
        }
    }

    /// The member is known to be up or down, whoever found out.
    pub fn mark(&mut self, now: Moment, instance: InstanceId, up: bool) {
        self.bar(now, instance, Bars::DOWN, !up);
    }

    /// Sets or clears a bar of a member.
    pub(super) fn bar(&mut self, now: Moment, instance: InstanceId, bar: Bars, on: bool) {
        let Some(place) = self.place(instance) else { return };
        if self.members[place].bars.meets(bar) == on {
            return;
        }
        self.count(place, -1);
        self.members[place].bars.set(bar, on);
        self.count(place, 1);
        self.review(now, place);
    }

    /// Whether health is disregarded from now on.
    pub(super) fn set_open(&mut self, now: Moment, open: bool) {
        if self.open != open {
            self.open = open;
            (0..self.members.len()).for_each(|place| self.review(now, place));
        }
    }

    /// Members that do not drain, and those of them who are healthy.
    pub(super) fn census(&self) -> (u32, u32) {
        self.census
    }

    /// Members that are barred by `bar`.
    pub(super) fn barred(&self, bar: Bars) -> u32 {
        self.members.iter().filter(|member| member.bars.meets(bar)).count() as u32
    }

    /// Everybody, in the order of listing.
    pub(super) fn instances(&self) -> impl Iterator<Item = InstanceId> {
        self.members.iter().map(|member| member.instance)
    }

    /// Whether `instance` is a member, and does not merely drain.
    pub(super) fn has(&self, instance: InstanceId) -> bool {
        self.place(instance).is_some_and(|place| !self.members[place].bars.meets(Bars::DRAINING))
    }

    /// A member enters or leaves the census; those who drain are not counted.
    fn count(&mut self, place: usize, by: i32) {
        let bars = self.members[place].bars;
        if bars.meets(Bars::DRAINING) {
            return;
        }
        let add = |count: &mut u32| *count = count.checked_add_signed(by).expect("who leaves was counted");
        add(&mut self.census.0);
        if !bars.meets(Bars::HEALTH) {
            add(&mut self.census.1);
        }
    }

    /// Whoever has one of these is out.
    #[inline(always)]
    fn shut(&self) -> Bars {
        if self.open { Bars::DRAINING } else { Bars::ANY }
    }

    /// Tells the balancer what became of a member whose bars changed, or whose bars count differently now.
    fn review(&mut self, now: Moment, place: usize) {
        let shut = self.shut();
        let member = &mut self.members[place];
        let in_play = member.weight > 0 && !member.bars.meets(shut);
        if member.in_play != in_play {
            member.in_play = in_play;
            if in_play {
                member.since = now;
            }
            let change = if in_play { Change::Up(place) } else { Change::Down(place) };
            self.balancer.change(&mut self.members, change, now);
        }
        self.balancer.change(&mut self.members, Change::Reviewed(place), now);
    }

    /// What the balancer holds of each member, in listed order.
    pub fn standings(&self, now: Moment) -> impl Iterator<Item = Standing> {
        (0..self.members.len()).map(move |place| {
            let member = &self.members[place];
            let shown = self.balancer.show(&self.members, place, now);
            Standing {
                instance: member.instance,
                weight: member.weight,
                effective: shown.effective.unwrap_or(member.effective as f64),
                current: shown.current,
                active: member.active,
                estimate_ms: shown.estimate_ms,
            }
        })
    }

    /// Whether slow start is on but protects nothing at `now`, because every member is in it.
    pub fn slow_start_protects_nothing(&self, now: Moment) -> bool {
        let Some(slow_start) = self.balancer.slow_start() else { return false };
        let mut in_play = self.members.iter().filter(|member| member.in_play()).peekable();
        in_play.peek().is_some() && in_play.all(|member| slow_start.slows(member.since, now))
    }

    /// nginx never marks the only server of an upstream as failed.
    #[inline(always)]
    fn passive(&self) -> Option<Passive> {
        if self.members.len() > 1 { self.passive } else { None }
    }
}
