//! How instances come up, and come up again: the quota, the boot, the readiness probe, crashes and their back-off.

use crate::core::draw::unit;
use crate::core::ids::{InstanceId, VersionId};
use crate::core::rollout::Input;
use crate::core::time::{Moment, Span};
use crate::measure::meter::Stage;
use crate::scenario::plan::{Readiness, Restart};
use crate::sim::agenda::Event;
use crate::sim::server::{Phase, Server};
use crate::sim::world::World;
use rand::Rng;

impl World<'_> {
    /// Launches an instance, or lets it wait while the quota is spent.
    pub fn launch(&mut self, instance: InstanceId, version: VersionId) {
        assert_eq!(instance.index(), self.servers.len(), "instances are numbered in the order of launch");
        self.servers.push(Server::launched(version));
        self.pending.push_back(instance);
        self.admit();
        self.had_to_wait += u32::from(self.servers[instance.index()].phase == Phase::Pending);
    }

    /// Lets those begin who wait for the quota, in the order of launch, as far as it goes.
    pub fn admit(&mut self) {
        let quota = self.scenario.fleet.quota.unwrap_or(u32::MAX);
        while self.existing < quota
            && let Some(instance) = self.pending.pop_front()
        {
            self.existing += 1;
            let server = &mut self.servers[instance.index()];
            server.phase = Phase::Booting;
            self.meter.staged(self.now, server.version, None, Some(Stage::Booting));
            self.boot(instance);
        }
    }

    /// Begins to boot, which ends with the first answer or, where it never becomes ready, with a crash.
    fn boot(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        server.aside.started = self.now;
        let life = server.life;
        let mut stream = self.scenario.seed.stream("boot", u64::from(instance.0) << 32 | u64::from(life));
        server.doomed |= self.behaviours[server.version.index()].never_starts(unit(stream.next_u64()));
        let boot = Span::from_nanos(self.boot.draw(&mut stream));
        let event = if server.doomed { Event::BootFailed { instance, life } } else { Event::Booted { instance, life } };
        self.agenda.plan(self.now + boot, event);
    }

    /// An instance answers, unless it died or was stopped meanwhile. It is ready when the platform has found that out.
    pub fn booted(&mut self, instance: InstanceId, life: u32) {
        let server = &mut self.servers[instance.index()];
        if server.phase != Phase::Booting || server.life != life {
            return;
        }
        server.phase = Phase::Up;
        (server.ready_at, server.plain) = (self.now, false);
        let ready_at = match self.scenario.fleet.readiness {
            None => self.now,
            Some(probe) => nth_probe(self.first_probe(instance, probe), probe.period, self.now, probe.successes),
        };
        if ready_at == self.now {
            self.become_ready(instance);
        } else {
            self.agenda.plan(ready_at, Event::Ready { instance, life });
        }
    }

    /// The last probe succeeded that had to, unless the instance died or was stopped meanwhile.
    pub fn found_ready(&mut self, instance: InstanceId, life: u32) {
        let server = &self.servers[instance.index()];
        if server.phase == Phase::Up && server.life == life && !server.stopping {
            self.become_ready(instance);
        }
    }

    fn become_ready(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        let (version, life) = (server.version, server.life);
        server.ready = true;
        (server.ready_at, server.plain) = (self.now, false);
        self.meter.staged(self.now, version, Some(Stage::Booting), Some(Stage::Ready));
        let min_ready = self.scenario.fleet.min_ready;
        if min_ready.is_zero() {
            self.become_available(instance);
        } else {
            self.agenda.plan(self.now + min_ready, Event::Available { instance, life });
        }
        self.plan_crash(instance, 1.0);
        self.tell(Input::Ready(instance));
    }

    /// Plans the next crash of an instance that is ready, after `part` of the drawn time.
    pub fn plan_crash(&mut self, instance: InstanceId, part: f64) {
        let server = &self.servers[instance.index()];
        let life = server.life;
        let mut stream = self.scenario.seed.stream("crash", u64::from(instance.0) << 32 | u64::from(life));
        if let Some(after) = self.behaviours[server.version.index()].crashes_after(&mut stream) {
            self.agenda.plan(self.now + after.scaled(part), Event::Crash { instance, life });
        }
    }

    /// A ready instance crashes, unless it died or went meanwhile.
    pub fn crash(&mut self, instance: InstanceId, life: u32) {
        let server = &self.servers[instance.index()];
        if matches!(server.phase, Phase::Up | Phase::Finishing) && server.life == life {
            let pause = self.back_off(instance);
            self.die(instance, false, Some(pause));
        }
    }

    /// A boot ended with a crash, unless the instance was stopped meanwhile.
    pub fn boot_failed(&mut self, instance: InstanceId, life: u32) {
        let server = &mut self.servers[instance.index()];
        if server.phase != Phase::Booting || server.life != life {
            return;
        }
        server.phase = Phase::Dead;
        server.life += 1;
        let pause = self.back_off(instance);
        self.agenda.plan(self.now + pause, Event::Restart(instance));
        self.tell(Input::Crashed(instance));
    }

    /// How long an instance that crashes now pauses before it starts again.
    fn back_off(&mut self, instance: InstanceId) -> Span {
        let restart = self.scenario.fleet.restart;
        let server = &mut self.servers[instance.index()];
        if server.aside.started == Moment::NEVER || self.now.since(server.aside.started) >= restart.reset {
            server.crashes = 0;
        }
        server.crashes += 1;
        pause(restart, server.crashes)
    }

    /// An instance that died begins to boot again, unless it was told to stop meanwhile.
    pub fn restart(&mut self, instance: InstanceId) {
        let server = &mut self.servers[instance.index()];
        if server.phase == Phase::Dead {
            server.phase = Phase::Booting;
            self.boot(instance);
        }
    }

    /// Plans when the readiness probe finds out about an instance that has just died and hangs.
    pub fn plan_unready(&mut self, instance: InstanceId) {
        let Some(probe) = self.scenario.fleet.readiness else { return };
        let last = nth_probe(self.first_probe(instance, probe), probe.period, self.now, probe.failures);
        let life = self.servers[instance.index()].life;
        self.agenda.plan(last + probe.timeout, Event::Unready { instance, life });
    }

    /// The last probe failed that had to, unless the instance answers again by now.
    pub fn found_unready(&mut self, instance: InstanceId, life: u32) {
        let server = &self.servers[instance.index()];
        if matches!(server.phase, Phase::Dead | Phase::Booting) && server.life == life {
            self.tell(Input::Lost(instance));
        }
    }

    /// When an instance was or will be probed first in this life. Those that were there before the start are at a random
    /// phase of the period.
    fn first_probe(&self, instance: InstanceId, probe: Readiness) -> Moment {
        match self.servers[instance.index()].aside.started {
            Moment::NEVER => {
                let mut stream = self.scenario.seed.stream("readiness", u64::from(instance.0));
                Moment::START + probe.period.scaled(unit(stream.next_u64()))
            }
            started => started + probe.initial_delay,
        }
    }
}

