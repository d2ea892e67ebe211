//! The canary judge of Spinnaker's Kayenta (`NetflixACAJudge`): each metric is classified by a Mann–Whitney test with a
//! tolerance, groups of metrics are scored, and the score passes or not.

use super::ranks::{self, Shift};

/// Which way a metric may not go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Up.
    Increase,
    /// Down.
    Decrease,
    /// Neither.
    #[default]
    Either,
}

/// What becomes of points without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// They are left out; a metric without any left has no data.
    #[default]
    Remove,
    /// They count as zero; a metric without any passes.
    Replace,
}

/// How large a shift is in practice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// Mean of the experiment / mean of the control; 1 is none.
    MeanRatio,
    /// Probability that a value of the experiment is the larger one (common language effect size); 0.5 is none.
    Cles,
}

/// How a metric is classified.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Of the estimated shift: an interval beyond this part of it is too far.
    pub tolerance: f64,
    /// Of the interval of the shift.
    pub confidence: f64,
    /// Which way is bad.
    pub direction: Direction,
    /// Points without a value.
    pub missing: Missing,
    /// Values beyond so many interquartile ranges are left out; `None`: kept.
    pub outliers: Option<f64>,
    /// A metric without data fails.
    pub must_have_data: bool,
    /// How effects are measured.
    pub effect: Effect,
    /// Effects from which on a rise, and down to which a fall, matter.
    pub allowed: (f64, f64),
}

impl Default for Rules {
    /// Kayenta's.
    fn default() -> Rules {
        Rules {
            tolerance: 0.25,
            confidence: 0.98,
            direction: Direction::Either,
            missing: Missing::Remove,
            outliers: None,
            must_have_data: false,
            effect: Effect::MeanRatio,
            allowed: (1.0, 1.0),
        }
    }
}

/// What a metric is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Not clearly different.
    Pass,
    /// Clearly higher.
    High,
    /// Clearly lower.
    Low,
    /// Nothing to judge.
    Nodata,
    /// Nothing to judge where there had to be.
    NodataFail,
}

/// A class, and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classified {
    /// The class.
    pub class: Class,
    /// `None` where no test was needed.
    pub shift: Option<Shift>,
    /// `None` where it is undefined.
    pub effect: Option<f64>,
}

impl Rules {
    /// Classifies one metric; a value that is not a number is missing.
    pub fn classify(&self, experiment: &[f64], control: &[f64]) -> Classified {
        let (experiment, control) = (self.clean(experiment), self.clean(control));
        let plainly = |class| Classified { class, shift: None, effect: None };
        if experiment.is_empty() || control.is_empty() {
            return plainly(match (self.must_have_data, self.missing) {
                (true, _) => Class::NodataFail,
                (false, Missing::Remove) => Class::Nodata,
                (false, Missing::Replace) => Class::Pass,
            });
        }
        if same(&experiment, &control) {
            return plainly(Class::Pass);
        }
        let shift = ranks::compare(&experiment, &control, self.confidence);
        let effect = self.effect(&experiment, &control);
        let class = shift.map_or(Class::Pass, |shift| self.class(&shift, effect));
        Classified { class, shift, effect }
    }

    fn class(&self, shift: &Shift, effect: Option<f64>) -> Class {
        let tolerance = self.tolerance * shift.estimate.abs();
        let matters = |test: &dyn Fn(f64) -> bool| effect.is_none_or(test);
        if self.direction != Direction::Decrease && shift.low > tolerance && matters(&|effect| effect >= self.allowed.0)
        {
            Class::High
        } else if self.direction != Direction::Increase
            && shift.high < -tolerance
            && matters(&|effect| effect <= self.allowed.1)
        {
            Class::Low
        } else {
            Class::Pass
        }
    }

    fn clean(&self, values: &[f64]) -> Vec<f64> {
        let kept: Vec<f64> = match self.missing {
            Missing::Remove => values.iter().copied().filter(|value| !value.is_nan()).collect(),
            Missing::Replace => values.iter().map(|value| if value.is_nan() { 0.0 } else { *value }).collect(),
        };
        let Some(factor) = self.outliers.filter(|_| !kept.is_empty()) else { return kept };
        let (low, high) = fences(&kept, factor);
        kept.into_iter().filter(|value| (low..=high).contains(value)).collect()
    }

