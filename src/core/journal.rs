//! The journal: every question that a driver asked the core, with its answer; and the replay, which asks a fresh core again.
//!
//! A driver talks to a [`Front`] instead of a [`Proxy`] and to a [`Pilot`] instead of a [`Controller`]: they pass every
//! question on, and tell a [`Witness`] of it, if there is one. Since the core has no clock and no chance of its own, the
//! same questions at the same moments must give the same answers, whoever asks: a journal of real traffic proves it.

mod front;
mod pilot;

pub use front::Front;
pub use pilot::Pilot;

use crate::core::amount::Share;
use crate::core::draw::Seed;
use crate::core::ids::{InstanceId, UserId, VersionId};
use crate::core::proxy::{
    Ask, Client, Ending, Entry, LEVELS, MAX_RETRIES, Next, Pick, Policy, Proxy, Refusal, Report, Ticket, Tried, Turn,
};
use crate::core::rollout::{Controller, Input, Order, Setup, Split, Strategy};
use crate::core::time::{Moment, Span};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who is told of every question and its answer.
pub type Witness = Arc<dyn Fn(Record) + Send + Sync>;

/// One question and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The `now` of the question.
    pub at: Moment,
    /// Who was asked.
    pub unit: Unit,
    /// What.
    pub question: Question,
    /// What it answered.
    pub answer: Answer,
}

/// Who can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// A proxy, by the order in which they began.
    Proxy(u16),
    /// The controller.
    Controller,
}

/// A request that needs an instance, as [`Ask`] has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Whose it is.
    pub user: UserId,
    /// Its random bits.
    pub dice: u64,
    /// Where it has been already.
    pub tried: Vec<InstanceId>,
    /// What a hash goes by, unless it is the user.
    pub key: Option<Vec<u8>>,
    /// Where its client connects from.
    pub client: Option<Client>,
}

impl Asked {
    fn of(ask: Ask<'_>) -> Asked {
        Asked {
            user: ask.user,
            dice: ask.dice,
            tried: ask.tried.iter().copied().collect(),
            key: ask.key.map(<[u8]>::to_vec),
            client: ask.client,
        }
    }

    fn ask(&self) -> Ask<'_> {
        let mut tried = Tried::NONE;
        self.tried.iter().for_each(|&instance| tried.push(instance));
        Ask { user: self.user, dice: self.dice, tried, key: self.key.as_deref(), client: self.client }
    }
}

/// A question: the name of the function, and its arguments but `now`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "each is a function of `Proxy` or `Controller`, with its arguments by their names there"
)]
pub enum Question {
    /// [`Proxy::new`]
    Begin,
    /// [`Proxy::list`]
    List { instance: InstanceId, version: VersionId, level: u8, known: bool },
    /// [`Proxy::unlist`]
    Unlist { instance: InstanceId },
    /// [`Proxy::set_share`]
    SetShare { share: Share },
    /// [`Proxy::pick`]
    Pick { ask: Asked },
    /// [`Proxy::enter`]
    Enter { ask: Asked, cookie: Option<InstanceId>, ticket: Ticket },
    /// [`Proxy::pick_hedge`]
    PickHedge { ask: Asked },
    /// [`Proxy::pick_mirror`]
    PickMirror { ask: Asked },
    /// [`Proxy::finish`]
    Finish { pick: Pick, ending: Ending, attempts: u8, dice: u64 },
    /// [`Proxy::finish_mirror`]
    FinishMirror { pick: Pick, ending: Ending, dice: u64 },
    /// [`Proxy::forgo`]
    Forgo,
    /// [`Proxy::probed`]
    Probed { instance: InstanceId, well: bool },
    /// [`Proxy::tick`]
    Tick,
    /// [`Proxy::report`]
    Report { instance: InstanceId, report: Report },
    /// [`Proxy::call_next`]
    CallNext { freed: Option<InstanceId> },
    /// [`Proxy::leave`]
    Leave { turn: Turn },
    /// [`Controller::handle`]
    Handle { input: Input },
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Nothing is answered to this question.
    None,
    /// To a request that came in.
    Entry(Entry),
    /// To a request for an instance.
    Pick(Result<Pick, Refusal>),
    /// To the end of an attempt.
    Next(Next),
    /// To the result of a check: when the next one is.
    Check(Option<Span>),
    /// To a free place: who gets it.
    Called(Option<(Ticket, Pick)>),
    /// To news for the controller.
    Orders(Vec<Order>),
}