/// The `count`th probe from `now` on, of those at `first` and every `period` after.
fn nth_probe(first: Moment, period: Span, now: Moment, count: u32) -> Moment {
    let passed = now.since(first).nanos().div_ceil(period.nanos());
    first + Span::from_nanos(period.nanos().saturating_mul(passed + u64::from(count - 1)))
}

/// The pause after so many crashes, of which there is at least one.
fn pause(restart: Restart, crashes: u32) -> Span {
    let factor = 1_u64.checked_shl(crashes - 1).unwrap_or(u64::MAX);
    Span::from_nanos(restart.first.nanos().saturating_mul(factor)).min(restart.max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_ten_seconds_to_five_minutes() {
        let seconds = Span::from_secs;
        let restart = Restart { first: seconds(10), max: seconds(300), reset: seconds(600) };
        let pauses: Vec<u64> = (1..=8).map(|crashes| pause(restart, crashes).whole_seconds()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(pause(restart, u32::MAX), restart.max);
    }

    fn at(second: u64) -> Moment {
        Moment::START + Span::from_secs(second)
    }

    #[test]
    fn probes_are_on_a_grid_that_begins_with_the_instance() {
        let period = Span::from_secs(10);
        let cases = [
            // An instance that answers after 7 s is found at 15 s by probes at 5 s, 15 s, 25 s.
            ((5, 7, 1), 15),
            ((5, 15, 1), 15),
            ((5, 7, 3), 35),
            ((0, 0, 1), 0),
            // The first probe comes after the first answer: it counts, and so do those after it.
            ((30, 7, 2), 40),
        ];
        for ((first, now, count), expected) in cases {
            assert_eq!(nth_probe(at(first), period, at(now), count), at(expected), "{first} {now} {count}");
        }
    }
}
