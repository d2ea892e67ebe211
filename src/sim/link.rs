//! Client connections that stay open between requests, and what they are pinned to.
//!
//! Behind an L7 proxy a connection pins its user to a proxy, and requests are balanced one by one. Behind an L4 balancer
//! it pins the user to an instance: only opening a connection is balanced, and instances that come later get nothing from
//! those that are open. Each user has one connection, on which requests may overtake each other (HTTP/2).

use crate::core::draw::{further, unit};
use crate::core::ids::{InstanceId, UserId};
use crate::core::proxy::{Ending, Next, Pick};
use crate::core::time::{Moment, Span};
use crate::scenario::plan::{Connections, Layer};
use crate::sim::agenda::Event;
use crate::sim::flight::{Flight, FlightId};
use crate::sim::world::World;

/// One user's connection.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// 0: closed.
    serial: u64,
    /// Connections that this user has opened.
    opened: u64,
    /// The number of the proxy.
    front: u16,
    /// The workers that have it, and where it leads, behind an L4 balancer.
    pinned: Option<(u16, Pick)>,
    expires: Moment,
    used: Moment,
    requests: u32,
}

impl Link {
    /// Never opened.
    pub const CLOSED: Link =
        Link { serial: 0, opened: 0, front: 0, pinned: None, expires: Moment::NEVER, used: Moment::START, requests: 0 };
}

impl World<'_> {
    /// The proxy that a user's next request comes to: that of the connection, or else `drawn`, with a new connection.
    #[inline(never)]
    pub fn front_of(&mut self, user: UserId, drawn: u16) -> u16 {
        let Some(connections) = self.scenario.traffic.connections else { return drawn };
        let link = &self.links[user.index()];
        let worn = connections.requests.is_some_and(|most| link.requests >= most);
        let idle = connections.idle.is_some_and(|idle| self.now.since(link.used) >= idle);
        if link.serial == 0 || worn || idle || self.now >= link.expires {
            self.close(user, Ending::Served);
            self.open(user, drawn, connections);
        }
        let link = &mut self.links[user.index()];
        (link.used, link.requests) = (self.now, link.requests + 1);
        link.front
    }

    /// The first connection of a user was opened some time before, so that ages are spread from the start.
    fn open(&mut self, user: UserId, front: u16, connections: Connections) {
        self.serials += 1;
        let link = &mut self.links[user.index()];
        let draw = unit(further(self.link_luck, u64::from(user.0) << 32 | link.opened));
        let lasts = match connections.age {
            None => None,
            Some(age) if link.opened == 0 => Some(age.scaled(draw)),
            Some(age) => Some(age.scaled(1.0 + connections.jitter.value() * (2.0 * draw - 1.0))),
        };
        *link = Link {
            serial: self.serials,
            opened: link.opened + 1,
            front,
            pinned: None,
            expires: lasts.map_or(Moment::NEVER, |lasts| self.now + lasts),
            used: self.now,
            requests: 0,
        };
        self.plan_link(user);
    }

    /// Only a balancer that counts connections must know at once when one is closed.
    fn plan_link(&mut self, user: UserId) {
        let idle = self.scenario.traffic.connections.and_then(|connections| connections.idle);
        let link = &self.links[user.index()];
        let due = idle.map_or(Moment::NEVER, |idle| link.used + idle).min(link.expires);
        if self.features.pins && due < Moment::NEVER {
            self.agenda.plan(due.max(self.now + Span::from_nanos(1)), Event::LinkDue(user, link.serial));
        }
    }

    /// A connection may be too old, or idle for too long.
    pub fn link_due(&mut self, user: UserId, serial: u64) {
        let link = &self.links[user.index()];
        if link.serial != serial {
            return;
        }
        let idle = self.scenario.traffic.connections.and_then(|connections| connections.idle);
        if self.now >= link.expires || idle.is_some_and(|idle| self.now.since(link.used) >= idle) {
            self.close(user, Ending::Served);
        } else {
            self.plan_link(user);
        }
    }

    /// Closes a user's connection; an L4 balancer learns how, one that sees no answers learns only that.
    fn close(&mut self, user: UserId, ending: Ending) {
        let link = &mut self.links[user.index()];
        link.serial = 0;
        let Some((proxy, pick)) = link.pinned.take() else { return };
        let seen = match self.scenario.proxies.layer {
            Layer::L4 | Layer::L7 => ending,
            Layer::DirectReturn => Ending::Abandoned,
        };
        let dice = further(self.link_luck, self.serials);
        self.proxies[usize::from(proxy)].finish(self.now, pick, seen, 1, dice);
        self.plan_proxy_due(proxy);
    }

    /// Where the user's open connection leads.
    #[inline(never)]
    pub fn pinned_to(&self, user: UserId) -> Option<Pick> {
        self.links.get(user.index())?.pinned.map(|(_, pick)| pick)
    }

    /// The user's connection leads there from now on.
    #[inline(never)]
    pub fn pin(&mut self, user: UserId, proxy: u16, pick: Pick) {
        self.links[user.index()].pinned = Some((proxy, pick));
    }

    /// An attempt over a pinned connection ended: the balancer notices only if the connection broke.
    #[inline(never)]
    pub fn finish_on_link(&mut self, id: FlightId, ending: Ending) -> Next {
        let Flight { number, pick, .. } = self.flights[id];
        let user = self.user_of(number);
        let same = self.pinned_to(user).is_some_and(|pinned| pinned.instance == pick.instance);
        match ending {
            Ending::Refused | Ending::Reset if same => self.close(user, ending),
            Ending::Refused | Ending::Reset => {}
            Ending::Served | Ending::Error | Ending::TimedOut | Ending::Abandoned => {
                let link = &mut self.links[user.index()];
                link.used = link.used.max(self.now);
            }
        }
        Next::Done
    }

    /// An instance closes its connections: politely when it stops accepting, or by going away.
    pub fn close_all_to(&mut self, instance: InstanceId, ending: Ending) {
        for user in (0..self.links.len() as u32).map(UserId) {
            if self.pinned_to(user).is_some_and(|pick| pick.instance == instance) {
                self.close(user, ending);
            }
        }
    }
}
