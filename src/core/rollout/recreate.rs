//! Recreate: stop every instance of one version, wait until they are *gone*, then start the other
//! (`pkg/controller/deployment/recreate.go`).

use crate::core::fleet::Counts;
use crate::core::rollout::Targets;

/// The sizes that one sync asks for.
pub fn recreate_targets(size: u32, old: Counts, new: Counts) -> Targets {
    let gone = old.spec + old.terminating == 0;
    Targets { old: 0, new: if gone { size } else { new.spec } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_starts_while_anything_old_is_left() {
        let none = Counts::default();
        let running = Counts { spec: 3, ready: 3, available: 3, terminating: 0 };
        let leaving = Counts { terminating: 1, ..none };
        assert_eq!(recreate_targets(3, running, none), Targets { old: 0, new: 0 });
        assert_eq!(recreate_targets(3, leaving, none), Targets { old: 0, new: 0 });
        assert_eq!(recreate_targets(3, none, none), Targets { old: 0, new: 3 });
    }
}
