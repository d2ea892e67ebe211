//! The steps of an Argo canary: each sets one thing, where a step of ours is a share with all that happens at it.

use crate::core::amount::{Amount, Share};
use crate::core::rollout::{Analysis, Hold, Scale, Step};
use crate::core::time::Span;
use crate::manifest::analysis::Library;
use crate::manifest::argo::{Router, percent};
use crate::manifest::duration;
use crate::manifest::fields::{Fields, Item, WHOLE_MAX};

/// What a step may set.
const KINDS: [&str; 8] =
    ["setWeight", "pause", "setCanaryScale", "analysis", "setHeaderRoute", "setMirrorRoute", "experiment", "plugin"];

/// The steps as far as they were read.
pub(super) struct Walk {
    pub steps: Vec<Step>,
    /// For each step of the manifest, the step of ours that it became a part of.
    pub landed: Vec<usize>,
    /// Whether a header decides too.
    pub by_header: bool,
    share: Share,
    scale: Scale,
    /// Whether the scale changed since the last step of ours.
    rescaled: bool,
}

impl Walk {
    /// Goes through the steps of a manifest.
    pub fn of(items: &[Item<'_>], router: Option<&Router>, library: &Library<'_>) -> Walk {
        let mut walk = Walk {
            steps: Vec::new(),
            landed: Vec::new(),
            by_header: false,
            share: Share::NONE,
            scale: Scale::MatchShare,
            rescaled: false,
        };
        for item in items {
            if let Some(fields) = item.table() {
                walk.take(item, &fields, router, library);
            }
            walk.landed.push(if walk.rescaled { walk.steps.len() } else { walk.steps.len().saturating_sub(1) });
        }
        if walk.rescaled {
            walk.begin();
        }
        walk
    }

    fn take(&mut self, item: &Item<'_>, step: &Fields<'_>, router: Option<&Router>, library: &Library<'_>) {
        let set: Vec<&str> = KINDS.into_iter().filter(|kind| is_set(step, kind)).collect();
        if set.len() != 1 {
            let text = format!("found {}, expected one of: {}", counted(&set), KINDS.join(", "));
            item.complain(text);
        }
        if let Some(weight) = step.get("setWeight") {
            self.set_weight(&weight, router.map_or(100, |router| router.whole));
        }
        if let Some(scale) = step.get("setCanaryScale") {
            self.set_scale(&scale, router.is_some());
        }
        if is_set(step, "pause") {
            self.hold(pause(step));
        }
        if let Some(analysis) = step.table("analysis").and_then(|reference| library.analysis(&reference)) {
            self.analyse(analysis);
        }
        if let Some(route) = step.get("setHeaderRoute") {
            self.set_header(&route, router.is_some());
        }
        step.skip(&["setMirrorRoute", "experiment", "plugin", "replicaProgressThreshold"]);
    }

    fn set_weight(&mut self, weight: &Item<'_>, whole: u32) {
        if let Some(parts) = weight.whole(0..=whole) {
            self.share = Share::new(f64::from(parts) / f64::from(whole)).unwrap_or(Share::ALL);
            self.begin();
        }
    }

    fn set_scale(&mut self, scale: &Item<'_>, routed: bool) {
        if !routed {
            scale.not_simulated();
            return;
        }
        let Some(fields) = scale.table() else { return };
        let replicas = fields.whole("replicas").map(Amount::Count);
        let weight = fields.whole("weight").map(percent);
        self.scale = match (replicas.or(weight), fields.truth("matchTrafficWeight")) {
            (_, Some(true)) | (None, _) => Scale::MatchShare,
            (Some(own), _) => Scale::Own(own),
        };
        self.rescaled = true;
    }

    /// The order of a step of ours is scale, share, hold, analysis: what would come out of order begins another.
    fn hold(&mut self, hold: Hold) {
        let current = self.current(|step| step.hold == Hold::For(Span::ZERO) && step.analysis.is_none());
        current.hold = hold;
    }

    fn analyse(&mut self, analysis: Analysis) {
        let current = self.current(|step| step.analysis.is_none());
        current.analysis = Some(analysis);
    }

    fn set_header(&mut self, route: &Item<'_>, routed: bool) {
        let Some(fields) = route.table() else { return };
        fields.accept(&["name"]);
        if !routed {
            route.complain("found setHeaderRoute without trafficRouting, expected both or neither");
        }
        if fields.list("match").is_empty() {
            route.not_simulated();
        } else {
            self.by_header = true;
        }
    }

    fn current(&mut self, has_room: impl Fn(&Step) -> bool) -> &mut Step {
        if self.rescaled || !self.steps.last().is_some_and(has_room) {
            self.begin();
        }
        self.steps.last_mut().expect("a step was begun just now, or there was one")
    }

    fn begin(&mut self) {
        self.rescaled = false;
        self.steps.push(Step { scale: self.scale, ..Step::plain(self.share, Span::ZERO) });
    }
}

/// `pause: {}` and `pause:` mean the same: wait for a person.
fn is_set(step: &Fields<'_>, kind: &str) -> bool {
    step.peek(kind).is_some_and(|node| kind == "pause" || !node.is_null())
}

fn counted(set: &[&str]) -> String {
    if set.is_empty() { "none".to_owned() } else { set.join(" beside ") }
}

/// A bare number is in seconds; without a duration it is for a person to go on.
fn pause(step: &Fields<'_>) -> Hold {
    let Some(pause) = step.table("pause") else { return Hold::UntilPromoted };
    let Some(item) = pause.get("duration") else { return Hold::UntilPromoted };
    let seconds = item.text().and_then(|text| {
        let whole = text.parse::<u32>().ok().filter(|seconds| *seconds <= WHOLE_MAX);
        whole.map(|seconds| Span::from_secs(u64::from(seconds))).or_else(|| duration::parse(&text))
    });
    let refused = || item.refuse("a length of time such as 30 (seconds), 30s, 5m or 1h");
    Hold::For(seconds.or_else(refused).unwrap_or(Span::ZERO))
}
