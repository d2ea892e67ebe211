//! What tries new code out without a share of the traffic: copies of requests, for which nobody waits, and a flag that
//! shows the new code to some of the users on instances that have it already.

use crate::core::amount::Share;
use crate::core::draw::{further, unit};
use crate::core::ids::{UserId, VersionId};
use crate::core::proxy::{Ask, Ending, Pick, Tried, place_of};
use crate::scenario::plan::Layer;
use crate::sim::agenda::Event;
use crate::sim::flight::{Flight, FlightId};
use crate::sim::world::World;
use rand::Rng;

/// The share of the users who meet the new code, wherever they go.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    to: VersionId,
    share: Share,
}

impl Flag {
    /// The same pick, as the version that this user meets there.
    #[inline]
    pub fn show(self, user: UserId, pick: Pick) -> Pick {
        if place_of(user) < self.share.value() { Pick { version: self.to, ..pick } } else { pick }
    }
}

impl World<'_> {
    /// The controller wants this share of the users to meet the new code, which is so at once.
    pub fn expose(&mut self, share: Share) {
        let to = self.scenario.rollout.map(|rollout| rollout.to).filter(|_| share > Share::NONE);
        self.flag = to.map(|to| Flag { to, share });
        self.features.look(self.flag.is_some());
        self.meter.shown(self.now, share);
    }

    /// The controller wants this share of the requests copied; every proxy learns of it a listing delay later.
    pub fn order_copies(&mut self, share: Share) {
        for proxy in 0..self.scenario.proxies.count {
            let at = self.news_at(proxy);
            if at == self.now {
                self.learn_mirror(proxy, share);
            } else {
                self.agenda.plan(at, Event::Mirror { proxy, share });
            }
        }
    }

    /// A proxy learns which share of the requests it is to copy.
    pub fn learn_mirror(&mut self, proxy: u16, share: Share) {
        self.mirrors[usize::from(proxy)] = share;
        self.features.mirroring = self.mirrors.iter().any(|&share| share > Share::NONE);
        self.features.look(self.flag.is_some());
    }

    /// The proxy of this number may send a copy of a request that has just come to it. The copy is as much work and meets
    /// the same fate as the request would, and draws nothing that belongs to it.
    #[inline(never)]
    pub fn mirror(&mut self, front: u16, request: Flight) {
        let draw = unit(self.mirror_luck.stream(request.number).next_u64());
        if self.scenario.proxies.layer != Layer::L7 || draw >= self.mirrors[usize::from(front)].value() {
            return;
        }
        let call = self.callers.open(request.number);
        let ask = Ask::of(call.user(), call.dice(), Tried::NONE);
        let Ok(pick) = self.proxies[usize::from(request.proxy)].pick_mirror(self.now, &ask) else { return };
        self.meter.mirrored();
        let id = self.flights.add_mirror(request);
        self.dispatch(id, pick);
    }

    /// The proxy throws the answer to a copy away.
    #[inline(never)]
    pub fn end_mirror(&mut self, id: FlightId) {
        let Flight { number, ending, pick, proxy, .. } = self.flights[id];
        self.attempted(pick, ending != Ending::Served, false);
        self.report(proxy, pick.instance);
        let dice = further(self.dice_of(number), 0);
        self.proxies[usize::from(proxy)].finish_mirror(self.now, pick, ending, dice);
        self.plan_proxy_due(proxy);
        self.flights.remove(id);
        self.call_waiting(proxy, Some(pick.instance));
    }
}
