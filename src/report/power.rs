//! What `rollcast detect --output` writes: the curves, the answer, and the question.

use crate::report::detect::Page;
use crate::report::plot;

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Probability to be condemned.
    pub condemned: f64,
    /// Mean number of bad requests on the canary until then.
    pub harmed: f64,
}

/// Shares of the traffic, in the order of the plot.
const SHARES: [f64; 9] = [0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.2, 0.35, 0.5];
/// Points of the operating characteristic.
const RATES: u32 = 30;

/// `answer` is the JSON; `odds` gives the point of a share (`None`: as asked) and a true error rate.
pub fn files(page: &Page, answer: &str, odds: impl Fn(Option<f64>, f64) -> Option<Point>) -> Vec<(String, Vec<u8>)> {
    let step = 2.0 * page.case.bad.min(0.5) / f64::from(RATES);
    let characteristic: Vec<(f64, f64)> = (0..=RATES)
        .filter_map(|index| {
            let rate = step * f64::from(index);
            Some((100.0 * rate, 100.0 * odds(None, rate)?.condemned))
        })
        .collect();
    let harm: Vec<(f64, f64)> =
        SHARES.iter().filter_map(|share| Some((100.0 * share, odds(Some(*share), page.case.bad)?.harmed))).collect();
    let marks = (100.0 * page.case.baseline, 100.0 * page.case.bad);
    let file = |name: &str, text: String| (name.to_owned(), text.into_bytes());
    vec![
        file("characteristic.svg", plot::characteristic(&characteristic, marks, page.case.judge.kind().title())),
        file("harm.svg", plot::harm(&harm, page.case.judge.kind().title())),
        file("curves.csv", csv(&characteristic, &harm)),
        file("detect.json", answer.to_owned()),
        file("run.yaml", question(page)),
    ]
}

fn csv(characteristic: &[(f64, f64)], harm: &[(f64, f64)]) -> String {
    let mut text = "curve,x_percent,y\n".to_owned();
    for (name, points) in [("condemned_percent_by_error_rate", characteristic), ("bad_requests_by_share", harm)] {
        points.iter().for_each(|(x, y)| text += &format!("{name},{x},{y}\n"));
    }
    text
}

/// The question, for whoever finds the folder.
fn question(page: &Page) -> String {
    format!(
        "detect:\n  judge: {}\n  baseline: {}%\n  bad: {}%\n  share: {}%\n  rate: {}/s\n  alpha: {}%\n  power: {}%\n",
        page.case.judge.kind().name(),
        100.0 * page.case.baseline,
        100.0 * page.case.bad,
        100.0 * page.share,
        page.rate,
        100.0 * page.alpha,
        100.0 * page.power,
    )
}
