//! What was promised to the users.

use crate::core::time::Span;
use crate::scenario::entry::{Entry, Named, table, words};
use crate::scenario::units::{Above, Day, FileName, Lasting, Money, Percent, WholeSeconds, Window};

table! {
    /// A service level objective on good requests, and further ones.
    pub struct Slo {
        /// Share of good requests promised; below 100%. 99.9% unless given.
        objective: Option<Percent> = None,
        /// The period over which it is promised: a time for a rolling window, or day, week, month, quarter, year for one
        /// of the calendar. 30d unless given.
        window: Option<Window> = None,
        /// What its budget is made of; requests unless given.
        method: Option<Method> = None,
        /// The time slices it may be counted in.
        timeslice: Option<TimeSlice> = None,
        /// An OpenSLO file that says all that, of one objective or several.
        from: Option<FileName> = None,
        /// The objectives in that file that want an answer within a time, by name; the others are about good answers.
        latency: Named<Lasting> = Entry::fallback(),
        /// The day on which the run takes place, from its midnight on: where a window of the calendar stands.
        today: Option<Day> = None,
        /// Requests in the window; extrapolated from the measured mean rate unless given.
        requests: Option<Above<0>> = None,
        /// Which alerts watch it.
        alerts: Alerts = Alerts::Google30d,
        /// Share of the budget that was spent before the run.
        spent: Percent = Percent::of(0.0),
        /// Further objectives of the service, by name.
        also: Named<Further> = Entry::fallback(),
        /// What one bad request costs; nothing unless given.
        bad_request_price: Option<Money> = None,
        /// When the service counts as down.
        downtime: Downtime = Entry::fallback(),
    }
}

table! {
    /// A further objective.
    pub struct Further {
        /// Share of good requests promised; below 100%.
        objective: Percent,
        /// A request is good only if it is answered well within this time.
        within: Option<Lasting> = None,
        /// The period over which it is promised: a time for a rolling window, or day, week, month, quarter, year for one
        /// of the calendar.
        window: Window = Window::Rolling(WINDOW),
        /// What its budget is made of.
        method: Method = Method::Requests,
        /// The time slices it may be counted in.
        timeslice: TimeSlice = Entry::fallback(),
        /// Requests in the window; extrapolated from the measured mean rate unless given.
        requests: Option<Above<0>> = None,
        /// Which alerts watch it.
        alerts: Alerts = Alerts::Google30d,
        /// Share of the budget that was spent before the run.
        spent: Percent = Percent::of(0.0),
    }
}

/// The window of an objective that has none.
pub(in crate::scenario) const WINDOW: Span = Span::from_secs(30 * 86_400);

words! {
    /// What an error budget is made of.
    pub enum Method {
        /// Bad requests (OpenSLO: Occurrences).
        "requests" => Requests,
        /// Bad slices of time (OpenSLO: Timeslices).
        "time-slices" => TimeSlices,
    }
}

words! {
    /// Which burn-rate alerts watch an objective.
    pub enum Alerts {
        /// The three of Google's workbook.
        "google-30d" => Google30d,
        /// Sloth's four for 30 days.
        "sloth-30d" => Sloth30d,
        /// Sloth's four for 28 days.
        "sloth-28d" => Sloth28d,
        /// Pyrra's four.
        "pyrra" => Pyrra,
        /// Pyrra's four with thresholds that follow the traffic.
        "pyrra-dynamic" => PyrraDynamic,
    }
}

table! {
    /// A slice of time is down when fewer than this share of its requests were good.
    pub struct Downtime {
        /// Length of a slice, in whole seconds.
        slice: WholeSeconds = WholeSeconds(Span::from_secs(1)),
        /// Share of good requests.
        share: Percent = Percent::of(50.0),
    }
}

table! {
    /// A slice of time is good when at least this share of its requests are.
    pub struct TimeSlice {
        /// Length of a slice, in whole seconds.
        length: WholeSeconds = WholeSeconds(Span::from_secs(60)),
        /// Share of good requests.
        target: Percent = Percent::of(95.0),
    }
}