    fn effect(&self, experiment: &[f64], control: &[f64]) -> Option<f64> {
        match self.effect {
            Effect::MeanRatio => {
                let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
                let (new, old) = (mean(experiment), mean(control));
                (new != 0.0 && old != 0.0).then(|| new / old)
            }
            Effect::Cles => Some(cles(experiment, control)),
        }
    }
}

/// Whether both hold the same values, in any order.
fn same(a: &[f64], b: &[f64]) -> bool {
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    sorted(a) == sorted(b)
}

/// Share of the pairs in which the experiment's value is the larger one; a tie counts half.
pub fn cles(experiment: &[f64], control: &[f64]) -> f64 {
    let pairs = experiment.iter().flat_map(|x| control.iter().map(move |y| x.total_cmp(y)));
    let sum: f64 = pairs.map(|order| f64::from(order as i8 + 1) / 2.0).sum();
    sum / (experiment.len() * control.len()) as f64
}

/// Beyond these a value is an outlier: `factor` interquartile ranges beyond the quartiles, but never within the middle
/// 98 % of the values (Kayenta's `reduceSensitivity`).
fn fences(values: &[f64], factor: f64) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = tukey(percentile(&sorted, 0.25), percentile(&sorted, 0.75), factor);
    (low.min(percentile(&sorted, 0.01)), high.max(percentile(&sorted, 0.99)))
}

/// The fences of Tukey's rule.
pub fn tukey(first_quartile: f64, third_quartile: f64, factor: f64) -> (f64, f64) {
    let range = third_quartile - first_quartile;
    (first_quartile - factor * range, third_quartile + factor * range)
}

/// Of sorted values, between neighbours in proportion (type 7 of Hyndman and Fan).
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

/// Metrics that are scored together.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Of 100; groups without one share what is left equally.
    pub weight: Option<f64>,
    /// Their classes, and whether each is critical.
    pub metrics: Vec<(Class, bool)>,
}

/// The score of all groups, 0 to 100, to two decimals. A group without data is dropped and its weight is lost; a
/// critical metric that fails makes it 0, and so do half the metrics or more without data.
pub fn score(groups: &[Group]) -> f64 {
    let metrics = || groups.iter().flat_map(|group| &group.metrics);
    let fails = |class: Class| matches!(class, Class::High | Class::Low | Class::NodataFail);
    let empty = metrics().filter(|(class, _)| matches!(class, Class::Nodata | Class::NodataFail)).count();
    if metrics().any(|&(class, critical)| critical && fails(class)) || 2 * empty >= metrics().count() {
        return 0.0;
    }
    let stated: f64 = groups.iter().filter_map(|group| group.weight).sum();
    let unstated = groups.iter().filter(|group| group.weight.is_none()).count();
    let share = (100.0 - stated).max(0.0) / unstated.max(1) as f64;
    let sum: f64 = groups.iter().map(|group| group.weight.unwrap_or(share) * group.passing()).sum();
    (sum * 100.0).round() / 100.0
}

