//! Reasons not to pick an instance.

/// A set of reasons, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bars(u8);

impl Bars {
    /// No reason.
    pub const NONE: Bars = Bars(0);
    /// Active checks found it down.
    pub const DOWN: Bars = Bars(1);
    /// It was ejected as an outlier.
    pub const EJECTED: Bars = Bars(2);
    /// It failed too often in a row.
    pub const BROKEN: Bars = Bars(4);
    /// No longer listed: only for users who stick to it.
    pub const DRAINING: Bars = Bars(8);
    /// What is thought of its health.
    pub const HEALTH: Bars = Bars(7);
    /// Any reason at all.
    pub const ANY: Bars = Bars(15);

    pub const fn meets(self, other: Bars) -> bool {
        self.0 & other.0 != 0
    }

    pub fn set(&mut self, bar: Bars, on: bool) {
        if on { self.0 |= bar.0 } else { self.0 &= !bar.0 }
    }
}
