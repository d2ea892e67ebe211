//! Which users met the new version, which were harmed by it, and who went back and forth.

use crate::core::ids::UserId;

const SAW_NEW_LAST: u8 = 1;
const EXPOSED: u8 = 2;
const HARMED: u8 = 4;

/// One byte of history per user.
#[derive(Clone, Debug)]
pub struct Users {
    history: Vec<u8>,
    exposed: u64,
    harmed: u64,
    flips: u64,
}

impl Users {
    /// Nobody has seen anything yet.
    pub fn new(count: u32) -> Users {
        Users { history: vec![0; count as usize], exposed: 0, harmed: 0, flips: 0 }
    }

    /// The user got an answer from the new version or the old one.
    #[inline]
    pub fn saw(&mut self, user: UserId, new: bool) {
        let history = &mut self.history[user.index()];
        if new {
            *history |= SAW_NEW_LAST;
        } else if *history & SAW_NEW_LAST != 0 {
            *history &= !SAW_NEW_LAST;
            self.flips += 1;
        }
    }

    /// A request of the user had an attempt on the new version.
    pub fn expose(&mut self, user: UserId) {
        let history = &mut self.history[user.index()];
        self.exposed += u64::from(*history & EXPOSED == 0);
        *history |= EXPOSED;
    }

    /// A request of the user was bad because of the new version.
    pub fn harm(&mut self, user: UserId) {
        let history = &mut self.history[user.index()];
        self.harmed += u64::from(*history & HARMED == 0);
        *history |= HARMED;
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
            users.saw(user, new);
        }
        for _ in 0..3 {
            users.expose(user);
            users.harm(user);
        }
        assert_eq!((users.flips(), users.exposed(), users.harmed()), (2, 1, 1));
    }
}
