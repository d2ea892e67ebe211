//! Which release a replication deploys: as the scenario has it, or drawn from what it says releases are like.

use std::borrow::Cow;

use crate::core::draw::{Stream, unit};
use crate::scenario::plan::{Releases, Scenario};
use rand::Rng;

/// The release of one replication, the same for every strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The scenario describes this one and no others.
    AsWritten,
    /// The version of the rollout as it is.
    Good,
    /// It is bad, of the kind with this number.
    Bad(usize),
}

/// The scenario of the replication with number `index`, counted from 0: with a seed and a release of its own.
pub fn replication(scenario: &Scenario, index: u32) -> (Cow<'_, Scenario>, Release) {
    let seed = scenario.seed.replication(index);
    let release =
        scenario.releases.as_ref().map_or(Release::AsWritten, |releases| releases.draw(&mut seed.stream("release", 0)));
    if index == 0 && !matches!(release, Release::Bad(_)) {
        return (Cow::Borrowed(scenario), release);
    }
    let mut own = Scenario { seed, ..scenario.clone() };
    if let (Release::Bad(kind), Some(releases), Some(rollout)) = (release, &scenario.releases, scenario.rollout) {
        own.versions[rollout.to.index()] = releases.kinds[kind].version.clone();
    }
    (Cow::Owned(own), release)
}

impl Releases {
    /// Two draws whatever comes of them, so that the kinds do not shift who is bad.
    fn draw(&self, stream: &mut Stream) -> Release {
        let (bad, kind) = (unit(stream.next_u64()), unit(stream.next_u64()));
        if bad >= self.bad.value() {
            return Release::Good;
        }
        let mut left = kind * self.kinds.iter().map(|kind| kind.weight).sum::<f64>();
        let chosen = self.kinds.iter().position(|kind| {
            left -= kind.weight;
            left < 0.0
        });
        // Rounding may leave a trace beyond the last.
        Release::Bad(chosen.unwrap_or(self.kinds.len() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::{RELEASES, good};

    #[test]
    fn releases_are_bad_as_often_as_said_and_of_each_kind_by_its_weight() {
        let loaded = good(RELEASES);
        let count = 20_000;
        let drawn: Vec<Release> = (0..count).map(|index| replication(&loaded.scenario, index).1).collect();
        let share = |release| drawn.iter().filter(|&&drawn| drawn == release).count() as f64 / f64::from(count);
        // 15 % are bad, three quarters of them of the first kind: five standard errors are about 0.0125.
        for (release, expected) in [(Release::Good, 0.85), (Release::Bad(0), 0.112_5), (Release::Bad(1), 0.037_5)] {
            assert!((share(release) - expected).abs() < 0.0125, "{release:?}: {}", share(release));
        }
    }

    #[test]
    fn a_bad_release_is_the_deployed_version_with_what_its_kind_says() {
        let loaded = good(RELEASES);
        let scenario = &loaded.scenario;
        let new = scenario.rollout.expect("it has one").to.index();
        // The first replication has the seed of the scenario.
        let bad = (1..1_000).map(|index| replication(scenario, index));
        let (own, _) = bad.into_iter().find(|(_, release)| *release == Release::Bad(1)).expect("3.75 % are");
        assert_eq!((own.versions[new].slowdown, own.versions[new].errors), (2.0, scenario.versions[new].errors));
        assert_eq!(own.versions[new].service, scenario.versions[new].service);
        assert_ne!(own.seed, scenario.seed);
        assert_eq!(own.versions[1 - new], scenario.versions[1 - new]);
    }

    #[test]
    fn without_releases_the_first_replication_is_the_scenario_itself() {
        let loaded = good(crate::scenario::tests::SAMPLE);
        assert!(matches!(replication(&loaded.scenario, 0), (Cow::Borrowed(_), Release::AsWritten)));
    }
}