/// What a fresh core is made of.
#[derive(Clone, Debug)]
pub struct Origin {
    /// How each proxy treats the instances.
    pub policy: Policy,
    /// The new version, and how requests are split.
    pub split: Option<(VersionId, Split)>,
    /// Where the proxies' chance comes from.
    pub seed: Seed,
    /// What the controller is told once.
    pub setup: Setup,
    /// What it rolls out.
    pub strategy: Option<Strategy>,
}

/// A fresh core that is asked what another one was asked.
#[derive(Clone, Debug)]
pub struct Replay {
    origin: Origin,
    proxies: Vec<Asking>,
    controller: Controller,
}

/// A proxy that is asked again, and what may be asked of it.
#[derive(Clone, Debug)]
struct Asking {
    proxy: Proxy,
    /// Attempts that were picked and have not ended.
    under_way: u64,
    /// Retries that were allowed and not made yet.
    allowed: u64,
}

/// Why a record cannot be replayed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// The fresh core answers something else.
    #[error("answered {found:?}")]
    Other {
        /// What it answers.
        found: Box<Answer>,
    },
    /// Nobody of this name has begun.
    #[error("asked a proxy that has not begun")]
    Nobody,
    /// The question cannot have been asked: it speaks of something that never was.
    #[error("asked of something that never was")]
    Impossible,
    /// The question is not one for this unit.
    #[error("asked the wrong unit")]
    Wrong,
}

impl Replay {
    /// A core in which nothing has happened yet.
    pub fn new(origin: Origin) -> Replay {
        let controller = Controller::new(origin.setup.clone(), origin.strategy.clone());
        Replay { origin, proxies: Vec::new(), controller }
    }

    /// Asks again, and compares.
    ///
    /// # Errors
    /// What differs.
    pub fn check(&mut self, record: &Record) -> Result<(), Mismatch> {
        let found = self.ask(record)?;
        if found == record.answer { Ok(()) } else { Err(Mismatch::Other { found: Box::new(found) }) }
    }

    fn ask(&mut self, record: &Record) -> Result<Answer, Mismatch> {
        match (record.unit, &record.question) {
            (Unit::Controller, Question::Handle { input }) => {
                if !self.may_hear(*input) {
                    return Err(Mismatch::Impossible);
                }
                let mut orders = Vec::new();
                self.controller.handle(record.at, *input, &mut orders);
                Ok(Answer::Orders(orders))
            }
            (Unit::Controller, _) | (Unit::Proxy(_), Question::Handle { .. }) => Err(Mismatch::Wrong),
            (Unit::Proxy(number), Question::Begin) if usize::from(number) == self.proxies.len() => {
                let Origin { policy, split, seed, .. } = &self.origin;
                let proxy = Proxy::new(record.at, policy.clone(), *split, *seed, number);
                self.proxies.push(Asking { proxy, under_way: 0, allowed: 0 });
                Ok(Answer::None)
            }
            (Unit::Proxy(number), question) => {
                let asking = self.proxies.get_mut(usize::from(number)).ok_or(Mismatch::Nobody)?;
                if !asking.may_answer(question) {
                    return Err(Mismatch::Impossible);
                }
                let answer = ask_proxy(&mut asking.proxy, record.at, question).ok_or(Mismatch::Wrong)?;
                asking.note(question, &answer);
                Ok(answer)
            }
        }
    }

