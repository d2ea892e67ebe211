//! What a configuration became: the core behind its lock, the instances, the controller, and what was measured.

use crate::core::amount::Share;
use crate::core::draw::Family;
use crate::core::ids::{InstanceId, VersionId};
use crate::core::journal::{Front, Pilot, Witness};
use crate::core::proxy::Ending;
use crate::core::rollout::{Input, Phase, Sample, Split, Strategy, Tally};
use crate::core::time::{Moment, Span};
use crate::live::clock::Clock;
use crate::live::proxy::metrics::{Meters, Metrics};
use crate::live::proxy::{orders, probe, tell};
use crate::scenario::config::{Backend, Config};
use crate::scenario::origin;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::Notify;

/// Announcements that the status shows.
const ANNOUNCED_MAX: usize = 100;

/// One address at work.
pub(super) struct Member {
    pub instance: InstanceId,
    pub backend: Backend,
    pub in_flight: AtomicU32,
    /// Nothing is under way there any more.
    pub idle: Notify,
    /// The controller wants it in the endpoints.
    pub published: AtomicBool,
    /// Somebody took it out by hand.
    pub held: AtomicBool,
    /// It has left for good; its address may be used again.
    pub gone: AtomicBool,
    pub meters: Meters,
}

/// Counters of one version, as a controller sees them.
#[derive(Default)]
struct Counted {
    attempts: AtomicU64,
    failed: AtomicU64,
    slow: AtomicU64,
}

/// How far the rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// Nobody has asked for it.
    NotBegun,
    /// Its last announcement.
    UnderWay(Phase),
    /// How it ended.
    Ended(Phase),
}

/// The controller and what goes with it; one lock, so that what is asked and what is done belong together.
pub(super) struct Helm {
    pub pilot: Pilot,
    pub course: Course,
    /// The new version's share of the requests.
    pub share: Share,
    /// When, where, and why.
    pub announced: VecDeque<(Moment, Phase, String)>,
    /// Launches for which no address was free.
    pub waiting: VecDeque<(InstanceId, VersionId)>,
}

pub(super) struct Desk {
    pub config: Config,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub luck: Family,
    pub requests: AtomicU64,
    /// `None`: requests are not split.
    pub split: Option<Split>,
    /// An attempt that takes longer counts as slow.
    pub slow_above: Option<Span>,
    front: Mutex<Front>,
    /// The core may have to be woken earlier than before.
    pub changed: Notify,
    /// In the order of their numbers; `None`: waits for an address.
    members: RwLock<Vec<Option<Arc<Member>>>>,
    counted: [Counted; 2],
    helm: Mutex<Helm>,
    /// The controller may want to be called earlier than before.
    pub steered: Notify,
    /// Another configuration has taken over: whoever works for this one may go.
    pub over: tokio::sync::watch::Sender<bool>,
}

impl Member {
    pub fn address(&self) -> SocketAddr {
        self.backend.address
    }
}

