//! What a proxy is asked, and what it answers.

use crate::core::ids::{InstanceId, UserId, VersionId};
use crate::core::proxy::MAX_RETRIES;
use crate::core::time::Moment;
use serde::{Deserialize, Serialize};

/// A request that needs an instance.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who asks.
    pub user: UserId,
    /// 64 random bits that belong to the request, so that a retry is routed like its first attempt.
    pub dice: u64,
    /// The instances already tried for this request.
    pub tried: Tried,
    /// What hash rules go by; `None`: the number of the user, as text.
    pub key: Option<&'a [u8]>,
    /// Where it comes from; `None`: an address in 10.0.0.0/8 that belongs to the user.
    pub client: Option<Client>,
}

/// The address of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Client {
    /// IPv4.
    V4([u8; 4]),
    /// IPv6.
    V6([u8; 16]),
}

impl Ask<'_> {
    /// A request of `user` that is known by nothing else.
    pub const fn of(user: UserId, dice: u64, tried: Tried) -> Ask<'static> {
        Ask { user, dice, tried, key: None, client: None }
    }

    /// The address it comes from.
    pub fn client(&self) -> Client {
        let [_, b, c, d] = self.user.0.to_be_bytes();
        self.client.unwrap_or(Client::V4([10, b, c, d]))
    }

    /// Calls `hash` with the key.
    pub(super) fn with_key<T>(&self, hash: impl FnOnce(&[u8]) -> T) -> T {
        match self.key {
            Some(key) => hash(key),
            None => {
                let mut digits = [0; 10];
                hash(decimal(self.user.0, &mut digits))
            }
        }
    }
}

/// `number` in decimal, without allocation.
pub(super) fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

/// The instances that a request was sent to, at most one for each attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried {
    instances: [InstanceId; MAX_RETRIES as usize + 1],
    count: u8,
}

impl Tried {
    /// No attempt yet.
    pub const NONE: Tried = Tried { instances: [InstanceId(0); MAX_RETRIES as usize + 1], count: 0 };

    /// One attempt, there.
    pub const fn only(instance: InstanceId) -> Tried {
        let mut tried = Tried::NONE;
        tried.instances[0] = instance;
        tried.count = 1;
        tried
    }

    /// How many attempts there were.
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// Remembers one more attempt; there are never more than [`MAX_RETRIES`] + 1.
    pub fn push(&mut self, instance: InstanceId) {
        self.instances[usize::from(self.count)] = instance;
        self.count += 1;
    }

    /// Where the last attempt went.
    pub fn last(&self) -> Option<InstanceId> {
        self.instances[..usize::from(self.count)].last().copied()
    }

    /// Where the attempts went, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, InstanceId> {
        self.instances[..usize::from(self.count)].iter()
    }

    /// Where they went, each instance once.
    pub(super) fn distinct(&self) -> impl Iterator<Item = InstanceId> + use<'_> {
        let all = self.iter().copied().enumerate();
        all.filter(|&(number, instance)| !self.instances[..number].contains(&instance)).map(|(_, instance)| instance)
    }

    pub(super) fn has(&self, instance: InstanceId) -> bool {
        self.instances[..usize::from(self.count)].contains(&instance)
    }
}

/// The answer to an [`Ask`]; to be given back to [`Proxy::finish`](super::Proxy::finish).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pick {
    /// Where the attempt goes.
    pub instance: InstanceId,
    /// The version it runs.
    pub version: VersionId,
    /// Whether the attempt is a retry, which counts against the budget until it ends.
    pub retry: bool,
    /// When it was picked, from which its latency counts.
    pub at: Moment,
}

/// What an instance says of its own load, with its answers or out of band.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Requests it works on or keeps waiting.
    pub in_flight: u32,
    /// How busy it is: 1 is all it has.
    pub utilisation: f64,
    /// Answers a second.
    pub per_second: f64,
    /// Errors a second.
    pub errors_per_second: f64,
    /// How long an answer takes at its present load, in seconds.
    pub latency_s: f64,
}
