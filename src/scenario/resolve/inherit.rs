//! `like`: a version takes what it does not say from another.

use crate::scenario::check::Check;
use crate::scenario::entry::{Or, OrWord};
use crate::scenario::file::{File, Version};
use crate::scenario::units::{Factor, Percent, Whole};
use crate::yaml::problem::nearest;
use crate::yaml::tree::{KeyPath, quote};

/// Indices of the versions that the laws of a version were written for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sources {
    pub service: usize,
    pub crashes: usize,
}

/// For each version, where its laws were written; afterwards every version stands for itself.
pub(super) fn inherit(file: &mut File, check: &mut Check<'_>) -> Vec<Sources> {
    let chains: Vec<Vec<usize>> = (0..file.versions.0.len()).map(|index| chain(file, index, check)).collect();
    let completed = chains.iter().map(|chain| complete(file, chain)).collect();
    let sources = chains.iter().map(|chain| Sources {
        service: service_source(file, chain, check),
        crashes: chain.iter().copied().find(|&index| file.versions.0[index].1.crashes.is_some()).unwrap_or(chain[0]),
    });
    let sources = sources.collect();
    file.versions.0 = completed;
    sources
}

/// The version itself, the one it is like, the one that is like, and so on.
fn chain(file: &File, start: usize, check: &mut Check<'_>) -> Vec<usize> {
    let versions = &file.versions.0;
    let mut chain = vec![start];
    let mut current = start;
    while let Some(like) = &versions[current].1.like {
        let at = KeyPath::from(["versions", &versions[current].0, "like"]);
        let Some(next) = find(file, &like.0, &at, check) else {
            break;
        };
        if chain.contains(&next) {
            let text = format!("found {}, which is in turn like this one", quote(&like.0));
            check.complain(&[&at], text);
            break;
        }
        chain.push(next);
        current = next;
    }
    chain
}

/// The version of that name, or a problem.
pub(super) fn find(file: &File, name: &str, at: &KeyPath, check: &mut Check<'_>) -> Option<usize> {
    let names: Vec<&str> = file.versions.0.iter().map(|(name, _)| name.as_str()).collect();
    let found = names.iter().position(|known| *known == name);
    if found.is_none() && !names.is_empty() {
        let text = format!("found {}, expected one of the versions: {}", quote(name), names.join(", "));
        if let Some(problem) = check.complain(&[at], text) {
            problem.suggestion = nearest(name, names).map(str::to_owned);
        }
    }
    found
}

fn complete(file: &File, chain: &[usize]) -> (String, Version) {
    let said = || chain.iter().map(|index| &file.versions.0[*index].1);
    let none = Percent::of(0.0);
    let version = Version {
        like: None,
        service: said().find_map(|version| version.service.clone()),
        latency: said().find_map(|version| version.latency).or(Some(Factor(1.0))),
        errors: said().find_map(|version| version.errors.clone()).or(Some(Or::Leaf(none))),
        leak: said().find_map(|version| version.leak.clone()).or(Some(OrWord::absent())),
        under_load: said().find_map(|version| version.under_load.clone()).or(Some(OrWord::absent())),
        cohort: said().find_map(|version| version.cohort).or(Some(none)),
        fails_to_start: said().find_map(|version| version.fails_to_start).or(Some(none)),
        crashes: said().find_map(|version| version.crashes.clone()).or(Some(OrWord::absent())),
        priority: said().find_map(|version| version.priority).or(Some(Whole::of(0))),
    };
    (file.versions.0[chain[0]].0.clone(), version)
}

fn service_source(file: &File, chain: &[usize], check: &mut Check<'_>) -> usize {
    let source = chain.iter().find(|index| file.versions.0[**index].1.service.is_some());
    if source.is_none() {
        let name = &file.versions.0[chain[0]].0;
        let at = KeyPath::from(["versions", name, "service"]);
        let text = "found nothing, expected a time or a law of durations, here or in the version that 'like' names";
        let links: Vec<KeyPath> =
            chain.iter().map(|index| KeyPath::from(["versions", &file.versions.0[*index].0, "like"])).collect();
        let mut about = vec![&at];
        about.extend(&links);
        check.complain(&about, text);
    }
    source.copied().unwrap_or(chain[0])
}
