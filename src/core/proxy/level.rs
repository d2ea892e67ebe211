//! Priority levels, backups, and what happens when too few instances are healthy.
//!
//! Envoy's arithmetic is that of its code (`load_balancer_impl.cc`: `recalculatePerPriorityState`, `distributeLoad`,
//! `recalculatePerPriorityPanic`), in whole percent; its documentation differs from it by a point here and there.

use crate::core::amount::Share;

/// Levels that instances may have; level 0 is the first choice.
pub const LEVELS: usize = 4;

/// Envoy's over-provisioning factor, in percent: a level takes everything until less than 100 / 140 of it is healthy.
const OVERPROVISION: u64 = 140;

/// What a proxy does when too few instances are healthy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AllOut {
    /// Unhealthy instances get nothing; with nobody left the request fails (nginx 502, HAProxy 503).
    Refuse,
    /// When nobody is healthy, everybody counts as healthy (ALB).
    Open,
    /// When fewer than a share are healthy, everybody counts as healthy, or all requests fail (Envoy).
    Panic {
        /// Of the instances of a level.
        below: Share,
        /// Envoy's `fail_traffic_on_panic`.
        fail: bool,
    },
}

/// When instances of a lower level get attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spill {
    /// Only when all of the levels above are out (nginx, HAProxy).
    Strict {
        /// Only the first backup that is up gets any (HAProxy without `allbackups`).
        first_only: bool,
    },
    /// As much as the levels above can no longer take (Envoy).
    Overflow,
}

/// How many instances of each level there are, and how many of them are healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    pub all: [u32; LEVELS],
    pub well: [u32; LEVELS],
}

/// Who of a level may be picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Those who are healthy.
    Well,
    /// Everybody.
    All,
    /// Nobody.
    Nobody,
}

/// What follows from a census: how many percent of the attempts go to each level, and who there may be picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outlook {
    pub loads: [u32; LEVELS],
    pub gates: [Gate; LEVELS],
}

impl Outlook {
    /// Everything to those of level 0 who are healthy.
    pub const PLAIN: Outlook = Outlook { loads: [100, 0, 0, 0], gates: [Gate::Well; LEVELS] };

    pub fn new(census: &Census, all_out: AllOut) -> Outlook {
        let available = availability(census);
        let total = available.iter().sum::<u32>().min(100);
        let loads = distribute(&available, total);
        let AllOut::Panic { below, fail } = all_out else { return Outlook { loads, gates: [Gate::Well; LEVELS] } };
        let panics = panics(census, below, total);
        let in_use = |level: usize| census.all[level] > 0;
        let total_panic = (0..LEVELS).any(in_use) && (0..LEVELS).all(|level| !in_use(level) || panics[level]);
        let open = if fail { Gate::Nobody } else { Gate::All };
        let gates = panics.map(|panic| if panic { open } else { Gate::Well });
        Outlook { loads: if total_panic { by_size(census) } else { loads }, gates }
    }

    /// The level for a request with this `dice`.
    pub fn choose(&self, dice: u64) -> usize {
        let turn = (dice % 100) as u32 + 1;
        let mut sum = 0;
        let reached = |load: &u32| {
            sum += load;
            turn <= sum
        };
        self.loads.iter().position(reached).unwrap_or(0)
    }
}

/// Percent of the whole load that each level can take.
fn availability(census: &Census) -> [u32; LEVELS] {
    let mut available = [0; LEVELS];
    for (level, share) in available.iter_mut().enumerate() {
        let (all, well) = (u64::from(census.all[level]), u64::from(census.well[level]));
        *share = (OVERPROVISION * well).checked_div(all).map_or(0, |percent| percent.min(100) as u32);
    }
    available
}

/// As much as possible to the first levels; what rounding leaves over goes to the first that has any health.
fn distribute(available: &[u32; LEVELS], total: u32) -> [u32; LEVELS] {
    if total == 0 {
        return Outlook::PLAIN.loads;
    }
    let mut left = 100;
    let mut loads = available.map(|share| {
        let load = (share * 100 / total).min(left);
        left -= load;
        load
    });
    let first = available.iter().position(|&share| share > 0).expect("the total is above zero");
    loads[first] += left;
    loads
}

/// No level panics as long as all of them together can take everything.
fn panics(census: &Census, below: Share, total: u32) -> [bool; LEVELS] {
    let mut panics = [false; LEVELS];
    if total < 100 {
        for (level, panic) in panics.iter_mut().enumerate() {
            let (all, well) = (f64::from(census.all[level]), f64::from(census.well[level]));
            *panic = all > 0.0 && well < below.value() * all;
        }
    }
    panics
}

/// In proportion to the number of instances, healthy or not.
fn by_size(census: &Census) -> [u32; LEVELS] {
    let total: u32 = census.all.iter().sum();
    let mut loads = census.all.map(|all| 100 * all / total);
    let first = census.all.iter().position(|&all| all > 0).expect("somebody panics");
    loads[first] += 100 - loads.iter().sum::<u32>();
    loads
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels of a hundred instances with so many percent of them healthy.
    fn census(percents: &[u32]) -> Census {
        let mut census = Census::default();
        for (level, &percent) in percents.iter().enumerate() {
            (census.all[level], census.well[level]) = (100, percent);
        }
        census
    }

    fn panic(percent: f64) -> AllOut {
        AllOut::Panic { below: Share::new(percent / 100.0).expect("a share"), fail: false }
    }

    #[test]
    fn loads_are_those_of_envoys_code_where_its_documentation_differs() {
        let cases: [(&[u32], [u32; LEVELS]); 6] = [
            (&[100, 100], [100, 0, 0, 0]),
            (&[72, 72], [100, 0, 0, 0]),
            (&[5, 65], [8, 92, 0, 0]),
            (&[50, 60], [70, 30, 0, 0]),
            (&[25, 25, 20], [37, 35, 28, 0]),
            (&[0, 100], [0, 100, 0, 0]),
        ];
        for (percents, loads) in cases {
            assert_eq!(Outlook::new(&census(percents), AllOut::Refuse).loads, loads, "{percents:?}");
        }
    }

    #[test]
    fn a_level_below_the_threshold_panics_unless_the_others_make_up_for_it() {
        let gates = |percents: &[u32]| Outlook::new(&census(percents), panic(50.0)).gates;
        assert_eq!(gates(&[50])[0], Gate::Well);
        assert_eq!(gates(&[49])[0], Gate::All);
        assert_eq!(gates(&[5, 65])[..2], [Gate::All, Gate::Well]);
        assert_eq!(gates(&[5, 72])[..2], [Gate::Well, Gate::Well]);
    }

    #[test]
    fn when_every_level_panics_the_load_goes_by_size() {
        let all = [30, 10, 0, 0];
        let outlook = Outlook::new(&Census { all, well: [3, 1, 0, 0] }, panic(50.0));
        assert_eq!(outlook.loads, [75, 25, 0, 0]);
        assert_eq!(Outlook::new(&census(&[50, 60]), panic(50.0)).loads, [70, 30, 0, 0]);
    }

    #[test]
    fn a_panic_may_fail_everything() {
        let fail = AllOut::Panic { below: Share::new(0.5).expect("a share"), fail: true };
        assert_eq!(Outlook::new(&census(&[10]), fail).gates[0], Gate::Nobody);
    }
}
