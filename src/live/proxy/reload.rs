//! Another configuration takes over, or does not.

use crate::live::proxy::desk::{Course, Desk};
use crate::live::proxy::metrics::Metrics;
use crate::live::proxy::serve::{Current, current};
use crate::live::proxy::{Keeper, tell};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

/// Takes a new configuration, or says why not and goes on with the old one.
pub(super) fn reload(desk: &Current, keeper: &dyn Keeper, metrics: &Arc<Metrics>) {
    match reloaded(&current(desk), keeper, metrics) {
        Ok(next) => {
            let old = std::mem::replace(&mut *desk.write().unwrap_or_else(PoisonError::into_inner), Arc::clone(&next));
            old.over.send_replace(true);
            next.begin();
            metrics.reloads.with_label_values(&["taken"]).inc();
            tell(&format!("took the new configuration; {} instances", next.members().len()));
        }
        Err(reason) => {
            metrics.reloads.with_label_values(&["refused"]).inc();
            tell(&format!("goes on with the old configuration: {reason}"));
        }
    }
}

fn reloaded(old: &Desk, keeper: &dyn Keeper, metrics: &Arc<Metrics>) -> Result<Arc<Desk>, String> {
    let mut config = keeper.read_again()?;
    let serves = match old.helm().course {
        Course::UnderWay(phase) => return Err(format!("a rollout is under way ({phase}): let it end, or abort it")),
        Course::Ended(crate::core::rollout::Phase::Promoted) => {
            old.config.loaded.scenario.rollout.map(|rollout| rollout.to)
        }
        Course::Ended(_) | Course::NotBegun => None,
    };
    let scenario = &config.loaded.scenario;
    let from = &scenario.versions[scenario.running.index()].name;
    if let Some(serves) = serves.map(|version| old.version_name(version))
        && serves != from
    {
        return Err(format!("{serves} serves since the rollout, and the new configuration begins with {from}"));
    }
    let same = |one: SocketAddr, other: SocketAddr| {
        one.ip() == other.ip() && (other.port() == 0 || one.port() == other.port())
    };
    let admin = (old.config.admin.as_ref(), config.admin.as_ref());
    let admin_same = match admin {
        (Some(old), Some(new)) => same(old.listen, new.listen) && old.token == new.token,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if !same(old.config.listen, config.listen) || !admin_same || old.config.access_log != config.access_log {
        return Err("listen, admin and access-log stay as they are: start another process for those".to_owned());
    }
    config.listen = old.config.listen;
    config.admin.clone_from(&old.config.admin);
    if let Some(share) = config.by_hand.filter(|_| old.config.by_hand.is_some()) {
        let set = old.helm().share;
        // A weight that somebody set stays, unless the file has another one than before.
        config.by_hand = Some(if old.config.by_hand == Some(share) { set } else { share });
    }
    let witness = keeper.witness(&config)?;
    Desk::open(config, metrics, witness).map_err(|error| error.to_string())
}
