//! What releases are like: each kind of bad one is the deployed version with some of its values replaced.

use super::law::{Sizes, law};
use super::service::{errors, sizes};
use crate::scenario::check::Check;
use crate::scenario::file::{File, Kind, Version};
use crate::scenario::plan::{self, Releases, Rollout};
use crate::yaml::tree::{KeyPath, quote};

/// The kind of a release that is not bad.
const GOOD: &str = "good";

pub(super) fn releases(
    file: &File,
    versions: &[plan::Version],
    rollout: Option<Rollout>,
    check: &mut Check<'_>,
) -> Option<Releases> {
    let releases = file.releases.as_ref()?;
    let at = KeyPath::from(["releases"]);
    let Some(rollout) = rollout else {
        let text = "found releases without a rollout, expected a rollout to say when and from which version";
        check.complain(&[&at, &KeyPath::from(["rollout"])], text);
        return None;
    };
    let good = (versions.get(rollout.to.index())?, &file.versions.0.get(rollout.to.index())?.1);
    let at = at.key("kinds");
    if releases.kinds.is_empty() {
        check.complain(&[&at], "found no kinds, expected at least one, such as { errors: 5% }");
    }
    let kinds = (0..).zip(&releases.kinds);
    let kinds: Vec<plan::Kind> = kinds.map(|(index, kind)| bad(file, kind, good, &at.index(index), check)).collect();
    for (index, kind) in kinds.iter().enumerate() {
        let twice = kinds[..index].iter().any(|other| other.name == kind.name);
        if twice || kind.name == GOOD {
            let name = quote(&kind.name);
            let text =
                format!("found a kind called {name}, expected a name that neither another kind has nor '{GOOD}'");
            check.complain(&[&at.index(index).key("name"), &at.index(index)], text);
        }
    }
    Some(Releases { bad: releases.bad.share(), per_week: releases.per_week.0, kinds })
}

fn bad(
    file: &File,
    kind: &Kind,
    (plan, good): (&plan::Version, &Version),
    at: &KeyPath,
    check: &mut Check<'_>,
) -> plan::Kind {
    let written = said(kind);
    if written.is_empty() {
        let text = "found a kind that changes nothing, expected service, latency, errors, leak, under-load, cohort, \
                    fails-to-start or crashes";
        check.complain(&[at], text);
    }
    let version = replaced(kind, good);
    let service = kind.service.as_ref().map(|service| law(service, sizes(file), &at.key("service"), check));
    let crashes = kind.crashes.as_ref().map(|crashes| {
        let at = at.key("crashes").key("after");
        crashes.0.as_ref().map(|crashes| law(&crashes.after, Sizes::NoRequest, &at, check))
    });
    plan::Kind {
        name: kind.name.as_ref().map_or_else(|| written.join(" and "), |name| name.0.clone()),
        weight: kind.weight.0,
        version: plan::Version {
            name: plan.name.clone(),
            service: service.unwrap_or_else(|| plan.service.clone()),
            slowdown: version.latency.map_or(1.0, |latency| latency.0),
            errors: errors(&version),
            fails_to_start: version.fails_to_start.map_or(plan.fails_to_start, |share| share.share()),
            crashes_after: crashes.unwrap_or_else(|| plan.crashes_after.clone()),
            priority: plan.priority,
        },
    }
}

/// The keys by which a kind differs, as they are written.
fn said(kind: &Kind) -> Vec<&'static str> {
    let keys = [
        ("service", kind.service.is_some()),
        ("latency", kind.latency.is_some()),
        ("errors", kind.errors.is_some()),
        ("leak", kind.leak.is_some()),
        ("under-load", kind.under_load.is_some()),
        ("cohort", kind.cohort.is_some()),
        ("fails-to-start", kind.fails_to_start.is_some()),
        ("crashes", kind.crashes.is_some()),
    ];
    keys.into_iter().filter(|(_, said)| *said).map(|(key, _)| key).collect()
}

/// The deployed version with what the kind says; laws are resolved apart.
fn replaced(kind: &Kind, good: &Version) -> Version {
    Version {
        latency: kind.latency.or(good.latency),
        errors: kind.errors.clone().or_else(|| good.errors.clone()),
        leak: kind.leak.clone().or_else(|| good.leak.clone()),
        under_load: kind.under_load.clone().or_else(|| good.under_load.clone()),
        cohort: kind.cohort.or(good.cohort),
        fails_to_start: kind.fails_to_start.or(good.fails_to_start),
        ..good.clone()
    }
}
