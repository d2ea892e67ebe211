//! `--vary PATH=VALUES`: values with commas between them, and whole numbers `6..20` or `6..20/2`.

use std::str::FromStr;

use crate::report::sweep::{Axis, Shard};

/// More values on one axis are a slip of the pen.
const VALUES_MAX: u64 = 1_000_000;

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Axis, String> {
        let expected = "expected PATH=VALUES, e.g. fleet.size=6..20 or strategies.canary.steps[0].share=1%,5%,10%";
        let (path, written) = text.split_once('=').ok_or_else(|| format!("found no `=`, {expected}"))?;
        if path.trim().is_empty() {
            return Err(format!("found no path, {expected}"));
        }
        let values = pieces(written).into_iter().map(|piece| values(piece.trim())).collect::<Result<Vec<_>, _>>()?;
        let values: Vec<String> = values.into_iter().flatten().collect();
        let twice = values.iter().enumerate().find(|(at, value)| values[..*at].contains(value));
        match twice {
            Some((_, value)) => Err(format!("found the value {value} twice on one axis")),
            None => Ok(Axis { path: path.trim().to_owned(), values }),
        }
    }
}

/// Split at commas, but not inside of brackets or quotes.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut begin, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (None, ',') if depth <= 0 => {
                pieces.push(&text[begin..at]);
                begin = at + 1;
            }
            (None, _) => {}
        }
    }
    pieces.push(&text[begin..]);
    pieces
}

/// One value, or every number of a range.
fn values(piece: &str) -> Result<Vec<String>, String> {
    if piece.is_empty() {
        return Err(
            "found an empty value, expected values with commas between them, or a range such as 6..20".to_owned()
        );
    }
    let Some((low, rest)) = piece.split_once("..") else { return Ok(vec![piece.to_owned()]) };
    let (high, step) = rest.split_once('/').unwrap_or((rest, "1"));
    let [low, high, step] = [low, high, step].map(|number| number.trim().parse::<u64>().ok());
    let wrong = || format!("found {piece}, expected a range of whole numbers such as 6..20 or 6..20/2");
    let (low, high, step) =
        (low.ok_or_else(wrong)?, high.ok_or_else(wrong)?, step.filter(|&step| step > 0).ok_or_else(wrong)?);
    if low > high {
        return Err(format!("found the empty range {piece}, expected the smaller number first"));
    }
    if (high - low) / step >= VALUES_MAX {
        return Err(format!("found {piece}, which is more than {VALUES_MAX} values"));
    }
    Ok((low..=high).step_by(step as usize).map(|number| number.to_string()).collect())
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let expected = "expected NUMBER/OF, from 1/OF to OF/OF, e.g. 1/5";
        let (number, of) = text.split_once('/').ok_or_else(|| format!("found {text}, {expected}"))?;
        let [number, of] = [number, of].map(|part| part.trim().parse::<u32>().ok());
        let shard = number.zip(of).map(|(number, of)| Shard { number, of });
        shard.filter(|shard| (1..=shard.of).contains(&shard.number)).ok_or_else(|| format!("found {text}, {expected}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<String>, String> {
        text.parse::<Axis>().map(|axis| axis.values)
    }

    #[test]
    fn lists_and_ranges() {
        assert_eq!(parsed("fleet.size=6..8"), Ok(["6", "7", "8"].map(str::to_owned).to_vec()));
        assert_eq!(parsed("fleet.size=1, 4..10/3"), Ok(["1", "4", "7", "10"].map(str::to_owned).to_vec()));
        assert_eq!(parsed("a.b=1%,5%"), Ok(["1%", "5%"].map(str::to_owned).to_vec()));
        let balancers = "proxies.balancer={ ring: { points: 1, seed: 2 } },'a,b'";
        assert_eq!(parsed(balancers), Ok(["{ ring: { points: 1, seed: 2 } }", "'a,b'"].map(str::to_owned).to_vec()));
    }

    #[test]
    fn what_is_no_axis_is_refused() {
        let cases = [
            ("fleet.size", "no `=`"),
            ("=3", "no path"),
            ("fleet.size=", "an empty value"),
            ("fleet.size=3,,4", "an empty value"),
            ("fleet.size=20..6", "the empty range"),
            ("fleet.size=1..x", "a range of whole numbers"),
            ("fleet.size=1..9/0", "a range of whole numbers"),
            ("fleet.size=1..99999999", "more than"),
            ("fleet.size=3,3", "twice"),
        ];
        for (text, part) in cases {
            assert!(parsed(text).is_err_and(|found| found.contains(part)), "{text}");
        }
        for text in ["0/5", "6/5", "5", "a/b", "1/0"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!("2/5".parse(), Ok(Shard { number: 2, of: 5 }));
    }
}
