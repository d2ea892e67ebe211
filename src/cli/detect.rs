//! `rollcast detect`

use crate::cli::args::{Detect, DetectControl};
use crate::cli::{Failure, screen};
use crate::core::amount::{Rate, Share};
use crate::core::judge::{Judge, Kind, Terms};
use crate::core::rollout::Strategy;
use crate::core::time::Span;
use crate::measure::detect::{Case, Checks, Method, Wanted, Watch, can_fail, control_ratio, need, odds, watch};
use crate::report;
use crate::report::detect::{Outcome, Page};
use crate::scenario::{load, quantity};

/// How often an Argo analysis or a Flagger tick would come, where nobody says.
const SCRAPE: Span = Span::from_secs(15);
/// A false alarm so many times the level deserves a word.
const INFLATED: f64 = 1.2;
/// More checks than this would take too long.
const CHECKS_MAX: u64 = 100_000;

/// Says what a judge needs to catch a defect, and what comes of a watched canary.
///
/// # Errors
/// Everything that is wrong with the question.
pub fn run(arguments: &Detect) -> Result<(), Failure> {
    let asked = Asked::read(arguments)?;
    let page = asked.answer();
    if let Some(parent) = &arguments.output {
        let files = report::power::files(&page, &report::detect::json(&page), |share, rate| asked.again(share, rate));
        let folder = report::folder::write(parent, "detect", &files)?;
        eprintln!("wrote {}", folder.display());
    }
    let width = arguments.width.map_or_else(screen::width, usize::from);
    let text = if arguments.json { report::detect::json(&page) } else { report::detect::text(&page, width) };
    screen::print(&text)?;
    Ok(())
}

/// A question that makes sense.
struct Asked {
    case: Case,
    alpha: f64,
    power: f64,
    share: f64,
    rate: f64,
    fresh_control: bool,
    interval: Span,
    plan: Option<Watch>,
}

impl Asked {
    fn read(arguments: &Detect) -> Result<Asked, Failure> {
        let mut wrong = Vec::new();
        let watched = watched(arguments, &mut wrong)?;
        let given = Given::read(arguments, &mut wrong);
        let kind = Kind::ALL.into_iter().find(|(name, _)| Some(*name) == arguments.judge.as_deref());
        let kind = kind.map_or(Kind::Fisher, |(_, kind)| kind);
        given.check(kind, watched.is_some() && arguments.judge.is_none(), &mut wrong);
        let steps = steps(arguments, &given, &mut wrong);
        if !wrong.is_empty() {
            return Err(Failure::Usage(wrong.join("\n")));
        }
        let (judge, floor) = match &watched {
            Some(watch) if arguments.judge.is_none() => (watch.judge, watch.floor),
            Some(_) | None => (kind.with(&given.terms(arguments)), u64::from(arguments.samples)),
        };
        let plan = watched.map(|watch| given.changed(arguments, watch)).or_else(|| {
            steps.map(|steps| Watch {
                judge,
                floor,
                interval: given.interval,
                window: looks_back(&judge, &steps, given.interval),
                steps,
                limit: arguments.limit.unwrap_or(0),
                holds: false,
                waits: false,
            })
        });
        if plan.as_ref().is_some_and(|watch| watch.number() > CHECKS_MAX) {
            let text =
                format!("--interval: found {} checks, expected at most {CHECKS_MAX}", plan.map_or(0, |w| w.number()));
            return Err(Failure::Usage(text));
        }
        let share = plan.as_ref().filter(|_| arguments.share.is_none()).and_then(|watch| watch.steps.first());
        let share = share.map_or(given.share, |(share, _)| *share);
        Ok(Asked {
            case: Case { judge, floor, baseline: given.baseline.value(), bad: given.bad.value() },
            alpha: given.alpha.value(),
            power: given.power.value(),
            share: share.value(),
            rate: given.rate.per_second(),
            fresh_control: arguments.control == DetectControl::Baseline,
            interval: plan.as_ref().map_or(given.interval, |watch| watch.interval),
            plan,
        })
    }

