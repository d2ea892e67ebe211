//! What the control plane knows of its instances.
//!
//! Four facts about an instance must not be confused. It *exists* (costs money), is *ready* (would answer), is *listed*
//! (in a given proxy's endpoints: the proxy knows, not the fleet) and is *available* (ready for long enough that a
//! controller counts it).

use crate::core::ids::{InstanceId, VersionId};
use crate::core::time::{Moment, Span};

/// How far an instance is in its life, as its controller knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Launched and not yet ready, or down and restarting.
    Starting,
    /// Answers since then.
    Ready(Moment),
    /// Ordered to stop.
    Terminating,
    /// No longer exists.
    Gone,
}

/// How many instances of one version there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Wanted: starting or ready.
    pub spec: u32,
    /// Of those, ready.
    pub ready: u32,
    /// Of those, ready for long enough.
    pub available: u32,
    /// Ordered to stop and still there; invisible to Kubernetes' arithmetic.
    pub terminating: u32,
}

/// Every instance that ever was, in the order of launch. What counts or picks instances of a version leaves those of a
/// [baseline](Fleet::launch_baseline) out.
#[derive(Clone, Debug)]
pub struct Fleet {
    members: Vec<Member>,
    min_ready: Span,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    version: VersionId,
    state: State,
    launched: Moment,
    /// Launched beside the others, to be compared with new ones of its age; no part of what is wanted of its version.
    baseline: bool,
}

impl Fleet {
    /// `size` instances of `version` that have been available since the start.
    pub fn new(size: u32, version: VersionId, min_ready: Span) -> Fleet {
        let member = Member { version, state: State::Ready(Moment::START), launched: Moment::START, baseline: false };
        Fleet { members: vec![member; size as usize], min_ready }
    }

    /// What an instance runs.
    pub fn version(&self, instance: InstanceId) -> VersionId {
        self.members[instance.index()].version
    }

    /// Instances ever launched.
    pub fn launched(&self) -> u32 {
        self.members.len() as u32
    }

    /// The state of an instance that was launched.
    pub fn state(&self, instance: InstanceId) -> State {
        self.members[instance.index()].state
    }

    /// Notes a new state.
    pub fn set(&mut self, instance: InstanceId, state: State) {
        self.members[instance.index()].state = state;
    }

    /// Adds an instance that is starting from `now` on.
    pub fn launch(&mut self, now: Moment, version: VersionId) -> InstanceId {
        self.add(Member { version, state: State::Starting, launched: now, baseline: false })
    }

    /// Adds a starting instance to the fresh baseline of a canary: old instances as young as the new ones, which serve beside
    /// the others and never stand in for one of them.
    pub fn launch_baseline(&mut self, now: Moment, version: VersionId) -> InstanceId {
        self.add(Member { version, state: State::Starting, launched: now, baseline: true })
    }

    fn add(&mut self, member: Member) -> InstanceId {
        self.members.push(member);
        InstanceId(self.members.len() as u32 - 1)
    }

    /// Instances of `version` by state at `now`.
    pub fn count(&self, version: VersionId, now: Moment) -> Counts {
        self.count_where(now, |_, of| of == version)
    }

    /// Instances that `counts` by state at `now`.
    pub fn count_where(&self, now: Moment, counted: impl Fn(InstanceId, VersionId) -> bool) -> Counts {
        let members = (0..).map(InstanceId).zip(&self.members).filter(|(_, member)| !member.baseline);
        self.tally(now, members.filter(|(id, member)| counted(*id, member.version)).map(|(_, member)| member))
    }

    /// Instances of the baseline by state at `now`.
    pub fn count_baseline(&self, now: Moment) -> Counts {
        self.tally(now, self.members.iter().filter(|member| member.baseline))
    }

    fn tally<'a>(&self, now: Moment, members: impl Iterator<Item = &'a Member>) -> Counts {
        let mut counts = Counts::default();
        for member in members {
            match member.state {
                State::Starting => counts.spec += 1,
                State::Ready(since) => {
                    counts.spec += 1;
                    counts.ready += 1;
                    counts.available += u32::from(self.available_from(since) <= now);
                }
                State::Terminating => counts.terminating += 1,
                State::Gone => {}
            }
        }
        counts
    }

    /// The wanted instances of `version` in the order in which Kubernetes deletes them: starting before ready, then
    /// youngest first.
    pub fn in_order_of_removal(&self, version: VersionId) -> Vec<InstanceId> {
        self.youngest_first(|member| member.version == version && !member.baseline)
    }

    /// The same of the baseline.
    pub fn baseline_in_order_of_removal(&self) -> Vec<InstanceId> {
        self.youngest_first(|member| member.baseline)
    }

    fn youngest_first(&self, meant: impl Fn(&Member) -> bool) -> Vec<InstanceId> {
        let youngest_first = || self.members.iter().enumerate().rev().filter(|(_, member)| meant(member));
        let starting = youngest_first().filter(|(_, member)| member.state == State::Starting);
        let ready = youngest_first().filter(|(_, member)| matches!(member.state, State::Ready(_)));
        starting.chain(ready).map(|(id, _)| InstanceId(id as u32)).collect()
    }

    /// The next moment after `now` at which a ready instance becomes available.
    pub fn next_available(&self, now: Moment) -> Option<Moment> {
        let ready = self.members.iter().filter_map(|member| match member.state {
            State::Ready(since) => Some(self.available_from(since)),
            State::Starting | State::Terminating | State::Gone => None,
        });
        ready.filter(|&moment| moment > now).min()
    }

    /// The wanted instances of `version` that are not available at `now`: when each was launched.
    pub fn awaited(&self, version: VersionId, now: Moment) -> impl Iterator<Item = Moment> {
        let awaited = move |member: &&Member| match member.state {
            State::Starting => true,
            State::Ready(since) => self.available_from(since) > now,
            State::Terminating | State::Gone => false,
        };
        let members = self.members.iter().filter(move |member| member.version == version && !member.baseline);
        members.filter(awaited).map(|member| member.launched)
    }

    fn available_from(&self, ready_since: Moment) -> Moment {
        if ready_since == Moment::START { Moment::START } else { ready_since + self.min_ready }
    }
}
