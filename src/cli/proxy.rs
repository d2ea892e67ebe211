//! `rollcast proxy CONFIG`

use crate::cli::Failure;
use crate::cli::args::Proxy;

/// Says how to get what this build does not have.
///
/// # Errors
/// Always.
#[cfg(not(feature = "live"))]
pub fn run(arguments: &Proxy) -> Result<(), Failure> {
    Err(Failure::Usage(format!(
        "this rollcast was built without real HTTP (the feature `live`, which needs cmake); build it with it:\n  cargo run --release --features live -- proxy {}",
        arguments.config.display()
    )))
}

#[cfg(feature = "live")]
pub use real::run;

#[cfg(feature = "live")]
mod real {
    use super::{Failure, Proxy};
    use crate::cli::journal::Journal;
    use crate::cli::screen;
    use crate::core::journal::Witness;
    use crate::live::proxy::{self, Keeper};
    use crate::scenario::config::{self, Config};
    use std::path::PathBuf;
    use std::sync::{Arc, Mutex, PoisonError};

    /// Serves until a signal ends it.
    ///
    /// # Errors
    /// A configuration with problems; an address where something else listens; a journal that cannot be written.
    pub fn run(arguments: &Proxy) -> Result<(), Failure> {
        let config = config::load(&arguments.config).map_err(Failure::Scenario)?;
        if arguments.check {
            let (name, count) = (&config.loaded.scenario.name, config.backends.len());
            screen::print(&format!("{}: ok: {name} with {count} back ends\n", arguments.config.display()))?;
            return Ok(());
        }
        let files = Arc::new(Files {
            config: arguments.config.clone(),
            journal: arguments.journal.clone(),
            journals: Mutex::default(),
        });
        let served = proxy::run(config, Box::new(Hand(Arc::clone(&files))), arguments.upgrade);
        let closed = files.close();
        served.map_err(|error| Failure::Nothing(error.to_string()))?;
        closed
    }

    /// Where configurations are read, and journals written: one for each configuration.
    struct Files {
        config: PathBuf,
        journal: Option<PathBuf>,
        journals: Mutex<Vec<Journal>>,
    }

    struct Hand(Arc<Files>);

    impl Keeper for Hand {
        fn read_again(&self) -> Result<Config, String> {
            config::load(&self.0.config).map_err(|problems| problems.to_string())
        }

        fn witness(&self, config: &Config) -> Result<Option<Witness>, String> {
            let Some(path) = &self.0.journal else { return Ok(None) };
            let mut journals = self.0.journals.lock().unwrap_or_else(PoisonError::into_inner);
            let path = match journals.len() {
                0 => path.clone(),
                earlier => PathBuf::from(format!("{}.{}", path.display(), earlier + 1)),
            };
            let journal = Journal::begin(&config.loaded, &path).map_err(|failure| failure.to_string())?;
            let witness = journal.witness(config.run());
            journals.push(journal);
            Ok(Some(witness))
        }
    }

    impl Files {
        fn close(&self) -> Result<(), Failure> {
            let journals = std::mem::take(&mut *self.journals.lock().unwrap_or_else(PoisonError::into_inner));
            journals.into_iter().try_for_each(Journal::finish)
        }
    }
}