    /// Whether the instance that the news is about was ever launched.
    fn may_hear(&self, input: Input) -> bool {
        match input {
            Input::Ready(instance) | Input::Lost(instance) | Input::Gone(instance) | Input::Crashed(instance) => {
                instance.0 < self.controller.fleet().launched()
            }
            Input::Deploy
            | Input::Sample(_)
            | Input::Promote
            | Input::Abort
            | Input::Pause
            | Input::Resume
            | Input::Scale(_)
            | Input::Deadline => true,
        }
    }
}

impl Asking {
    /// A journal may be damaged: what would break a promise of the core is not asked.
    fn may_answer(&self, question: &Question) -> bool {
        let possible =
            |ask: &Asked| ask.tried.len() <= usize::from(MAX_RETRIES) && (ask.tried.is_empty() || self.allowed > 0);
        match question {
            Question::List { level, .. } => usize::from(*level) < LEVELS,
            Question::Pick { ask } | Question::Enter { ask, .. } => possible(ask),
            Question::PickHedge { ask } | Question::PickMirror { ask } => ask.tried.len() <= usize::from(MAX_RETRIES),
            Question::Finish { pick, .. } | Question::FinishMirror { pick, .. } => {
                self.under_way > 0 && !(pick.retry && self.allowed == 0)
            }
            Question::Forgo => self.allowed > 0,
            _ => true,
        }
    }

    fn note(&mut self, question: &Question, answer: &Answer) {
        match (question, answer) {
            (_, Answer::Pick(Ok(_)) | Answer::Entry(Entry::Sent(_)) | Answer::Called(Some(_))) => self.under_way += 1,
            (Question::Finish { .. } | Question::FinishMirror { .. }, _) => self.under_way -= 1,
            _ => {}
        }
        match (question, answer) {
            // A retry that ends and is allowed another leaves as many as there were.
            (Question::Finish { pick, .. }, Answer::Next(Next::RetryAfter(_))) => {
                self.allowed += u64::from(!pick.retry)
            }
            (Question::Finish { pick, .. }, _) => self.allowed -= u64::from(pick.retry),
            (Question::Forgo, _) => self.allowed -= 1,
            (Question::Pick { ask }, Answer::Pick(Err(_)))
            | (Question::Enter { ask, .. }, Answer::Entry(Entry::Refused))
                if !ask.tried.is_empty() =>
            {
                self.allowed -= 1;
            }
            _ => {}
        }
    }
}

fn ask_proxy(proxy: &mut Proxy, now: Moment, question: &Question) -> Option<Answer> {
    Some(match question {
        Question::Begin | Question::Handle { .. } => return None,
        Question::List { instance, version, level, known } => {
            proxy.list(now, *instance, *version, *level, *known);
            Answer::None
        }
        Question::Unlist { instance } => {
            proxy.unlist(now, *instance);
            Answer::None
        }
        Question::SetShare { share } => {
            proxy.set_share(*share);
            Answer::None
        }
        Question::Pick { ask } => Answer::Pick(proxy.pick(now, &ask.ask())),
        Question::Enter { ask, cookie, ticket } => Answer::Entry(proxy.enter(now, &ask.ask(), *cookie, *ticket)),
        Question::PickHedge { ask } => Answer::Pick(proxy.pick_hedge(now, &ask.ask())),
        Question::PickMirror { ask } => Answer::Pick(proxy.pick_mirror(now, &ask.ask())),
        Question::Finish { pick, ending, attempts, dice } => {
            Answer::Next(proxy.finish(now, *pick, *ending, *attempts, *dice))
        }
        Question::FinishMirror { pick, ending, dice } => {
            proxy.finish_mirror(now, *pick, *ending, *dice);
            Answer::None
        }
        Question::Forgo => {
            proxy.forgo();
            Answer::None
        }
        Question::Probed { instance, well } => Answer::Check(proxy.probed(now, *instance, *well)),
        Question::Tick => {
            proxy.tick(now);
            Answer::None
        }
        Question::Report { instance, report } => {
            proxy.report(now, *instance, report);
            Answer::None
        }
        Question::CallNext { freed } => Answer::Called(proxy.call_next(now, *freed)),
        Question::Leave { turn } => {
            proxy.leave(*turn);
            Answer::None
        }
    })
}
