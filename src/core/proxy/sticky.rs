//! Users who come back to the instance that they were sent to before.

use crate::core::ids::{InstanceId, UserId};
use crate::core::time::{Moment, Span};

/// How a proxy recognises a user, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Who remembers.
    pub by: Affinity,
    /// Forgotten when unused for so long; `None`: never.
    pub lifetime: Option<Span>,
    /// Whether users still go to their instance while it shuts down and is no longer listed (HAProxy's drain state,
    /// Traefik's fenced servers), and not to another one at once.
    pub through_drain: bool,
}

/// Who remembers where a user was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// The client shows a cookie, whichever proxy it comes to.
    Cookie,
    /// Each proxy has a table by client address, which a reload loses.
    Source,
}

/// The table of one proxy.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    by_user: Vec<Option<(InstanceId, Moment)>>,
}

impl Table {
    /// Where the user was last, unless that is too long ago.
    pub fn find(&self, now: Moment, user: UserId, lifetime: Option<Span>) -> Option<InstanceId> {
        let (instance, seen) = (*self.by_user.get(user.index())?)?;
        lifetime.is_none_or(|lifetime| now.since(seen) <= lifetime).then_some(instance)
    }

    pub fn note(&mut self, now: Moment, user: UserId, instance: InstanceId) {
        if self.by_user.len() <= user.index() {
            self.by_user.resize(user.index() + 1, None);
        }
        self.by_user[user.index()] = Some((instance, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_forgotten_after_the_lifetime() {
        let mut table = Table::default();
        table.note(Moment::START, UserId(3), InstanceId(7));
        let lifetime = Some(Span::from_secs(10));
        let at = |second| Moment::START + Span::from_secs(second);
        assert_eq!(table.find(at(10), UserId(3), lifetime), Some(InstanceId(7)));
        assert_eq!(table.find(at(11), UserId(3), lifetime), None);
        assert_eq!(table.find(at(11), UserId(3), None), Some(InstanceId(7)));
        assert_eq!(table.find(at(0), UserId(4), None), None);
    }
}
