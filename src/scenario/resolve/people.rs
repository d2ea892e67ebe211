//! What people do: to the rollout, and to the size of the fleet.

use super::target::check_event;
use crate::core::time::Moment;
use crate::scenario::check::Check;
use crate::scenario::file::{self, File};
use crate::scenario::plan::{Act, Deed, Resize};
use crate::yaml::tree::KeyPath;

pub(super) fn people(file: &File, check: &mut Check<'_>) -> Vec<Deed> {
    let Some(rollout) = &file.rollout else { return Vec::new() };
    let mut deeds = Vec::new();
    for (index, deed) in rollout.people.iter().enumerate() {
        let at = KeyPath::from(["rollout", "people"]).index(index).key("at");
        check_event(file, deed.at, &at, check);
        if deed.at < rollout.at {
            let text = format!("found {}, expected a time from the rollout at {}", deed.at, rollout.at);
            check.complain(&[&at, &KeyPath::from(["rollout", "at"])], text);
        }
        let act = match deed.r#do {
            file::Act::Promote => Act::Promote,
            file::Act::Abort => Act::Abort,
            file::Act::Pause => Act::Pause,
            file::Act::Resume => Act::Resume,
        };
        deeds.push(Deed { at: Moment::START + deed.at, act });
    }
    deeds.sort_by_key(|deed| deed.at);
    deeds
}

pub(super) fn sizes(file: &File, check: &mut Check<'_>) -> Vec<Resize> {
    let mut sizes = Vec::new();
    for (index, resize) in file.scale.iter().enumerate() {
        let at = KeyPath::from(["scale"]).index(index).key("at");
        check_event(file, resize.at, &at, check);
        sizes.push(Resize { at: Moment::START + resize.at, size: resize.size.small() });
    }
    sizes.sort_by_key(|resize| resize.at);
    sizes
}