impl Desk {
    /// The core of a configuration, with the instances that serve from the start.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn open(config: Config, metrics: &Arc<Metrics>, witness: Option<Witness>) -> io::Result<Arc<Desk>> {
        let scenario = &config.loaded.scenario;
        let strategy = config.strategy.map(|index| scenario.strategies[index].strategy.clone());
        let origin = origin(scenario, strategy.as_ref());
        let clock = Clock::start()?;
        let front = Front::new(Moment::START, origin.policy, origin.split, origin.seed, 0, witness.clone());
        let pilot = Pilot::new(origin.setup, strategy.clone(), witness);
        let helm = Helm {
            pilot,
            course: Course::NotBegun,
            share: Share::NONE,
            announced: VecDeque::new(),
            waiting: VecDeque::new(),
        };
        let desk = Arc::new(Desk {
            luck: scenario.seed.family("request"),
            requests: AtomicU64::new(0),
            split: origin.split.map(|(_, split)| split),
            slow_above: strategy.as_ref().and_then(Strategy::slow_above),
            clock,
            metrics: Arc::clone(metrics),
            front: Mutex::new(front),
            changed: Notify::new(),
            members: RwLock::default(),
            counted: Default::default(),
            helm: Mutex::new(helm),
            steered: Notify::new(),
            over: tokio::sync::watch::Sender::new(false),
            config,
        });
        desk.seat();
        Ok(desk)
    }

    /// The instances of the start: all of the version that serves, and of the others too where nobody else starts them.
    fn seat(self: &Arc<Desk>) {
        let running = self.config.loaded.scenario.running;
        let by_hand = self.config.by_hand;
        let backends = self.config.backends.iter();
        for backend in backends.filter(|backend| backend.version == running || by_hand.is_some()) {
            let member = self.join(self.members().len() as u32, *backend);
            self.publish(&member, true, true);
        }
        if let Some(share) = by_hand {
            self.weigh(&mut self.helm(), share);
        }
    }

    /// Begins what goes on beside the requests.
    pub fn begin(self: &Arc<Desk>) {
        for member in self.members() {
            tokio::spawn(probe::look_once(Arc::clone(self), member));
        }
        let policy = &self.config.loaded.scenario.proxies.policy;
        if policy.breaker.is_some() || policy.ejection.is_some() {
            tokio::spawn(orders::wake(Arc::clone(self)));
        }
        if self.config.strategy.is_some() && self.config.by_hand.is_none() {
            tokio::spawn(orders::steer(Arc::clone(self)));
            tokio::spawn(orders::scrape(Arc::clone(self)));
        }
    }

    /// Puts an address to work.
    pub fn join(&self, instance: u32, backend: Backend) -> Arc<Member> {
        let version = self.version_name(backend.version);
        let member = Arc::new(Member {
            instance: InstanceId(instance),
            backend,
            in_flight: AtomicU32::new(0),
            idle: Notify::new(),
            published: AtomicBool::new(false),
            held: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            meters: self.metrics.of(version, &backend.address.to_string()),
        });
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let place = instance as usize;
        if members.len() <= place {
            members.resize(place + 1, None);
        }
        members[place] = Some(Arc::clone(&member));
        member
    }

    /// Everybody who has an address.
    pub fn members(&self) -> Vec<Arc<Member>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).iter().flatten().cloned().collect()
    }

    pub fn member(&self, instance: InstanceId) -> Option<Arc<Member>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).get(instance.index())?.clone()
    }

    /// Asks the core; `now` is read while nobody else can ask.
    pub fn ask<T>(&self, question: impl FnOnce(&mut Front, Moment) -> T) -> T {
        let mut front = self.front.lock().unwrap_or_else(PoisonError::into_inner);
        question(&mut front, self.clock.now())
    }

    /// Whether an instance is in the endpoints.
    pub fn lists(&self, instance: InstanceId) -> bool {
        self.ask(|front, _| front.proxy().lists(instance))
    }

    pub fn helm(&self) -> MutexGuard<'_, Helm> {
        self.helm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The controller wants an instance in the endpoints, or out of them; `known`: it has long been well.
    pub fn publish(self: &Arc<Desk>, member: &Arc<Member>, listed: bool, known: bool) {
        member.published.store(listed, Ordering::SeqCst);
        self.list(member, known);
    }

    /// Makes the endpoints what the controller and people want.
    pub fn list(self: &Arc<Desk>, member: &Arc<Member>, known: bool) {
        let wanted = member.published.load(Ordering::SeqCst) && !member.held.load(Ordering::SeqCst);
        let (instance, backend) = (member.instance, member.backend);
        let changed = self.ask(|front, now| {
            if front.proxy().lists(instance) == wanted {
                return false;
            }
            if wanted {
                // Whoever serves since the start has done so for long.
                let since = if known { Moment::START } else { now };
                front.list(since, instance, backend.version, backend.priority, known);
            } else {
                front.unlist(now, instance);
            }
            true
        });
        member.meters.listed.set(i64::from(wanted));
        self.changed.notify_one();
        if changed && wanted && self.config.loaded.scenario.proxies.policy.checks.is_some() {
            tokio::spawn(probe::check(Arc::clone(self), Arc::clone(member)));
        }
    }

    /// The new version gets another share of the requests.
    pub fn weigh(&self, helm: &mut Helm, share: Share) {
        helm.share = share;
        self.metrics.share.set((share.value() * 1e6).round() as i64);
        self.ask(|front, now| front.set_share(now, share));
    }

    /// Tells the controller what happened, and carries out what it orders.
    pub fn inform(self: &Arc<Desk>, input: Input) {
        let mut helm = self.helm();
        self.inform_held(&mut helm, input);
    }

    /// As [`Desk::inform`], for whoever holds the helm already.
    pub fn inform_held(self: &Arc<Desk>, helm: &mut Helm, input: Input) {
        let mut list = Vec::new();
        helm.pilot.handle(self.clock.now(), input, &mut list);
        for order in list {
            orders::carry_out(self, helm, order);
        }
        self.steered.notify_one();
    }

    /// An announcement of the controller: to the status, and to whoever runs the proxy.
    pub fn announce(&self, helm: &mut Helm, phase: Phase, reason: &str) {
        tell(&format!("{}: {phase}: {reason}", self.config.run()));
        helm.course = if phase.is_final() { Course::Ended(phase) } else { Course::UnderWay(phase) };
        if helm.announced.len() == ANNOUNCED_MAX {
            helm.announced.pop_front();
        }
        helm.announced.push_back((self.clock.now(), phase, reason.to_owned()));
    }

    /// An attempt at `version` ended.
    pub fn count(&self, version: VersionId, failed: bool, slow: bool) {
        let new = self.config.loaded.scenario.rollout.is_some_and(|rollout| rollout.to == version);
        let counted = &self.counted[usize::from(new)];
        counted.attempts.fetch_add(1, Ordering::Relaxed);
        counted.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        counted.slow.fetch_add(u64::from(slow), Ordering::Relaxed);
    }

    /// What was measured since the start, of the old and the new version.
    pub fn tallies(&self) -> [Tally; 2] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [0, 1].map(|version| {
            let counted: &Counted = &self.counted[version];
            // Attempts last: there are never fewer of them than of their kinds.
            let (failed, slow) = (read(&counted.failed), read(&counted.slow));
            Tally { attempts: read(&counted.attempts), failed, slow }
        })
    }

    pub fn sample(&self) -> Sample {
        let [old, new] = self.tallies();
        // Gates that want a fresh baseline are refused when the configuration is read.
        Sample { at: self.clock.now(), new, old, baseline: Tally::default() }
    }

    pub fn version_name(&self, version: VersionId) -> &str {
        &self.config.loaded.scenario.versions[version.index()].name
    }

    /// Requests under way.
    pub fn in_flight(&self) -> u32 {
        self.members().iter().map(|member| member.in_flight.load(Ordering::SeqCst)).sum()
    }
}

/// Whether an ending is the instance's fault.
pub(super) fn is_fault(ending: Ending) -> bool {
    match ending {
        Ending::Served | Ending::Abandoned => false,
        Ending::Error | Ending::Refused | Ending::Reset | Ending::TimedOut => true,
    }
}
