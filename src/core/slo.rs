//! The objective, its error budget, burn rates and the alerts built on them.

use crate::core::amount::Share;
use crate::core::time::Span;

/// A service level objective on good user requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Share of good requests promised; below 1.
    pub objective: Share,
    /// The period over which it is promised.
    pub window: Span,
    /// Requests in the window; `None`: extrapolated from the measured mean rate.
    pub requests: Option<f64>,
    /// For the other way to count: share of good time slices.
    pub timeslice: TimeSlice,
}

/// A time slice is good when at least `target` of its requests are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeSlice {
    pub length: Span,
    pub target: Share,
}
