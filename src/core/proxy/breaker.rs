//! Failures in a row take an instance out for a growing while; then a single attempt decides (linkerd2-proxy's
//! consecutive-failure accrual, `app/outbound/src/http/breaker/consecutive_failures.rs`; Finagle's is of the same kind).

use crate::core::amount::Share;
use crate::core::draw::unit;
use crate::core::proxy::Ending;
use crate::core::time::{Moment, Span};

/// When failures in a row take an instance out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breaker {
    /// Failures in a row that take an instance out; at least 1.
    pub failures: u32,
    /// How long the first time; doubled each time the attempt on probation fails.
    pub penalty: Span,
    /// Never longer than this, jitter aside.
    pub penalty_max: Span,
    /// A penalty is lengthened by up to this share of itself.
    pub jitter: Share,
}

/// Where one instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accrual {
    /// Gets attempts; so many failed in a row.
    Closed { failures: u32 },
    /// Gets none until then, for the `round`th time in a row.
    Open { until: Moment, round: u32 },
    /// May get a single attempt, or has it.
    Probation { round: u32 },
}

impl Accrual {
    pub const NEW: Accrual = Accrual::Closed { failures: 0 };

    /// An attempt ended. Answers when it is over if that breaks the circuit.
    pub fn note(&mut self, now: Moment, ending: Ending, breaker: Breaker, dice: u64) -> Option<Moment> {
        let failed = ending.failed()?;
        let round = match *self {
            // An attempt from before the break says nothing about the instance as it is now.
            Accrual::Open { .. } => return None,
            Accrual::Closed { .. } | Accrual::Probation { .. } if !failed => {
                *self = Accrual::NEW;
                return None;
            }
            Accrual::Closed { failures } if failures + 1 < breaker.failures => {
                *self = Accrual::Closed { failures: failures + 1 };
                return None;
            }
            Accrual::Closed { .. } => 0,
            Accrual::Probation { round } => round + 1,
        };
        let until = now + breaker.penalty_of(round, dice);
        *self = Accrual::Open { until, round };
        Some(until)
    }

    /// The penalty is over: one attempt may try.
    pub fn probe(&mut self) {
        if let Accrual::Open { round, .. } = *self {
            *self = Accrual::Probation { round };
        }
    }
}

impl Breaker {
    fn penalty_of(&self, round: u32, dice: u64) -> Span {
        let doubled = self.penalty.nanos().saturating_mul(1_u64 << round.min(40));
        let penalty = doubled.min(self.penalty_max.nanos()) as f64;
        Span::from_nanos((penalty * (1.0 + self.jitter.value() * unit(dice))) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKER: Breaker =
        Breaker { failures: 3, penalty: Span::from_secs(1), penalty_max: Span::from_secs(5), jitter: Share::NONE };

    #[test]
    fn penalties_double_up_to_the_largest_and_a_success_forgets_them() {
        let mut accrual = Accrual::NEW;
        let fail = |accrual: &mut Accrual| accrual.note(Moment::START, Ending::Error, BREAKER, 0);
        assert_eq!((fail(&mut accrual), fail(&mut accrual)), (None, None));
        let mut penalties = Vec::new();
        for _ in 0..5 {
            penalties.push(fail(&mut accrual).expect("it breaks").whole_seconds());
            accrual.probe();
        }
        assert_eq!(penalties, [1, 2, 4, 5, 5]);
        assert_eq!(accrual.note(Moment::START, Ending::Served, BREAKER, 0), None);
        assert_eq!(accrual, Accrual::NEW);
    }

    #[test]
    fn a_success_in_between_starts_the_count_again() {
        let mut accrual = Accrual::NEW;
        for ending in [Ending::Error, Ending::Reset, Ending::Served, Ending::Error, Ending::Refused] {
            assert_eq!(accrual.note(Moment::START, ending, BREAKER, 0), None);
        }
        assert_eq!(accrual, Accrual::Closed { failures: 2 });
    }
}
