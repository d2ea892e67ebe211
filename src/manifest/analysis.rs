//! `AnalysisTemplate` of Argo Rollouts: metrics, their limits, and what the validation of
//! `utils/analysis/factory.go` in argoproj/argo-rollouts refuses.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::core::rollout::{Analysis, Check, Condition, Measure, Tolerance};
use crate::core::time::Span;
use crate::manifest::fields::{Case, Fields, Item, WHOLE_MAX};
use crate::manifest::ledger::Ledger;
use crate::manifest::{Options, condition, duration};
use crate::yaml::tree::{KeyPath, Node};

/// How far back a measurement looks where neither its query nor its interval tells.
pub(super) const WINDOW: Span = Span::from_secs(60);

/// A template among the documents.
pub(super) struct Template<'a> {
    pub name: String,
    pub node: &'a Node,
    /// Whether anything refers to it.
    pub used: Cell<bool>,
}

/// What it takes to read an analysis.
pub(super) struct Library<'a> {
    pub templates: Vec<Template<'a>>,
    pub options: &'a Options,
}

const CONDITIONS: [&str; 2] = ["successCondition", "failureCondition"];

type Arguments = BTreeMap<String, String>;

impl Library<'_> {
    /// Whether nothing refers to the template in `node`.
    pub fn stands_alone(&self, node: &Node) -> bool {
        self.templates.iter().any(|template| std::ptr::eq(template.node, node) && !template.used.get())
    }

    /// Reads a template to which nothing refers, only for what is wrong with it.
    pub fn proof_read(&self, node: &Node, ledger: &Ledger) {
        if let Some(template) = self.templates.iter().find(|template| std::ptr::eq(template.node, node)) {
            self.template(template, ledger, &Arguments::default(), &[], 0, &mut Vec::new());
        }
    }

    /// Reads a reference to templates, as it stands in a step, in the background or around a promotion; `None` if
    /// nothing of it is simulated. Whoever calls has asked for the keys that only some of these places have.
    pub fn analysis(&self, reference: &Fields<'_>) -> Option<Analysis> {
        let arguments = arguments(&reference.list("args"));
        let dry = names(&reference.list("dryRun"));
        reference.skip(&["measurementRetention", "analysisRunMetadata"]);
        let mut checks = Vec::new();
        self.follow(reference, &arguments, &dry, 0, &mut checks);
        (!checks.is_empty()).then_some(Analysis { checks })
    }

    /// Reads every template that a list of references names.
    fn follow(&self, around: &Fields<'_>, given: &Arguments, dry: &[String], depth: u32, checks: &mut Vec<Check>) {
        /// Templates that name each other in a circle end here.
        const DEPTH_MAX: u32 = 4;
        for reference in around.list("templates") {
            let Some(fields) = reference.table() else { continue };
            fields.accept(&["clusterScope"]);
            let Some(name) = fields.text("templateName") else {
                reference.complain("found no templateName, expected the name of an AnalysisTemplate");
                continue;
            };
            match self.templates.iter().find(|template| template.name == name) {
                Some(template) if depth < DEPTH_MAX => {
                    self.template(template, around.ledger, given, dry, depth, checks);
                }
                Some(_) | None => reference.not_simulated(),
            }
        }
    }

    fn template(
        &self,
        template: &Template<'_>,
        ledger: &Ledger,
        given: &Arguments,
        dry: &[String],
        depth: u32,
        checks: &mut Vec<Check>,
    ) {
        template.used.set(true);
        let at = KeyPath::from([format!("AnalysisTemplate/{}", template.name).as_str()]);
        let Some(document) = Item::new(template.node, at, Case::AsIs, ledger).table() else { return };
        document.accept(&["apiVersion", "kind", "metadata"]);
        let Some(spec) = document.table("spec") else { return };
        spec.skip(&["measurementRetention"]);
        let mut values = arguments(&spec.list("args"));
        values.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
        let mut dry = dry.to_vec();
        dry.extend(names(&spec.list("dryRun")));
        for metric in spec.list("metrics") {
            checks.extend(self.metric(&metric, &values, &dry));
        }
        self.follow(&spec, &values, &dry, depth + 1, checks);
    }

    fn metric(&self, item: &Item<'_>, values: &Arguments, dry: &[String]) -> Option<Check> {
        let metric = Metric { fields: item.table()?, values };
        let Some(name) = metric.fields.text("name") else {
            return item.refuse("a metric with a name");
        };
        let query = metric.query();
        let timing = metric.timing();
        let mut conditions = [None, None];
        for (slot, key) in conditions.iter_mut().zip(CONDITIONS) {
            *slot = metric.condition(key);
        }
        let Some(known) = self.options.metrics.get(&name) else {
            item.not_simulated();
            return None;
        };
        let [success, failure] = conditions.map(|condition| condition.map(|condition| known.translate(condition)));
        let Some(measure) = measure(success.flatten(), failure.flatten()) else {
            item.not_simulated();
            return None;
        };
        let (measure, success, failure) = measure;
        for (slot, (condition, key)) in [success, failure].iter().zip(conditions.iter().zip(CONDITIONS)) {
            if slot.is_none() && condition.is_some() {
                metric.fields.skip(&[key]);
            }
        }
        metric.check_share(measure, success);
        metric.check_share(measure, failure);
        Some(Check {
            dry_run: dry.contains(&name),
            name,
            measure,
            window: query.or(timing.interval).unwrap_or(WINDOW),
            success,
            failure,
            initial_delay: timing.initial_delay,
            interval: timing.interval,
            count: timing.count,
            tolerance: timing.tolerance,
        })
    }
}

