//! A strategy that stands in the manifest of a real controller.

use schemars::{Schema, json_schema};

use crate::manifest::Metric;
use crate::scenario::entry::{Advice, Entry, Leaf, Named, leaf, table};
use crate::scenario::units::{FileName, Percent};
use crate::yaml::tree::Scalar;

table! {
    /// What the manifest of a Deployment, an Argo Rollout, a Flagger Canary, an ECS service, a Nomad job and so on says.
    pub struct Manifest {
        /// The file: YAML, JSON or HCL.
        from: FileName,
        /// Which of several manifests in the file, by its name.
        name: Option<FileName> = None,
        /// What stands behind the metrics of its analyses, by their names there; others are not simulated.
        metrics: Named<MetricWord> = Entry::fallback(),
        /// Share of the users whose requests match where it routes by headers or cookies.
        matches: Percent = Percent::of(5.0),
    }
}

/// What a metric measures.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scenario) struct MetricWord {
    word: String,
    pub metric: Metric,
}

impl Leaf for MetricWord {
    fn expected() -> String {
        Metric::EXPECTED.to_owned()
    }

    fn fallback() -> MetricWord {
        let word = "availability".to_owned();
        let metric = Metric::parse(&word).expect("the word is one of those");
        MetricWord { word, metric }
    }

    fn parse(scalar: &Scalar) -> Result<MetricWord, Advice> {
        let word = scalar.text.trim().to_owned();
        let metric = Metric::parse(&word).ok_or_else(Advice::none)?;
        Ok(MetricWord { word, metric })
    }

    fn scalar(&self) -> Scalar {
        Scalar::plain(self.word.clone())
    }

    fn schema() -> Schema {
        let pattern = r"^ *(availability|availability-percent|error-rate|error-rate-percent|latency-p[0-9]+(\.[0-9]+)?-(s|ms)) *$";
        json_schema!({ "type": "string", "pattern": pattern })
    }
}

leaf!(MetricWord);