    fn answer(&self) -> Page {
        let ratio = self.ratio(self.share);
        let wanted = Wanted {
            alpha: self.alpha,
            power: self.power,
            canary_rate: self.rate * self.share,
            ratio,
            interval_s: self.interval.seconds(),
        };
        let need = need(&self.case, &wanted);
        let checks = self
            .plan
            .as_ref()
            .map(|watch| watch.checks(self.rate, self.fresh_control))
            .or_else(|| Some(need.as_ref()?.checks.clone()));
        let outcome = checks.map(|checks| outcome(&self.case, checks));
        let mut page = Page {
            case: self.case,
            alpha: self.alpha,
            power: self.power,
            share: self.share,
            rate: self.rate,
            need,
            plan: self.plan.as_ref().map(sentence),
            outcome,
            warnings: Vec::new(),
        };
        page.warnings = warnings(&page, ratio);
        page
    }

    /// The odds of a version that fails at `rate` on a canary of `share`: for the curves.
    fn again(&self, share: Option<f64>, rate: f64) -> Option<report::power::Point> {
        let mut asked = Asked { plan: self.plan.clone(), ..*self };
        if let Some(share) = share {
            let to = Share::new(share)?;
            asked.share = share;
            asked.plan.iter_mut().flat_map(|watch| &mut watch.steps).for_each(|step| step.0 = to);
        }
        let checks = match &asked.plan {
            Some(watch) => watch.checks(asked.rate, asked.fresh_control),
            None => {
                let wanted = Wanted {
                    alpha: self.alpha,
                    power: self.power,
                    canary_rate: self.rate * asked.share,
                    ratio: asked.ratio(asked.share),
                    interval_s: self.interval.seconds(),
                };
                need(&self.case, &wanted)?.checks
            }
        };
        let (found, _) = odds(&self.case, &checks, rate);
        Some(report::power::Point { condemned: found.condemned, harmed: found.requests * rate })
    }

    /// Requests of the control for each of the canary.
    fn ratio(&self, share: f64) -> f64 {
        control_ratio(share, self.fresh_control)
    }
}

/// Each check has its own requests, but points of a metric are gathered from the start on.
fn looks_back(judge: &Judge, steps: &[(Share, Span)], interval: Span) -> Span {
    let by_points = matches!(judge, Judge::MannWhitney(_));
    if by_points { steps.iter().fold(Span::ZERO, |sum, (_, hold)| sum + *hold) } else { interval }
}

fn outcome(case: &Case, checks: Checks) -> Outcome {
    let ((bad, method), (healthy, other)) =
        rayon::join(|| odds(case, &checks, case.bad), || odds(case, &checks, case.baseline));
    let method = if other == Method::Exact { method } else { other };
    Outcome { checks, healthy, bad, method }
}

/// What `--scenario` or manifests say of the watch.
fn watched(arguments: &Detect, wrong: &mut Vec<String>) -> Result<Option<Watch>, Failure> {
    let (strategy, scrape, name): (Strategy, Span, String) = if let Some(file) = &arguments.scenario {
        let scenario = load(file).map_err(Failure::Scenario)?.scenario;
        let named = super::export::chosen(&scenario, arguments.strategy.as_deref())?;
        (named.strategy.clone(), scenario.telemetry.scrape, named.name.clone())
    } else if arguments.manifests.is_empty() {
        return Ok(None);
    } else {
        let mut manifests = super::manifests::read(&arguments.manifests, &arguments.manifest)?;
        if manifests.len() != 1 {
            return Err(Failure::Usage(format!("found {} rollouts in the manifests, expected one", manifests.len())));
        }
        let manifest = manifests.remove(0);
        (manifest.strategy, SCRAPE, manifest.name)
    };
    if arguments.steps.is_some() {
        wrong.push("--steps: found steps beside a strategy that has its own, expected one of them".to_owned());
    }
    match watch(&strategy, scrape) {
        Ok(watch) => Ok(Some(watch)),
        Err(reason) => {
            let hint = if arguments.manifests.is_empty() {
                ""
            } else {
                "; --metric NAME=MEASURE says what a metric of an analysis measures"
            };
            wrong.push(format!("{name}: found no canary to watch: {reason}{hint}"));
            Ok(None)
        }
    }
}

