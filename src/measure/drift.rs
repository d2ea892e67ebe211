//! How far the new version's share of the requests was from the share that the controller wanted it to have.

use crate::core::amount::Share;

/// Requests since the share was changed last, and the sum over the shares before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drift {
    wanted: Option<Share>,
    /// To other versions, and to the new one.
    sent: [u64; 2],
    sum_all: u64,
    sum_astray: f64,
}

impl Drift {
    /// The controller wants another share; `None`: nothing is split any more.
    pub fn want(&mut self, share: Option<Share>) {
        if let Some(wanted) = self.wanted {
            let [others, new] = self.sent;
            let all = others + new;
            self.sum_all += all;
            self.sum_astray += (new as f64 - wanted.value() * all as f64).abs();
        }
        *self = Drift { wanted: share, sent: [0; 2], ..*self };
    }

    /// A request was sent to the new version, or to another.
    #[inline]
    pub fn routed(&mut self, new: bool) {
        self.sent[usize::from(new)] += 1;
    }

    /// Requests that went astray / all, once the last share has ended; `None`: nothing was split.
    pub fn share(&self) -> Option<f64> {
        (self.sum_all > 0).then(|| self.sum_astray / self.sum_all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_share_counts_by_its_requests() {
        let mut drift = Drift::default();
        drift.routed(true);
        drift.want(Share::new(0.1));
        (0..100).for_each(|number| drift.routed(number < 30));
        drift.want(Share::new(0.5));
        (0..100).for_each(|number| drift.routed(number < 50));
        drift.want(None);
        assert_eq!(drift.share(), Some(20.0 / 200.0));
    }
}