type Translated = Option<(Measure, Condition)>;

/// One measure for both conditions. Where they look at different latencies the failure goes by its own and there is no
/// other verdict.
fn measure(success: Translated, failure: Translated) -> Option<(Measure, Option<Condition>, Option<Condition>)> {
    match (success, failure) {
        (Some((measure, success)), Some((other, failure))) if measure == other => {
            Some((measure, Some(success), Some(failure)))
        }
        (_, Some((measure, failure))) => Some((measure, None, Some(failure))),
        (Some((measure, success)), None) => Some((measure, Some(success), None)),
        (None, None) => None,
    }
}

/// One metric of a template, with the arguments that fill it.
struct Metric<'a, 'v> {
    fields: Fields<'a>,
    values: &'v Arguments,
}

struct Timing {
    interval: Option<Span>,
    initial_delay: Span,
    count: Option<u32>,
    tolerance: Tolerance,
}

impl Metric<'_, '_> {
    /// The text under `key` with its `{{args.…}}` filled in.
    fn filled(&self, key: &str) -> Option<String> {
        Some(fill(&self.fields.get(key)?.text()?, self.values))
    }

    fn span(&self, key: &str) -> Option<Span> {
        let text = self.filled(key)?;
        let span = duration::parse(&text);
        span.or_else(|| self.fields.get(key)?.refuse("a length of time such as 30s, 5m or 1h30m"))
    }

    fn limit(&self, key: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let number = self.filled(key)?.trim().parse::<i64>().ok().filter(|number| range.contains(number));
        let least = range.start();
        number.or_else(|| self.fields.get(key)?.refuse(&format!("a whole number of at least {least}")))
    }

    /// A limit that fits, since [`Metric::limit`] has checked its range.
    fn small(&self, key: &str) -> Option<u32> {
        self.limit(key, 0..=i64::from(WHOLE_MAX)).and_then(|number| u32::try_from(number).ok())
    }

    fn timing(&self) -> Timing {
        let failures = self.limit("failureLimit", -1..=i64::from(WHOLE_MAX)).unwrap_or(0);
        let usual = Tolerance::default();
        let timing = Timing {
            interval: self.span("interval"),
            initial_delay: self.span("initialDelay").unwrap_or(Span::ZERO),
            count: self.small("count").filter(|count| *count > 0),
            tolerance: Tolerance {
                failures: u32::try_from(failures).ok(),
                inconclusive: self.small("inconclusiveLimit").unwrap_or(usual.inconclusive),
                errors: self.small("consecutiveErrorLimit").unwrap_or(usual.errors),
                successes: self.small("consecutiveSuccessLimit").unwrap_or(usual.successes),
            },
        };
        self.check_timing(&timing);
        timing
    }