/// The quantities among the arguments, read together so that all that is wrong is told at once.
struct Given {
    baseline: Share,
    bad: Share,
    share: Share,
    rate: Rate,
    alpha: Share,
    power: Share,
    threshold: Share,
    interval: Span,
}

impl Given {
    fn read(arguments: &Detect, wrong: &mut Vec<String>) -> Given {
        let mut share = |flag: &str, text: &str| {
            quantity::share(text).unwrap_or_else(|expected| {
                wrong.push(format!("{flag}: found '{text}', {expected}"));
                Share::NONE
            })
        };
        let (baseline, bad) = (share("--baseline", &arguments.baseline), share("--bad", &arguments.bad));
        let of_canary = share("--share", arguments.share.as_deref().unwrap_or("5%"));
        let (alpha, power) = (share("--alpha", &arguments.alpha), share("--power", &arguments.power));
        let threshold = share("--threshold", &arguments.threshold);
        let rate = quantity::rate(&arguments.rate).unwrap_or_else(|expected| {
            wrong.push(format!("--rate: found '{}', {expected}", arguments.rate));
            Rate::default()
        });
        let text = arguments.interval.as_deref().unwrap_or("60s");
        let interval = quantity::span(text).unwrap_or_else(|expected| {
            wrong.push(format!("--interval: found '{text}', {expected}"));
            Span::ZERO
        });
        Given { baseline, bad, share: of_canary, rate, alpha, power, threshold, interval }
    }

    /// What is a quantity, and still makes no sense; `brings_judge`: the strategy has a judge of its own.
    fn check(&self, kind: Kind, brings_judge: bool, wrong: &mut Vec<String>) {
        let mut refuse = |is_wrong: bool, text: String| {
            let flag = text.split(':').next().unwrap_or_default().to_owned();
            let told = wrong.iter().any(|earlier| earlier.starts_with(&format!("{flag}:")));
            if is_wrong && !told {
                wrong.push(text);
            }
        };
        let of = |share: Share| format!("{}%", 100.0 * share.value());
        for (flag, value) in [("--alpha", self.alpha), ("--power", self.power)] {
            let is_inside = value.value() > 0.0 && value.value() < 1.0;
            refuse(!is_inside, format!("{flag}: found {}, expected more than 0% and less than 100%", of(value)));
        }
        refuse(
            self.power <= self.alpha,
            format!("--power: found {}, expected more than --alpha, {}", of(self.power), of(self.alpha)),
        );
        refuse(
            self.bad <= self.baseline,
            format!("--bad: found {}, expected more than --baseline, {}", of(self.bad), of(self.baseline)),
        );
        refuse(self.share == Share::NONE, "--share: found 0%, expected more".to_owned());
        let has_control = matches!(kind, Kind::Threshold | Kind::Sprt) || brings_judge || self.share < Share::ALL;
        refuse(!has_control, "--share: found 100%, which leaves no control to compare with, expected less".to_owned());
        refuse(self.rate.per_second() == 0.0, "--rate: found no traffic, expected a rate above 0/s".to_owned());
        refuse(self.interval.is_zero(), "--interval: found no time, expected a time above zero".to_owned());
        if kind == Kind::Sprt && !brings_judge {
            refuse(self.baseline == Share::NONE, "--baseline: found 0%, expected more for the judge sprt".to_owned());
            refuse(self.bad == Share::ALL, "--bad: found 100%, expected less for the judge sprt".to_owned());
        }
    }

    fn terms(&self, arguments: &Detect) -> Terms {
        Terms {
            limit: self.threshold,
            factor: arguments.factor,
            alpha: self.alpha,
            power: self.power,
            baseline: self.baseline,
            bad: self.bad,
            looks: self.looks(arguments),
        }
    }

    /// As many as there are checks, where those are given.
    fn looks(&self, arguments: &Detect) -> u32 {
        let number = arguments.steps.as_deref().and_then(|text| text.parse().ok());
        arguments.looks.or(number).unwrap_or(5).clamp(1, 100)
    }

