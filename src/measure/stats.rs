//! Statistics of a few numbers: mean, variance, Student's t, quantiles.
//!
//! The t quantile inverts the regularised incomplete beta function (continued fraction after Lentz; the gamma function
//! after Lanczos, g = 7, nine terms).

/// Share of all samples whose interval is to hold the true mean.
pub const CONFIDENCE: f64 = 0.95;

/// A mean with the bounds of its interval at [`CONFIDENCE`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The mean of the sample.
    pub mean: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

impl Interval {
    /// Of the mean of `values`, after Student; `None` with fewer than two.
    pub fn of(values: &[f64]) -> Option<Interval> {
        let mean = mean(values)?;
        let half = t_quantile(0.5 + CONFIDENCE / 2.0, values.len() as f64 - 1.0)
            * (variance(values)? / values.len() as f64).sqrt();
        Some(Interval { mean, low: mean - half, high: mean + half })
    }

    /// Half of its width.
    pub fn half(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Wholly below zero.
    pub fn is_below_zero(&self) -> bool {
        self.high < 0.0
    }

    /// Wholly above zero.
    pub fn is_above_zero(&self) -> bool {
        self.low > 0.0
    }

    /// Zero itself and nothing else: all values were zero.
    pub fn is_zero(&self) -> bool {
        self.low == 0.0 && self.high == 0.0
    }
}

/// The mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The unbiased variance of a sample; `None` with fewer than two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    // Equal values have none, whatever the rounding of their sum.
    if values.iter().all(|value| *value == values[0]) {
        return Some(0.0);
    }
    Some(values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0))
}

/// The value below which the share `p` of `values` lies, between neighbours in proportion (type 7 of Hyndman and Fan);
/// `None` of nothing.
pub fn quantile(values: &[f64], p: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    Some(below + (above - below) * place.fract())
}

/// The quantile of Student's t distribution at `p`, 0.5 to below 1, with `freedom` degrees of freedom, 1 or more.
pub fn t_quantile(p: f64, freedom: f64) -> f64 {
    // P(|T| > t) = I_x(freedom / 2, 1 / 2) with x = freedom / (freedom + t²): falls as t grows.
    let tail = |t: f64| incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5) / 2.0;
    let wanted = 1.0 - p;
    let mut high = 1.0;
    while tail(high) > wanted {
        high *= 2.0;
    }
    let mut low = 0.0;
    // Halving until the two are neighbours.
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if tail(middle) > wanted { low = middle } else { high = middle }
    }
}

/// `I_x(a, b)`, the regularised incomplete beta function.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    // The fraction converges fast on this side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TERMS_MAX: u32 = 10_000;
    let (mut c, mut d) = (1.0, 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for term in 1..=TERMS_MAX {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for numerator in [even, odd] {
            d = 1.0 / not_zero(1.0 + numerator * d);
            c = not_zero(1.0 + numerator / c);
            step = c * d;
            fraction *= step;
        }
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

fn not_zero(value: f64) -> f64 {
    if value.abs() < 1e-300 { 1e-300 } else { value }
}

/// ln Γ(x) for x > 0.
fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const LANCZOS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = (1..9).fold(LANCZOS[0], |sum, at| sum + LANCZOS[at] / (x + at as f64));
    let t = x + G + 0.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, within: f64) -> bool {
        (a - b).abs() <= within
    }

    #[test]
    fn t_quantiles_are_those_of_the_tables() {
        let table = [(4.0, 2.776_445), (9.0, 2.262_157), (19.0, 2.093_024), (29.0, 2.045_230), (99.0, 1.984_217)];
        for (freedom, expected) in table {
            let found = t_quantile(0.975, freedom);
            assert!(close(found, expected, 5e-7), "{freedom} degrees of freedom: {found}, expected {expected}");
        }
        // One degree of freedom is Cauchy's distribution, two have a closed form, and many are a normal one.
        assert!(close(t_quantile(0.975, 1.0), 12.706_204_736, 1e-8));
        assert!(close(t_quantile(0.975, 2.0), 0.95 / (2.0 * 0.975 * 0.025_f64).sqrt(), 1e-10));
        assert!(close(t_quantile(0.975, 1e6), 1.959_966, 1e-5));
        assert!(close(t_quantile(0.5, 7.0), 0.0, 1e-12));
    }

    #[test]
    fn the_interval_of_a_sample_worked_out_by_hand() {
        // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, sum of squares 32, t(7) = 2.364624.
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert!(close(variance(&values).expect("eight values"), 32.0 / 7.0, 1e-12));
        let interval = Interval::of(&values).expect("eight values");
        assert!(close(interval.mean, 5.0, 1e-12));
        assert!(close(interval.half(), 2.364_624 * (32.0 / 7.0 / 8.0_f64).sqrt(), 1e-6), "{interval:?}");
        assert!(interval.is_above_zero() && !interval.is_below_zero());
    }

    #[test]
    fn one_value_has_no_interval_and_equal_ones_have_no_width() {
        assert_eq!((Interval::of(&[1.0]), Interval::of(&[]), mean(&[]), quantile(&[], 0.5)), (None, None, None, None));
        let same = Interval::of(&[0.1; 7]).expect("seven values");
        assert_eq!(same.half(), 0.0);
        assert!(Interval::of(&[0.0; 7]).is_some_and(|zero| zero.is_zero()));
    }

    #[test]
    fn quantiles_lie_between_neighbours_in_proportion() {
        let values = [4.0, 1.0, 3.0, 2.0];
        let found = [0.0, 0.5, 0.95, 1.0].map(|p| quantile(&values, p).expect("four values"));
        assert!(found.iter().zip([1.0, 2.5, 3.85, 4.0]).all(|(a, b)| close(*a, b, 1e-12)), "{found:?}");
    }
}
