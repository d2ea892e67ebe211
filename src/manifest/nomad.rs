//! A Nomad job, as JSON or HCL: the `update` block with its validation, and what its tasks say of starting and stopping.

mod task;

use self::task::{stopping, time};
use crate::core::rollout::{Nomad, Pace, Rolling, Strategy};
use crate::core::time::Span;
use crate::manifest::Pod;
use crate::manifest::fields::{Fields, Item};
use crate::yaml::tree::Data;

/// What a job may hold beside what is read here.
const JOB: [&str; 30] = [
    "affinities",
    "affinity",
    "all_at_once",
    "constraint",
    "constraints",
    "consul_token",
    "create_index",
    "datacenters",
    "job_modify_index",
    "meta",
    "migrate",
    "modify_index",
    "multiregion",
    "namespace",
    "node_pool",
    "parameterized",
    "periodic",
    "priority",
    "region",
    "reschedule",
    "spread",
    "spreads",
    "stable",
    "status",
    "submit_time",
    "ui",
    "vault",
    "vault_token",
    "version",
    "version_tag",
];

/// What a group may hold beside what is read here.
const GROUP: [&str; 25] = [
    "affinities",
    "affinity",
    "constraint",
    "constraints",
    "consul",
    "disconnect",
    "ephemeral_disk",
    "max_client_disconnect",
    "meta",
    "migrate",
    "migrate_strategy",
    "network",
    "networks",
    "prevent_reschedule_on_lost",
    "reschedule",
    "reschedule_policy",
    "restart",
    "restart_policy",
    "scaling",
    "spread",
    "spreads",
    "stop_after_client_disconnect",
    "vault",
    "volume",
    "volumes",
];

/// A group of a job with what is to be done.
pub(super) struct Group {
    pub name: String,
    pub strategy: Strategy,
    pub pod: Pod,
}

/// Reads a job: one rollout for each group.
pub(super) fn read(job: &Fields<'_>) -> Vec<Group> {
    job.skip_together(&JOB);
    // Of which the second is `ID` in JSON.
    job.accept(&["name", "i_d"]);
    if let Some(kind) = job.get("type")
        && kind.text().is_some_and(|kind| kind != "service")
    {
        kind.not_simulated();
    }
    let update = job.get("update").and_then(|item| item.table());
    let groups = groups(job);
    if groups.is_empty() {
        job.complain("group", "found no group, expected at least one");
    }
    let groups = groups.into_iter().filter_map(|(name, item)| {
        let fields = item.table()?;
        Some(group(name, &fields, update.as_ref()))
    });
    groups.collect()
}

/// `group "web" { … }` in HCL, `TaskGroups: [{Name: web}]` in JSON.
fn groups<'a>(job: &Fields<'a>) -> Vec<(String, Item<'a>)> {
    let labelled = job.get("group").map(|item| item.entries()).unwrap_or_default();
    let labelled = labelled.into_iter().map(|(name, item)| (name.to_owned(), item));
    let listed = job.list("task_groups").into_iter().map(|item| {
        let name = match item.node.child("Name").map(|node| &node.data) {
            Some(Data::Scalar(scalar)) => scalar.text.clone(),
            _ => String::new(),
        };
        (name, item)
    });
    labelled.chain(listed).collect()
}

fn group(name: String, fields: &Fields<'_>, of_job: Option<&Fields<'_>>) -> Group {
    fields.skip_together(&GROUP);
    fields.accept(&["name"]);
    let own = fields.get("update").and_then(|item| item.table());
    let update = Update::read(own.as_ref(), of_job);
    let mut pod = Pod {
        replicas: fields.whole("count"),
        min_ready: Some(update.min_healthy),
        progress_deadline: Some(update.progress_deadline),
        ..Pod::default()
    };
    stopping(fields, &mut pod);
    let pace = Pace::Nomad(update.nomad);
    Group { name, strategy: Strategy::Rolling(Rolling { pace, gate: None, bake: Span::ZERO }), pod }
}

/// The update block of the group, filled up from that of the job.
struct Update {
    nomad: Nomad,
    min_healthy: Span,
    progress_deadline: Span,
}

impl Update {
    fn read(own: Option<&Fields<'_>>, of_job: Option<&Fields<'_>>) -> Update {
        let blocks = Blocks([own, of_job]);
        blocks.skip(&["stagger", "health_check"]);
        let update = Update {
            nomad: Nomad {
                parallel: blocks.first(|block| block.whole("max_parallel")).unwrap_or(1),
                canaries: blocks.first(|block| block.whole("canary")).unwrap_or(0),
                auto_promote: blocks.first(|block| block.truth("auto_promote")).unwrap_or(false),
                auto_revert: blocks.first(|block| block.truth("auto_revert")).unwrap_or(false),
                healthy_deadline: blocks.time("healthy_deadline").unwrap_or(Nomad::new(1).healthy_deadline),
            },
            min_healthy: blocks.time("min_healthy_time").unwrap_or(Span::from_secs(10)),
            progress_deadline: blocks.time("progress_deadline").unwrap_or(Span::from_secs(600)),
        };
        update.check(&blocks);
        update
    }

    fn check(&self, blocks: &Blocks<'_, '_>) {
        let healthy_deadline = self.nomad.healthy_deadline;
        if self.nomad.auto_promote && self.nomad.canaries == 0 {
            blocks.complain("auto_promote", "found auto_promote without canaries, expected a canary count above zero");
        }
        if self.min_healthy >= healthy_deadline {
            let text = format!("found {}, expected less than healthy_deadline, {healthy_deadline}", self.min_healthy);
            blocks.complain("min_healthy_time", &text);
        }
        let progress = self.progress_deadline;
        // Zero means that the first unhealthy instance fails the deployment.
        if !progress.is_zero() && healthy_deadline >= progress {
            let text = format!("found {healthy_deadline}, expected less than progress_deadline, {progress}");
            blocks.complain("healthy_deadline", &text);
        }
    }
}

/// The update blocks, those that count first coming first.
struct Blocks<'b, 'a>([Option<&'b Fields<'a>>; 2]);

impl<'b, 'a> Blocks<'b, 'a> {
    fn each(&self) -> impl Iterator<Item = &'b Fields<'a>> {
        self.0.into_iter().flatten()
    }

    /// Asks all of them, so that none calls the key unknown; the first answer counts.
    fn first<T>(&self, read: impl Fn(&Fields<'a>) -> Option<T>) -> Option<T> {
        self.each().map(read).fold(None, Option::or)
    }

    fn time(&self, key: &str) -> Option<Span> {
        self.first(|block| time(&block.get(key)?))
    }

    fn skip(&self, keys: &[&str]) {
        self.each().for_each(|block| block.skip(keys));
    }

    /// At the block that has the key.
    fn complain(&self, key: &str, text: &str) {
        let block = self.each().find(|block| block.has(key)).or(self.each().next());
        if let Some(block) = block {
            block.complain(key, text);
        }
    }
}
