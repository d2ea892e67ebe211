//! Reports: pure writers from a [`Forecast`] to text and bytes. They never change a number, never ask for the time, and know no
//! engine; [`folder`] alone touches the disk. The verbs of `cli` drive them.

pub mod budget;
pub mod csv;
pub mod detect;
pub mod folder;
pub mod json;
pub mod plan;
pub mod plot;
pub mod power;
pub mod sweep;
pub mod terminal;
pub mod validation;
pub mod verdict;

mod number;
mod repeated;
mod risk;
mod slos;
mod table;
mod text;

#[cfg(test)]
mod fixture;

use crate::measure::forecast::Forecast;

pub use json::json;
pub use terminal::terminal;
pub use verdict::verdict;

/// Every file of a result folder, by name; `run_yaml` is what it takes to run it again.
pub fn files(forecast: &Forecast, run_yaml: &str) -> Vec<(String, Vec<u8>)> {
    let files = [
        (folder::MARK, run_yaml.as_bytes().to_vec()),
        ("report.json", json(forecast).into_bytes()),
        ("summary.csv", csv::summary(forecast)),
        ("replications.csv", csv::replications(forecast)),
        ("slos.csv", csv::slos(forecast)),
        ("phases.csv", csv::phases(forecast)),
        ("timeline.csv", csv::timeline(forecast)),
        ("timeline.svg", plot::timeline(forecast).into_bytes()),
        ("rollout.svg", plot::rollout(forecast).into_bytes()),
        ("instances.svg", plot::instances(forecast).into_bytes()),
        ("budget.svg", plot::budget(forecast).into_bytes()),
        ("cost-loss.svg", plot::cost_loss(forecast).into_bytes()),
    ];
    files.map(|(name, bytes)| (name.to_owned(), bytes)).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_folder_has_all_its_files() {
        let files = files(&fixture::checkout(), "seed: 7\n");
        let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
        let promised =
            ["run.yaml", "summary.csv", "timeline.csv", "phases.csv", "report.json", "timeline.svg", "instances.svg"];
        assert!(promised.iter().all(|name| names.contains(name)), "{names:?}");
        assert!(files.iter().all(|(_, bytes)| !bytes.is_empty()));
    }

    #[test]
    fn the_same_forecast_gives_the_same_bytes() {
        assert_eq!(files(&fixture::unusual(), ""), files(&fixture::unusual(), ""));
    }
}
