//! A proxy, and who is told what it is asked.

use super::{Answer, Asked, Question, Record, Unit, Witness};
use crate::core::amount::Share;
use crate::core::draw::Seed;
use crate::core::ids::{InstanceId, UserId, VersionId};
use crate::core::proxy::{
    Ask, Ending, Entry, Next, Pick, Policy, Proxy, Refusal, Report, Ticket, Tried, Turn, Undecided,
};
use crate::core::rollout::Split;
use crate::core::time::{Moment, Span};
use std::fmt;

/// A [`Proxy`] with its witness. The functions are those of the proxy, which see.
#[derive(Clone)]
pub struct Front {
    proxy: Proxy,
    number: u16,
    witness: Option<Witness>,
}

impl fmt::Debug for Front {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.proxy.fmt(out)
    }
}

impl Front {
    /// [`Proxy::new`]
    pub fn new(
        now: Moment,
        policy: Policy,
        split: Option<(VersionId, Split)>,
        seed: Seed,
        number: u16,
        witness: Option<Witness>,
    ) -> Front {
        let front = Front { proxy: Proxy::new(now, policy, split, seed, number), number, witness };
        front.tell(now, || (Question::Begin, Answer::None));
        front
    }

    /// The proxy itself, for questions that change nothing.
    #[inline(always)]
    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    #[inline(always)]
    fn tell(&self, at: Moment, what: impl FnOnce() -> (Question, Answer)) {
        if let Some(witness) = &self.witness {
            let (question, answer) = what();
            witness(Record { at, unit: Unit::Proxy(self.number), question, answer });
        }
    }

    /// [`Proxy::list`]
    pub fn list(&mut self, now: Moment, instance: InstanceId, version: VersionId, level: u8, known: bool) {
        self.proxy.list(now, instance, version, level, known);
        self.tell(now, || (Question::List { instance, version, level, known }, Answer::None));
    }

    /// [`Proxy::unlist`]
    pub fn unlist(&mut self, now: Moment, instance: InstanceId) {
        self.proxy.unlist(now, instance);
        self.tell(now, || (Question::Unlist { instance }, Answer::None));
    }

    /// [`Proxy::set_share`]
    pub fn set_share(&mut self, now: Moment, share: Share) {
        self.proxy.set_share(share);
        self.tell(now, || (Question::SetShare { share }, Answer::None));
    }

    /// [`Proxy::pick`]
    ///
    /// # Errors
    /// As there.
    #[inline(always)]
    pub fn pick(&mut self, now: Moment, ask: &Ask<'_>) -> Result<Pick, Refusal> {
        let answer = self.proxy.pick(now, ask);
        self.tell(now, || (Question::Pick { ask: Asked::of(*ask) }, Answer::Pick(answer)));
        answer
    }

    /// [`Proxy::enter`]
    pub fn enter(&mut self, now: Moment, ask: &Ask<'_>, cookie: Option<InstanceId>, ticket: Ticket) -> Entry {
        self.enter_after(now, ask, cookie, ticket, Undecided::ALL)
    }

    /// [`Proxy::enter_at_once`], which no witness hears of: who has one takes the long way.
    ///
    /// # Errors
    /// As there.
    #[inline(always)]
    pub fn enter_at_once(&mut self, now: Moment, who: impl Fn() -> (UserId, u64)) -> Result<Pick, Undecided> {
        debug_assert!(self.witness.is_none(), "a witness hears of every question");
        self.proxy.enter_at_once(now, who)
    }

    /// [`Proxy::enter_again_at_once`], of which the same holds.
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
        debug_assert!(self.witness.is_none(), "a witness hears of every question");
        self.proxy.enter_again_at_once(now, who, tried)
    }

    /// [`Proxy::enter_after`]
    #[inline(always)]
    pub fn enter_after(
        &mut self,
        now: Moment,
        ask: &Ask<'_>,
        cookie: Option<InstanceId>,
        ticket: Ticket,
        undecided: Undecided,
    ) -> Entry {
        let answer = self.proxy.enter_after(now, ask, cookie, ticket, undecided);
        self.tell(now, || (Question::Enter { ask: Asked::of(*ask), cookie, ticket }, Answer::Entry(answer)));
        answer
    }

    /// [`Proxy::pick_hedge`]
    ///
    /// # Errors
    /// As there.
    pub fn pick_hedge(&mut self, now: Moment, ask: &Ask<'_>) -> Result<Pick, Refusal> {
        let answer = self.proxy.pick_hedge(now, ask);
        self.tell(now, || (Question::PickHedge { ask: Asked::of(*ask) }, Answer::Pick(answer)));
        answer
    }

    /// [`Proxy::pick_mirror`]
    ///
    /// # Errors
    /// As there.
    pub fn pick_mirror(&mut self, now: Moment, ask: &Ask<'_>) -> Result<Pick, Refusal> {
        let answer = self.proxy.pick_mirror(now, ask);
        self.tell(now, || (Question::PickMirror { ask: Asked::of(*ask) }, Answer::Pick(answer)));
        answer
    }

    /// [`Proxy::finish`]
    #[inline(always)]
    pub fn finish(&mut self, now: Moment, pick: Pick, ending: Ending, attempts: u8, dice: u64) -> Next {
        let answer = self.proxy.finish(now, pick, ending, attempts, dice);
        self.tell(now, || (Question::Finish { pick, ending, attempts, dice }, Answer::Next(answer)));
        answer
    }

    /// [`Proxy::finish_well`], which no witness hears of: who has one takes the long way.
    #[inline(always)]
    pub fn finish_well(&mut self, now: Moment, pick: Pick, attempts: u8, dice: u64) {
        debug_assert!(self.witness.is_none(), "a witness hears of every question");
        self.proxy.finish_well(now, pick, attempts, dice);
    }

    /// [`Proxy::finish_mirror`]
    pub fn finish_mirror(&mut self, now: Moment, pick: Pick, ending: Ending, dice: u64) {
        self.proxy.finish_mirror(now, pick, ending, dice);
        self.tell(now, || (Question::FinishMirror { pick, ending, dice }, Answer::None));
    }

    /// [`Proxy::forgo`]
    pub fn forgo(&mut self, now: Moment) {
        self.proxy.forgo();
        self.tell(now, || (Question::Forgo, Answer::None));
    }

    /// [`Proxy::probed`]
    pub fn probed(&mut self, now: Moment, instance: InstanceId, well: bool) -> Option<Span> {
        let answer = self.proxy.probed(now, instance, well);
        self.tell(now, || (Question::Probed { instance, well }, Answer::Check(answer)));
        answer
    }

    /// [`Proxy::tick`]
    pub fn tick(&mut self, now: Moment) {
        self.proxy.tick(now);
        self.tell(now, || (Question::Tick, Answer::None));
    }

    /// [`Proxy::report`]
    pub fn report(&mut self, now: Moment, instance: InstanceId, report: &Report) {
        self.proxy.report(now, instance, report);
        self.tell(now, || (Question::Report { instance, report: *report }, Answer::None));
    }

    /// [`Proxy::call_next`]
    pub fn call_next(&mut self, now: Moment, freed: Option<InstanceId>) -> Option<(Ticket, Pick)> {
        let answer = self.proxy.call_next(now, freed);
        self.tell(now, || (Question::CallNext { freed }, Answer::Called(answer)));
        answer
    }

    /// [`Proxy::leave`]
    pub fn leave(&mut self, now: Moment, turn: Turn) {
        self.proxy.leave(turn);
        self.tell(now, || (Question::Leave { turn }, Answer::None));
    }
}
