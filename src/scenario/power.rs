//! Powers of two with any exponent: log-normal laws need one for each draw.
//!
//! The C library's `exp` took an eighth of a run, and gives other last digits on other machines. This is the usual method
//! (Tang, "Table-driven implementation of the exponential function", 1989): whole parts go into the exponent of the number,
//! sixty-fourths come from a table, and a short series does the rest, right to the last digit or the one before it.

use std::f64::consts::LN_2;

const PARTS: usize = 64;
/// A number so large that its last bits count sixty-fourths.
const ROUNDER: f64 = 1.5 * (1_u64 << 52) as f64 / PARTS as f64;
/// Bits of an `f64` below its exponent.
const FRACTION_BITS: u32 = 52;
/// 2^(n/64).
const TABLE: [f64; PARTS] = table();
/// ln(2)^n / n!, from n = 1.
const SERIES: [f64; 5] = series();

/// 2 to the power of `x`, which lies between −1,000 and 1,000.
#[inline(always)]
pub fn two_to(x: f64) -> f64 {
    let rounded = x + ROUNDER;
    let (bits, left) = (rounded.to_bits(), x - (rounded - ROUNDER));
    let [c1, c2, c3, c4, c5] = SERIES;
    // In pairs, which a processor works on at once: a request has to wait for this.
    let square = left * left;
    let series = (1.0 + c1 * left) + square * ((c2 + c3 * left) + square * (c4 + c5 * left));
    let whole = bits >> PARTS.trailing_zeros() << FRACTION_BITS;
    f64::from_bits(TABLE[bits as usize % PARTS].to_bits().wrapping_add(whole)) * series
}

const fn series() -> [f64; 5] {
    let mut series = [LN_2; 5];
    let mut n = 1;
    while n < series.len() {
        series[n] = series[n - 1] * LN_2 / (n as f64 + 1.0);
        n += 1;
    }
    series
}

const fn table() -> [f64; PARTS] {
    let mut table = [1.0; PARTS];
    let mut part = 0;
    while part < PARTS {
        table[part] = slowly(part as f64 / PARTS as f64);
        part += 1;
    }
    table
}

/// 2^x for x in [0, 1), from the last term of the series to the first.
const fn slowly(x: f64) -> f64 {
    let mut sum = 1.0;
    let mut n = 24;
    while n > 0 {
        sum = 1.0 + x * LN_2 / n as f64 * sum;
        n -= 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_the_standard_library() {
        for step in -1_000_000..=1_000_000 {
            let x = f64::from(step) * 1e-3 + 1e-7;
            let (ours, theirs) = (two_to(x), x.exp2());
            assert!((ours / theirs - 1.0).abs() < 4.0 * f64::EPSILON, "2^{x}: {ours:e} instead of {theirs:e}");
        }
    }

    #[test]
    fn whole_powers_are_exact() {
        assert!((-1_000..=1_000).all(|n| two_to(f64::from(n)) == f64::from(n).exp2()));
    }
}