impl Group {
    /// Share of the metrics with data that pass; none without data.
    fn passing(&self) -> f64 {
        let judged = self.metrics.iter().filter(|(class, _)| *class != Class::Nodata).count();
        let passing = self.metrics.iter().filter(|(class, _)| *class == Class::Pass).count();
        if judged == 0 { 0.0 } else { passing as f64 / judged as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(rules: Rules, experiment: &[f64], control: &[f64]) -> Class {
        rules.classify(experiment, control).class
    }

    fn loose() -> Rules {
        Rules { tolerance: 0.1, confidence: 0.95, ..Rules::default() }
    }

    #[test]
    fn five_values_above_five_others_are_high() {
        let found = Rules::default().classify(&[6.0, 7.0, 8.0, 9.0, 10.0], &[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(found.class, Class::High);
        assert_eq!(0.25 * found.shift.expect("tested").estimate, 1.25);
    }

    #[test]
    fn kayentas_own_cases() {
        let (high, low) = ([20.0, 22.0, 21.0, 25.0, 30.0], [1.0, 2.2, 1.1, 2.5, 3.0]);
        let allowing = |allowed| Rules { allowed, ..loose() };
        let found = allowing((1.2, 0.8)).classify(&high, &low);
        assert_eq!(found.class, Class::High);
        assert!((found.effect.expect("means") - 12.04).abs() < 0.005);
        assert_eq!(class(allowing((13.0, 1.0)), &high, &low), Class::Pass);
        assert_eq!(class(loose(), &[2.0, 2.0, 2.0, 2.0, 3.0], &[10.0, 20.2, 10.1, 20.5, 30.0]), Class::Low);
        assert_eq!(class(loose(), &[1.0, 1.0, 1.0], &[1.0, 1.0]), Class::Pass);
        assert_eq!(class(loose(), &[], &[1.0, 2.0]), Class::Nodata);
    }

    #[test]
    fn missing_data_is_dropped_replaced_or_held_against_the_canary() {
        let of = |missing, must_have_data| Rules { missing, must_have_data, ..loose() };
        assert_eq!(class(of(Missing::Remove, false), &[f64::NAN], &[1.0]), Class::Nodata);
        assert_eq!(class(of(Missing::Remove, true), &[f64::NAN], &[1.0]), Class::NodataFail);
        assert_eq!(class(of(Missing::Replace, false), &[], &[1.0]), Class::Pass);
        assert_eq!(class(of(Missing::Replace, false), &[f64::NAN, 0.0], &[0.0, 0.0]), Class::Pass);
    }

    #[test]
    fn a_direction_that_does_not_matter_passes() {
        let up = Rules { direction: Direction::Decrease, ..loose() };
        assert_eq!(class(up, &[6.0, 7.0, 8.0, 9.0], &[1.0, 2.0, 3.0, 4.0]), Class::Pass);
    }

    #[test]
    fn outliers_lie_beyond_the_fences() {
        assert_eq!(tukey(50.0, 100.0, 3.0), (-100.0, 250.0));
        let mut values: Vec<f64> = (0..1_000).map(|n| f64::from(n % 10)).collect();
        values.push(1e6);
        let rules = Rules { outliers: Some(3.0), ..Rules::default() };
        assert_eq!(rules.clean(&values).len(), 1_000);
        assert_eq!(Rules::default().clean(&values).len(), 1_001);
    }

    #[test]
    fn common_language_effect_sizes() {
        assert_eq!(cles(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), 0.5);
        assert_eq!(cles(&[1.0, 2.0], &[3.0, 4.0]), 0.0);
    }

    fn group(weight: f64, classes: &[Class]) -> Group {
        Group { weight: Some(weight), metrics: classes.iter().map(|class| (*class, false)).collect() }
    }

    #[test]
    fn scores_are_those_of_kayenta() {
        use Class::{High, Low, Nodata, Pass};
        let one = |classes: &[Class]| score(&[Group { weight: None, ..group(0.0, classes) }]);
        assert_eq!(one(&[Pass, High]), 50.0);
        assert_eq!(one(&[Pass, High, Low]), 33.33);
        let two = |a, first: &[Class], b, second: &[Class]| score(&[group(a, first), group(b, second)]);
        assert_eq!(two(75.0, &[Pass, Pass], 25.0, &[High]), 75.0);
        assert_eq!(two(50.0, &[Pass, High], 50.0, &[High]), 25.0);
        assert_eq!(two(50.0, &[Pass, Nodata], 50.0, &[High]), 50.0);
        assert_eq!(two(15.0, &[High, Low, Pass], 85.0, &[High]), 5.0);
        assert_eq!(two(60.0, &[Pass, Pass, High], 40.0, &[Pass]), 80.0);
        assert_eq!(two(60.0, &[Pass, Pass, High], 40.0, &[Nodata]), 40.0);
        assert_eq!(score(&[Group { weight: None, metrics: vec![(Pass, false), (High, true)] }]), 0.0);
        assert_eq!(one(&[Pass, Nodata]), 0.0);
    }

    #[test]
    fn groups_without_a_weight_share_the_rest() {
        use Class::{High, Pass};
        let open = |class| Group { weight: None, metrics: vec![(class, false)] };
        assert_eq!(score(&[group(60.0, &[Pass]), open(Pass), open(High)]), 80.0);
    }
}
