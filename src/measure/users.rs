//! Which users met the new version, which were harmed by it, and who went back and forth.

use crate::core::ids::UserId;

const SAW_NEW_LAST: u8 = 1;
const EXPOSED: u8 = 2;
const HARMED: u8 = 4;

/// One byte of history per user.
#[derive(Clone, Debug)]
pub struct Users {
    history: Vec<u8>,
    /// Of how many the last answer came from the new version.
    at_new: u64,
    exposed: u64,
    harmed: u64,
    flips: u64,
}

impl Users {
    /// Nobody has seen anything yet.
    pub fn new(count: u32) -> Users {
        Users { history: vec![0; count as usize], at_new: 0, exposed: 0, harmed: 0, flips: 0 }
    }

    fn all(&self) -> u64 {
        self.history.len() as u64
    }

    /// The user got an answer from the new version or the old one. Here and below, nobody asks who it is where that is so for
    /// everybody already.
    #[inline]
    pub fn saw(&mut self, user: impl FnOnce() -> UserId, new: bool) {
        let known = if new { self.at_new == self.all() } else { self.at_new == 0 };
        if known {
            return;
        }
        let history = &mut self.history[user().index()];
        let before = *history & SAW_NEW_LAST != 0;
        if new {
            *history |= SAW_NEW_LAST;
            self.at_new += u64::from(!before);
        } else if before {
            *history &= !SAW_NEW_LAST;
            self.at_new -= 1;
            self.flips += 1;
        }
    }

    /// A request of the user had an attempt on the new version.
    pub fn expose(&mut self, user: impl FnOnce() -> UserId) {
        if self.exposed < self.all() {
            let history = &mut self.history[user().index()];
            self.exposed += u64::from(*history & EXPOSED == 0);
            *history |= EXPOSED;
        }
    }

    /// A request of the user was bad because of the new version.
    pub fn harm(&mut self, user: impl FnOnce() -> UserId) {
        if self.harmed < self.all() {
            let history = &mut self.history[user().index()];
            self.harmed += u64::from(*history & HARMED == 0);
            *history |= HARMED;
        }
    }

    /// Distinct users that met the new version.
    pub fn exposed(&self) -> u64 {
        self.exposed
    }

    /// Distinct users harmed by it.
    pub fn harmed(&self) -> u64 {
        self.harmed
    }

    /// Times a user saw the old version after the new one.
    pub fn flips(&self) -> u64 {
        self.flips
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_count_once_and_flips_each_time() {
        let mut users = Users::new(2);
        let user = UserId(1);
        for new in [false, true, true, false, false, true, false] {
            users.saw(|| user, new);
        }
        for _ in 0..3 {
            users.expose(|| user);
            users.harm(|| user);
        }
        assert_eq!((users.flips(), users.exposed(), users.harmed()), (2, 1, 1));
    }
}
