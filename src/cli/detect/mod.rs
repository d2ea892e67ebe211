//! `rollcast detect`

mod given;
mod words;

use self::given::{Given, steps};
use self::words::{sentence, warnings};
use crate::cli::args::{Detect, DetectControl};
use crate::cli::{Failure, screen};
use crate::core::amount::Share;
use crate::core::judge::{Judge, Kind};
use crate::core::rollout::{Control, Scale, Strategy};
use crate::core::time::Span;
use crate::measure::detect::{Case, Checks, Group, Held, Method, Wanted, Watch, need, number_of, odds, watch};
use crate::report;
use crate::report::detect::{Outcome, Page};
use crate::scenario::load;

/// How often an Argo analysis or a Flagger tick would come, where nobody says.
const SCRAPE: Span = Span::from_secs(15);
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
    group: Group,
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
        let number = |steps: &Vec<Held>| number_of(steps.iter().map(|step| step.hold), given.interval);
        let group = group(arguments.control, watched.as_ref());
        let watched = watched.map(|(watch, _)| watch);
        let is_planned = matches!(kind, Kind::Pocock | Kind::OBrienFleming);
        let of_watch = |watch: &Watch| if is_planned { watch.looks() } else { watch.number() };
        let checks = watched.as_ref().map(of_watch).or_else(|| steps.as_ref().map(number));
        if watched.is_none() || arguments.judge.is_some() {
            Given::check_looks(kind, arguments, checks, &mut wrong);
        }
        if !wrong.is_empty() {
            return Err(Failure::Usage(wrong.join("\n")));
        }
        let (judge, floor) = match &watched {
            Some(watch) if arguments.judge.is_none() => (watch.judge, watch.floor),
            Some(_) | None => (kind.with(&given.terms(arguments, checks)), u64::from(arguments.samples)),
        };
        let brought = watched.is_some() && arguments.judge.is_none();
        let plan = watched.map(|watch| Watch { judge, ..given.changed(arguments, watch) }).or_else(|| {
            steps.map(|steps| Watch {
                judge,
                control: Control::Fleet,
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
        let share = share.map_or(given.share, |step| step.share);
        Ok(Asked {
            case: Case { judge, floor, baseline: given.baseline.value(), bad: given.bad.value() },
            // A judge that the strategy brings has its own.
            alpha: judge.alpha().filter(|_| brought).unwrap_or(given.alpha.value()),
            power: given.power.value(),
            share: share.value(),
            rate: given.rate.per_second(),
            group,
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
            .map(|watch| watch.checks(self.rate, self.group))
            .or_else(|| Some(need.as_ref()?.checks.clone()));
        let outcome = checks.map(|checks| outcome(&self.case, checks));
        let mut page = Page {
            case: self.case,
            alpha: self.alpha,
            power: self.power,
            share: self.share,
            rate: self.rate,
            need,
            plan: self.plan.as_ref().map(|watch| sentence(watch, self.group)),
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
            asked.plan.iter_mut().flat_map(|watch| &mut watch.steps).for_each(|step| step.share = to);
        }
        let checks = match &asked.plan {
            Some(watch) => watch.checks(asked.rate, asked.group),
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
        let first = self.plan.as_ref().and_then(|watch| watch.steps.first());
        self.group.ratio(share, first.map_or(Scale::MatchShare, |step| step.scale))
    }
}

/// What `--control` says, or else the strategy; of a scenario the size of the fleet is known.
fn group(control: Option<DetectControl>, watched: Option<&(Watch, Option<u32>)>) -> Group {
    let of_gate = watched.map_or(Control::Fleet, |(watch, _)| watch.control);
    let control = control.map_or(of_gate, |control| match control {
        DetectControl::Fleet => Control::Fleet,
        DetectControl::Baseline => Control::Baseline,
    });
    match (control, watched.and_then(|(_, size)| *size)) {
        (Control::Baseline, None) => Group::Baseline,
        (control, size) => Group::of(control, size.unwrap_or(0)),
    }
}

/// Each check has its own requests, but points of a metric are gathered from the start on.
fn looks_back(judge: &Judge, steps: &[Held], interval: Span) -> Span {
    let by_points = matches!(judge, Judge::MannWhitney(_));
    if by_points { steps.iter().fold(Span::ZERO, |sum, step| sum + step.hold) } else { interval }
}

fn outcome(case: &Case, checks: Checks) -> Outcome {
    let ((bad, method), (healthy, other)) =
        rayon::join(|| odds(case, &checks, case.bad), || odds(case, &checks, case.baseline));
    let method = if other == Method::Exact { method } else { other };
    Outcome { checks, healthy, bad, method }
}

/// What `--scenario` or manifests say of the watch, and the size of the fleet where that is known.
fn watched(arguments: &Detect, wrong: &mut Vec<String>) -> Result<Option<(Watch, Option<u32>)>, Failure> {
    let (strategy, scrape, name, size): (Strategy, Span, String, Option<u32>) = if let Some(file) = &arguments.scenario
    {
        let scenario = load(file).map_err(Failure::Scenario)?.scenario;
        let named = super::export::chosen(&scenario, arguments.strategy.as_deref())?;
        (named.strategy.clone(), scenario.telemetry.scrape, named.name.clone(), Some(scenario.fleet.size))
    } else if arguments.manifests.is_empty() {
        return Ok(None);
    } else {
        let mut manifests = super::manifests::read(&arguments.manifests, &arguments.manifest)?;
        if manifests.len() != 1 {
            return Err(Failure::Usage(format!("found {} rollouts in the manifests, expected one", manifests.len())));
        }
        let manifest = manifests.remove(0);
        (manifest.strategy, SCRAPE, manifest.name, None)
    };
    if arguments.steps.is_some() {
        wrong.push("--steps: found steps beside a strategy that has its own, expected one of them".to_owned());
    }
    match watch(&strategy, scrape) {
        Ok(watch) => Ok(Some((watch, size))),
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