    /// A strategy's watch, with what the arguments change of it.
    fn changed(&self, arguments: &Detect, mut watch: Watch) -> Watch {
        if arguments.interval.is_some() {
            watch.interval = self.interval;
        }
        watch.limit = arguments.limit.unwrap_or(watch.limit);
        watch
    }
}

/// `10`: so many checks at the share; `5%,25%:10m`: shares, each for one interval or as long as it says.
fn steps(arguments: &Detect, given: &Given, wrong: &mut Vec<String>) -> Option<Vec<(Share, Span)>> {
    let text = arguments.steps.as_deref()?;
    if let Ok(number) = text.trim().parse::<u64>() {
        if number == 0 {
            wrong.push("--steps: found 0, expected at least one check".to_owned());
        }
        return Some(vec![(given.share, given.interval.times(number))]);
    }
    let mut steps = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (share, hold) = part.split_once(':').map_or((part, None), |(share, hold)| (share, Some(hold)));
        let hold = hold.map_or(Ok(given.interval), quantity::span);
        match (quantity::share(share).ok().filter(|share| share.value() > 0.0 && share.value() < 1.0), hold) {
            (Some(share), Ok(hold)) if hold >= given.interval => steps.push((share, hold)),
            _ => wrong.push(format!(
                "--steps: found '{part}', expected a number of checks, or shares like 5% or 5%:10m between 0% and 100%, none shorter than --interval"
            )),
        }
    }
    Some(steps)
}

/// What is checked, in words.
fn sentence(watch: &Watch) -> String {
    let checks = watch.number();
    let shares: Vec<String> =
        watch.steps.iter().map(|(share, hold)| format!("{} % for {hold}", 100.0 * share.value())).collect();
    let tolerated = match watch.limit {
        _ if watch.judge.counts_from_the_start() => "a verdict is final".to_owned(),
        0 => "the first failed check condemns".to_owned(),
        1 => "1 failed check is tolerated".to_owned(),
        limit => format!("{limit} failed checks are tolerated"),
    };
    let held = if watch.holds { ", and each holds the canary at its share" } else { "" };
    let window =
        if watch.window > watch.interval { format!(", each over the last {}", watch.window) } else { String::new() };
    let shown = if shares.len() > 6 {
        format!("{}, … {}", shares[..3].join(", "), shares[shares.len() - 1])
    } else {
        shares.join(", ")
    };
    let waits = if watch.waits { " What comes after somebody promotes it is not looked at." } else { "" };
    format!("The canary gets {shown}: {checks} checks, one every {}{window}; {tolerated}{held}.{waits}", watch.interval)
}

fn warnings(page: &Page, ratio: f64) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some(outcome) = &page.outcome else { return warnings };
    let few = outcome.checks.list.iter().map(|check| check.canary).min().unwrap_or(0)
        * outcome.checks.window.min(1_000) as u64;
    let windowed = page.plan.is_some() && !page.case.judge.counts_from_the_start();
    let is_blind = few < page.case.floor
        || !matches!(page.case.judge, Judge::MannWhitney(_))
            && !can_fail(&page.case.judge, few, (few as f64 * ratio) as u64);
    let is_normal = matches!(page.case.judge, Judge::Z(_) | Judge::Looks(_));
    if !windowed && is_normal && outcome.healthy.condemned > INFLATED * page.alpha {
        warnings.push(format!(
            "few-failures: so few bad requests are no normal numbers, and this test takes them for such: it condemns {:.1} % of \
             healthy releases, not {} %; fisher and confidence-sequence keep to it",
            100.0 * outcome.healthy.condemned,
            100.0 * page.alpha,
        ));
    }
    if windowed && is_blind {
        warnings.push(format!(
            "canary-blind: a check sees {few} canary requests, too few for this judge to condemn anything ({} are its floor)",
            page.case.floor
        ));
    }
    if windowed && !is_blind && outcome.healthy.condemned > INFLATED * page.alpha {
        warnings.push(format!(
            "peeking: {} checks condemn {:.1} % of healthy releases, more than the {} % of one: use planned looks or a sequential judge, fewer checks, or tolerate some failed ones",
            outcome.checks.list.len(),
            100.0 * outcome.healthy.condemned,
            100.0 * page.alpha,
        ));
    }
    warnings
}
