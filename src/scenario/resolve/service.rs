//! The fleet and the versions.

use super::inherit::inherit;
use super::law::{Sizes, law};
use crate::core::amount::Share;
use crate::scenario::check::Check;
use crate::scenario::entry::Or;
use crate::scenario::file::{CURRENCY, Discipline, File, LawOrSpan, Readiness, Version};
use crate::scenario::plan::{self, Fleet, Price, Shutdown, WarmUp};
use crate::scenario::units::{Money, Percent};
use crate::yaml::tree::KeyPath;

/// A version's number has 8 bits, and nobody compares more.
const VERSIONS_MAX: usize = 200;

pub(super) fn versions(file: &mut File, check: &mut Check<'_>) -> Vec<plan::Version> {
    let at = KeyPath::from(["versions"]);
    let count = file.versions.0.len();
    if !(1..=VERSIONS_MAX).contains(&count) {
        let text = format!("found {count} versions, expected 1 to {VERSIONS_MAX}");
        check.complain(&[&at], text);
    }
    let laws: Vec<Option<plan::Law>> = file
        .versions
        .0
        .iter()
        .map(|(name, version)| {
            let written = version.service.as_ref()?;
            let at = at.key(name).key("service");
            Some(law(written, sizes(file), &at, check))
        })
        .collect();
    let crashes: Vec<Option<plan::Law>> = file
        .versions
        .0
        .iter()
        .map(|(name, version)| {
            let written = version.crashes.as_ref().and_then(|crashes| crashes.0.as_ref())?;
            let at = at.key(name).key("crashes").key("after");
            Some(law(&written.after, Sizes::NoRequest, &at, check))
        })
        .collect();
    let sources = inherit(file, check);
    let versions = file.versions.0.iter().zip(sources);
    versions
        .map(|((name, version), source)| plan::Version {
            name: name.clone(),
            service: laws[source.service].clone().unwrap_or(plan::Law::Constant(Default::default())),
            slowdown: version.latency.map_or(1.0, |latency| latency.0),
            errors: errors(version),
            fails_to_start: version.fails_to_start.unwrap_or(Percent::of(0.0)).share(),
            crashes_after: crashes[source.crashes].clone(),
            priority: version.priority.map_or(0, |priority| priority.small() as u8),
        })
        .collect()
}

pub(super) fn sizes(file: &File) -> Sizes {
    match &file.traffic.trace {
        Some(trace) if trace.size.is_some() => Sizes::Known,
        _ => Sizes::Unknown,
    }
}

/// Of a version that stands for itself.
pub(super) fn errors(version: &Version) -> plan::Errors {
    let (rate, latency, after) = match &version.errors {
        None => (Percent::of(0.0), None, Default::default()),
        Some(Or::Leaf(rate)) => (*rate, None, Default::default()),
        Some(Or::Table(errors)) => (errors.rate, errors.latency, errors.after),
    };
    let leak = version.leak.as_ref().and_then(|leak| leak.0.as_ref());
    let under_load = version.under_load.as_ref().and_then(|load| load.0.as_ref());
    plan::Errors {
        rate: rate.share(),
        leak: leak.map(|leak| plan::Leak { rate: leak.errors.share(), over: leak.over.0 }),
        under_load: under_load.map(|load| plan::UnderLoad { rate: load.errors.share(), above: load.above.share() }),
        cohort: version.cohort.map_or(Share::NONE, Percent::share),
        latency,
        after,
    }
}

pub(super) fn fleet(file: &File, check: &mut Check<'_>) -> Fleet {
    let at = KeyPath::from(["fleet"]);
    let fleet = &file.fleet;
    Fleet {
        size: fleet.size.small(),
        slots: fleet.slots.small(),
        discipline: match fleet.discipline {
            Discipline::Fifo => plan::Discipline::Fifo,
            Discipline::ProcessorSharing => plan::Discipline::ProcessorSharing,
        },
        queue: fleet.queue.0.map(|queue| queue.small()),
        boot: boot(&fleet.boot, &at.key("boot"), check),
        readiness: fleet.readiness.as_ref().map(readiness),
        restart: restart(file, &at.key("restart"), check),
        quota: quota(file, &at, check),
        min_ready: fleet.min_ready,
        warm_up: WarmUp { lasts: fleet.warm_up.r#for, slowdown: fleet.warm_up.slowdown.0 },
        shutdown: shutdown(file, &at.key("shutdown"), check),
        backups: backups(file, check),
        price: price(file, check),
    }
}

fn readiness(readiness: &Readiness) -> plan::Readiness {
    plan::Readiness {
        initial_delay: readiness.initial_delay,
        period: readiness.period.0,
        timeout: readiness.timeout.0,
        successes: readiness.successes.small(),
        failures: readiness.failures.small(),
    }
}

fn restart(file: &File, at: &KeyPath, check: &mut Check<'_>) -> plan::Restart {
    let restart = &file.fleet.restart;
    let (first, max) = (restart.first.0, restart.max.0);
    if max < first {
        let text = format!("found {max}, expected at least the first pause of {first}");
        check.complain(&[&at.key("max"), &at.key("first")], text);
    }
    plan::Restart { first, max, reset: restart.reset.0 }
}

fn quota(file: &File, at: &KeyPath, check: &mut Check<'_>) -> Option<u32> {
    let quota = file.fleet.quota?.small();
    let size = file.fleet.size.small();
    if quota < size {
        let text = format!("found {quota}, expected at least the size of {size}");
        check.complain(&[&at.key("quota"), &at.key("size")], text);
    }
    Some(quota)
}

fn backups(file: &File, check: &mut Check<'_>) -> Share {
    let backups = file.fleet.backups;
    if backups.value() >= 100.0 {
        let text = "found 100%, expected a percentage below, since backups stand in for others";
        check.complain(&[&KeyPath::from(["fleet", "backups"])], text);
    }
    backups.share()
}

fn boot(written: &LawOrSpan, at: &KeyPath, check: &mut Check<'_>) -> plan::Law {
    law(written, Sizes::NoRequest, at, check)
}

fn shutdown(file: &File, at: &KeyPath, check: &mut Check<'_>) -> Shutdown {
    let (delay, drain) = (file.fleet.shutdown.delay, file.fleet.shutdown.drain);
    if delay > drain {
        let text = format!("found {delay}, expected at most the drain of {drain}");
        check.complain(&[&at.key("delay"), &at.key("drain")], text);
    }
    Shutdown { delay, drain }
}

fn price(file: &File, check: &mut Check<'_>) -> Price {
    let hourly = file.fleet.price.as_ref().map(|price| &price.0);
    let bad = file.slo.bad_request_price.as_ref();
    if let (Some(hourly), Some(bad)) = (hourly, bad)
        && hourly.currency != bad.currency
    {
        let text = format!("found {}, expected the currency of fleet.price, {}", bad.currency, hourly.currency);
        let at = KeyPath::from(["slo", "bad-request-price"]);
        check.complain(&[&at, &KeyPath::from(["fleet", "price"])], text);
    }
    let currency = |money: &Money| money.currency.clone();
    Price {
        per_hour: hourly.map_or(0.0, |price| price.amount),
        currency: hourly.or(bad).map_or_else(|| CURRENCY.to_owned(), currency),
    }
}