    fn check_timing(&self, timing: &Timing) {
        let Tolerance { failures, inconclusive, successes, .. } = timing.tolerance;
        let say = |key: &str, text: String| self.fields.complain(key, text);
        if failures.is_none() && successes == 0 {
            let text = "found -1 without a consecutiveSuccessLimit, expected one of the two to end the analysis";
            say("failureLimit", text.to_owned());
        }
        let Some(count) = timing.count else { return };
        if count > 1 && !self.fields.has("interval") {
            say("count", format!("found {count} without an interval, expected an interval between the measurements"));
        }
        let failed = failures.unwrap_or(0);
        if u64::from(count) < u64::from(failed) + u64::from(successes) {
            let text = format!(
                "found {count}, expected at least failureLimit + consecutiveSuccessLimit, {}",
                u64::from(failed) + u64::from(successes)
            );
            say("count", text);
        }
        if count < inconclusive {
            say("count", format!("found {count}, expected at least inconclusiveLimit, {inconclusive}"));
        }
    }

    /// The comparison under `key`; one that is not understood is noted.
    fn condition(&self, key: &str) -> Option<Condition> {
        let text = self.filled(key)?;
        let understood = condition::parse(&text);
        if understood.is_none_or(|understood| understood.partly) {
            self.fields.get(key)?.not_simulated();
        }
        understood.map(|understood| understood.condition)
    }

    /// A share above 1 is nearly always a percentage that the user has not called one.
    fn check_share(&self, measure: Measure, condition: Option<Condition>) {
        let Some(condition) = condition else { return };
        if matches!(measure, Measure::Availability | Measure::ErrorRate) && condition.value > 1.0 {
            let value = condition.value;
            let text = format!(
                "found a comparison with {value}, expected a share from 0 to 1; a metric in percent is mapped to availability-percent or error-rate-percent"
            );
            self.fields.complain("name", text);
        }
    }

    /// How far back the query looks, if it says so: the range in `rate(requests[5m])`.
    fn query(&self) -> Option<Span> {
        let Some(provider) = self.fields.get("provider") else {
            self.fields.complain("provider", "found no provider, expected one such as prometheus");
            return None;
        };
        let providers = provider.entries();
        if providers.len() != 1 {
            provider.complain(format!("found {} providers, expected one", providers.len()));
        }
        let query = providers.first()?.1.node.child("query")?;
        let crate::yaml::tree::Data::Scalar(scalar) = &query.data else { return None };
        window(&fill(&scalar.text, self.values))
    }
}

/// The first range of a query.
pub(super) fn window(query: &str) -> Option<Span> {
    query.split('[').skip(1).find_map(|rest| {
        let range = rest.split([']', ':']).next()?;
        duration::parse(range.trim()).filter(|span| !span.is_zero())
    })
}

/// Values of arguments by their names; those that come from elsewhere stay open.
fn arguments(list: &[Item<'_>]) -> Arguments {
    let pairs = list.iter().filter_map(|item| {
        let fields = item.table()?;
        fields.accept(&["valueFrom"]);
        Some((fields.text("name")?, fields.text("value")?))
    });
    pairs.collect()
}

fn names(list: &[Item<'_>]) -> Vec<String> {
    list.iter().filter_map(|item| item.table()?.text("metricName")).collect()
}

/// Puts arguments where the text asks for them.
fn fill(text: &str, values: &Arguments) -> String {
    let mut parts = text.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let value = part
            .split_once("}}")
            .and_then(|(name, rest)| Some((values.get(name.trim().strip_prefix("args.")?)?, rest)));
        match value {
            Some((value, rest)) => {
                filled.push_str(value);
                filled.push_str(rest);
            }
            None => {
                filled.push_str("{{");
                filled.push_str(part);
            }
        }
    }
    filled
}
