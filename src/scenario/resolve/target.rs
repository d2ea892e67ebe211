//! The rollout, the faults and the telemetry.

use super::inherit::find;
use crate::core::ids::VersionId;
use crate::core::time::{Moment, Span};
use crate::scenario::check::Check;
use crate::scenario::file::{Event, Fault, File};
use crate::scenario::plan;
use crate::yaml::tree::KeyPath;

/// What the simulator can tell apart.
const WORKERS_MAX: u64 = 60_000;

/// How metrics reach a gate.
pub(super) fn telemetry(file: &File, check: &mut Check<'_>) -> plan::Telemetry {
    let telemetry = &file.telemetry;
    if telemetry.lost.value() >= 100.0 {
        check.complain(
            &[&KeyPath::from(["telemetry", "lost"])],
            "found 100%, expected less, since no gate would see anything",
        );
    }
    plan::Telemetry {
        scrape: telemetry.scrape.0,
        delay: telemetry.delay,
        evaluate: telemetry.evaluate.map_or(Span::ZERO, |every| every.0),
        lost: telemetry.lost.share(),
    }
}

/// The version that runs before any rollout.
pub(super) fn running(file: &File, check: &mut Check<'_>) -> VersionId {
    match &file.rollout {
        Some(rollout) => {
            let at = KeyPath::from(["rollout", "from"]);
            version(file, &rollout.from.0, &at, check)
        }
        None => {
            if file.versions.0.len() > 1 {
                let at = KeyPath::from(["versions"]);
                let text = "found several versions without a rollout, expected one, or a rollout to say which runs";
                check.complain(&[&at, &KeyPath::from(["rollout"])], text);
            }
            VersionId(0)
        }
    }
}

pub(super) fn rollout(file: &File, check: &mut Check<'_>) -> Option<plan::Rollout> {
    let rollout = file.rollout.as_ref()?;
    let at = KeyPath::from(["rollout"]);
    let (from, to) = (at.key("from"), at.key("to"));
    check_start(file, rollout.at, &at.key("at"), check);
    if rollout.from == rollout.to {
        let text = format!("found '{}', expected another version than under 'from'", rollout.to.0);
        check.complain(&[&to, &from], text);
    }
    Some(plan::Rollout {
        at: Moment::START + rollout.at,
        from: version(file, &rollout.from.0, &from, check),
        to: version(file, &rollout.to.0, &to, check),
        progress_deadline: rollout.progress_deadline.0,
        promote_after: rollout.promote_after,
    })
}

fn check_start(file: &File, start: Span, at: &KeyPath, check: &mut Check<'_>) {
    let [warm_up, horizon] = [KeyPath::from(["warm-up"]), KeyPath::from(["horizon"])];
    if start < file.warm_up {
        let text = format!("found {start}, expected a time from the end of the warm-up at {}", file.warm_up);
        check.complain(&[at, &warm_up], text);
    }
    if start >= file.horizon.0 {
        let text = format!("found {start}, expected a time before the horizon of {}", file.horizon.0);
        check.complain(&[at, &horizon], text);
    }
}

fn version(file: &File, name: &str, at: &KeyPath, check: &mut Check<'_>) -> VersionId {
    let index = find(file, name, at, check).unwrap_or_default();
    // More versions than fit have been refused by now.
    VersionId(u8::try_from(index).unwrap_or_default())
}

pub(super) fn reloads(file: &File, check: &mut Check<'_>) -> Vec<plan::Reload> {
    let mut reloads = Vec::new();
    for (index, event) in file.events.iter().enumerate() {
        let Event::Reload(reload) = event;
        let at = KeyPath::from(["events"]).index(index).key("reload");
        check_event(file, reload.at, &at.key("at"), check);
        let proxy = reload.proxy.0.map(|proxy| proxy.small() as u16);
        let count = file.proxies.count.small();
        if let Some(proxy) = proxy.filter(|&proxy| u32::from(proxy) >= count) {
            let text = format!("found {proxy}, expected a number below the {count} of proxies.count, or all");
            check.complain(&[&at.key("proxy"), &KeyPath::from(["proxies", "count"])], text);
        }
        reloads.push(plan::Reload { at: Moment::START + reload.at, proxy });
    }
    let workers = u64::from(file.proxies.count.small()) * (reloads.len() as u64 + 1);
    if workers > WORKERS_MAX {
        let text = format!("found reloads that make {workers} generations of proxies, expected at most {WORKERS_MAX}");
        check.complain(&[&KeyPath::from(["events"]), &KeyPath::from(["proxies", "count"])], text);
    }
    reloads.sort_by_key(|reload| reload.at);
    reloads
}

pub(super) fn check_event(file: &File, found: Span, at: &KeyPath, check: &mut Check<'_>) {
    if found >= file.horizon.0 {
        let text = format!("found {found}, expected a time before the horizon of {}", file.horizon.0);
        check.complain(&[at, &KeyPath::from(["horizon"])], text);
    }
}

pub(super) fn faults(file: &File, check: &mut Check<'_>) -> Vec<plan::Fault> {
    let horizon = KeyPath::from(["horizon"]);
    let mut faults = Vec::new();
    for (index, fault) in file.faults.iter().enumerate() {
        let Fault::Kill(kill) = fault;
        if kill.at >= file.horizon.0 {
            let at = KeyPath::from(["faults"]).index(index).key("kill").key("at");
            let text = format!("found {}, expected a time before the horizon of {}", kill.at, file.horizon.0);
            check.complain(&[&at, &horizon], text);
        }
        faults.push(plan::Fault {
            at: Moment::START + kill.at,
            kill: kill.instances.small(),
            silent: kill.silent,
            restart: kill.restart.0,
        });
    }
    faults.sort_by_key(|fault| fault.at);
    faults
}
