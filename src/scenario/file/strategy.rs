//! The strategies to compare.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::NoneWord;
use super::manifest::Manifest;
use super::trial::{AbTest, Combined, FeatureFlag, HoldOrManual, Promotion, Shadow};
use crate::core::amount::Amount;
use crate::core::time::Span;
use crate::scenario::entry::{Entry, OrWord, choice, table, words};
use crate::scenario::units::{Above, Lasting, Name, Percent, Whole};
use crate::yaml::problem::{Problems, nearest};
use crate::yaml::tree::{Data, KeyPath, Node};

/// The strategies with their names, in the order of the file.
///
/// A key that is a kind of strategy holds the options of that kind; any other key is a name of the user's and holds
/// one choice: `fast: { canary: { … } }`, or what a manifest says: `ours: { from: deploy.yaml }`.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scenario) struct Strategies(pub Vec<(String, Strategy)>);

/// The kind whose options may stand without its word.
const MANIFEST: &str = "manifest";

impl Strategies {
    /// Where the options of a strategy stand in the file.
    pub fn path(name: &str, kind: &str) -> KeyPath {
        let named = KeyPath::from(["strategies", name]);
        if name == kind || kind == MANIFEST { named } else { named.key(kind) }
    }
}

impl Entry for Strategies {
    fn expected() -> String {
        format!("a table from names to strategies ({})", Strategy::WORDS.join(", "))
    }

    fn fallback() -> Self {
        Strategies(Vec::new())
    }

    fn read(node: &Node, at: &KeyPath, problems: &mut Problems) -> Self {
        let Data::Table(entries) = &node.data else {
            let text = format!("found {}, expected {}", node.describe(), Self::expected());
            problems.add(node.place, at, text);
            return Self::fallback();
        };
        let strategies = entries.iter().map(|(key, node)| {
            Name::check_key(key, at, problems);
            let path = at.key(&key.text);
            let strategy = if Strategy::WORDS.contains(&key.text.as_str()) {
                Strategy::read_body(&key.text, node, &path, problems)
            } else if node.child("from").is_some() {
                Strategy::read_body(MANIFEST, node, &path, problems)
            } else if is_misspelt(&key.text, node) {
                let kinds = Strategy::WORDS.iter().copied();
                let text =
                    format!("found an unknown kind of strategy, expected one of: {}", Strategy::WORDS.join(", "));
                problems.add(key.place, &path, text).suggest(&key.text, kinds);
                Strategy::fallback()
            } else {
                Strategy::read(node, &path, problems)
            };
            (key.text.clone(), strategy)
        });
        Strategies(strategies.collect())
    }

    fn write(&self) -> Option<Node> {
        let entries = self.0.iter().map(|(name, strategy)| {
            let (kind, body) = strategy.parts();
            let node = if name == kind || kind == MANIFEST { body } else { strategy.write() };
            (name.as_str(), node)
        });
        Some(Node::table(entries))
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Self>()
    }
}

/// Whether a key is meant as a kind and not as a name of the user's: it nearly is one, and holds no choice.
fn is_misspelt(key: &str, node: &Node) -> bool {
    let holds_choice = match &node.data {
        Data::Scalar(scalar) => Strategy::WORDS.contains(&scalar.text.as_str()),
        Data::Table(entries) => entries.len() == 1 && Strategy::WORDS.contains(&entries[0].0.text.as_str()),
        Data::List(_) => false,
    };
    !holds_choice && nearest(key, Strategy::WORDS.iter().copied()).is_some()
}

impl JsonSchema for Strategies {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Strategies".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let bodies = [
            Recreate::schema(generator),
            Rolling::schema(generator),
            BlueGreen::schema(generator),
            Canary::schema(generator),
            AbTest::schema(generator),
            Shadow::schema(generator),
            FeatureFlag::schema(generator),
            Combined::schema(generator),
            Manifest::schema(generator),
        ];
        let kinds: serde_json::Map<String, serde_json::Value> =
            Strategy::WORDS.iter().zip(bodies).map(|(word, body)| ((*word).to_owned(), body.to_value())).collect();
        let choice = Strategy::schema(generator);
        let manifest = Manifest::schema(generator);
        schemars::json_schema!({
            "type": "object",
            "properties": kinds,
            "additionalProperties": { "anyOf": [choice, manifest] },
        })
    }
}

choice! {
    /// A way to replace the old version by the new one.
    pub enum Strategy {
        /// Stop every old instance, wait until they are gone, start the new ones.
        "recreate" => Recreate(Recreate),
        /// Replace a few at a time.
        "rolling" => Rolling(Rolling),
        /// A second fleet, one switch, the first kept for an instant return.
        "blue-green" => BlueGreen(BlueGreen),
        /// A growing share of the traffic, watched by a gate.
        "canary" => Canary(Canary),
        /// Two versions side by side for a while, and the measured difference between them.
        "ab-test" => AbTest(AbTest),
        /// Copies of the requests load the new version; its answers are thrown away.
        "shadow" => Shadow(Shadow),
        /// The new code is in every instance already; a growing share of the users meets it.
        "feature-flag" => FeatureFlag(FeatureFlag),
        /// Blue-green with a canary: a second fleet, a growing share of the traffic to it, one switch.
        "combined" => Combined(Combined),
        /// What the manifest of a real controller says.
        "manifest" => Manifest(Manifest),
    }
}

/// A gate, or the word that switches it off.
pub(in crate::scenario) type GateOrNone = OrWord<Gate, NoneWord>;

table! {
    /// Stop every old instance, wait until they are gone, start the new ones.
    pub struct Recreate {
        /// Rolls back when the new version fails; none unless given.
        gate: GateOrNone = OrWord::absent(),
        /// How long the gate goes on watching once every instance is new: 2m with a gate.
        bake: Option<Span> = None,
    }
}

table! {
    /// Replace a few at a time, with the arithmetic of a Kubernetes Deployment.
    pub struct Rolling {
        /// Instances above the size of the fleet; a percentage rounds up.
        surge: Amount = Amount::Percent(25.0),
        /// Instances that may be missing, at most 100%; a percentage rounds down.
        unavailable: Amount = Amount::Percent(25.0),
        /// Rolls back when the new version fails; none unless given.
        gate: GateOrNone = OrWord::absent(),
        /// How long the gate goes on watching once every instance is new: 2m with a gate.
        bake: Option<Span> = None,
    }
}

table! {
    /// A second fleet, one switch, the first kept for an instant return.
    pub struct BlueGreen {
        /// New instances before the switch waits and takes place; the whole fleet unless given.
        preview: Option<Whole<1, 100_000>> = None,
        /// What the switch waits for once the preview is available: nothing (auto), somebody (manual), or a time.
        promotion: Promotion = Promotion::Auto,
        /// How long the old fleet is kept after the switch.
        bake: Span = Span::from_secs(120),
        /// Rolls back when the new version fails, from the switch to the end of the bake.
        gate: GateOrNone = OrWord::present(Entry::fallback()),
    }
}

table! {
    /// A growing share of the traffic, watched by a gate.
    pub struct Canary {
        /// In order, with rising shares; after the last the new version gets everything.
        steps: Vec<Step> = Step::usual(),
        /// Rolls back when the new version fails, from the first step on.
        gate: GateOrNone = OrWord::present(Entry::fallback()),
        /// How a proxy splits requests between the versions.
        split: Split = Split::Random,
        /// With the split header: share of the users who carry the header or cookie that sends them to the new version.
        header: Percent = Percent::of(5.0),
        /// How long the old fleet is kept after the last step.
        keep_old: Span = Span::from_secs(30),
    }
}

table! {
    /// Gives the new version a share of the requests, then holds.
    pub struct Step one of [share, weights] {
        /// The new version's share of the requests.
        share: Option<Percent> = None,
        /// The same as weights of the two versions.
        weights: Option<Weights> = None,
        /// How long, or `manual`: until somebody promotes.
        hold: HoldOrManual,
        /// New instances: a number of its own, of which a percentage rounds up; to match the share unless given.
        instances: Option<Amount> = None,
    }
}

impl Step {
    fn usual() -> Vec<Step> {
        let hold = || OrWord::present(Lasting(Span::from_secs(60)));
        let step = |percent| Step { share: Some(Percent::of(percent)), weights: None, hold: hold(), instances: None };
        [5.0, 25.0, 50.0].map(step).to_vec()
    }
}

table! {
    /// Weights of the two versions, as a load balancer has them.
    pub struct Weights {
        /// Of the new version.
        new: Whole<1, 1_000_000>,
        /// Of the old version.
        old: Whole<0, 1_000_000>,
    }
}

words! {
    /// How a proxy splits requests between the versions.
    pub enum Split {
        /// By chance for each request.
        "random" => Random,
        /// In smooth rotation, so that the share is exact.
        "smooth" => Smooth,
        /// By the user, who then stays with that version while the share does not change.
        "user" => User,
        /// By a header that some users carry; the others by chance.
        "header" => Header,
    }
}

table! {
    /// An automatic verdict on the new version, from what was counted of its attempts.
    pub struct Gate {
        /// Who judges.
        judge: JudgeName = JudgeName::Threshold,
        /// For the judge threshold: fails when the share of bad attempts is above this; 1% unless given.
        error_rate: Option<Percent> = None,
        /// For the judge relative: fails when the share is above so many times that of the old version; 2 unless given.
        factor: Option<Above<0>> = None,
        /// Probability to condemn a healthy version; 5% unless given. For fisher, z, sprt, pocock, obrien-fleming and confidence-sequence.
        alpha: Option<Percent> = None,
        /// Probability to condemn the bad one; 80% unless given. For sprt.
        power: Option<Percent> = None,
        /// Share of bad attempts of a healthy version; 0.1% unless given. For sprt.
        baseline: Option<Percent> = None,
        /// Share of bad attempts of a version that is to be caught; 1% unless given. For sprt and confidence-sequence.
        bad: Option<Percent> = None,
        /// Planned looks, one after each window; 5 unless given. For pocock and obrien-fleming.
        looks: Option<Whole<1, 100>> = None,
        /// Whom the new version is compared with; fleet unless given. For all judges but threshold and sprt, which compare with nobody.
        control: Option<ControlName> = None,
        /// Attempts that take longer than this are bad; those that fail unless given.
        slower_than: Option<Lasting> = None,
        /// Fewer attempts than this are no evidence; 200 unless given, and 1 for judges that count from the start.
        samples: Option<Whole<1, 1_000_000_000>> = None,
        /// How far back it looks; judges that count from the start do not.
        window: Lasting = Lasting(Span::from_secs(60)),
        /// Besides: fails once the new version has burnt this much of the error budget of the slo's window.
        budget: Option<Percent> = None,
    }
}

words! {
    /// Whom a canary is compared with.
    pub enum ControlName {
        /// The whole old fleet.
        "fleet" => Fleet,
        /// As many old instances as the canary has new ones, launched with them. In canary, combined and ab-test.
        "baseline" => Baseline,
    }
}

words! {
    /// Who judges a canary.
    pub enum JudgeName {
        /// A limit of its error rate.
        "threshold" => Threshold,
        /// A multiple of the old version's error rate.
        "relative" => Relative,
        /// Fisher's exact test against the old version.
        "fisher" => Fisher,
        /// The two-proportion z test against the old version.
        "z" => Z,
        /// Kayenta's Mann-Whitney test on the error rates from scrape to scrape.
        "mann-whitney" => MannWhitney,
        /// Wald's sequential test.
        "sprt" => Sprt,
        /// Planned looks, all with the same limit.
        "pocock" => Pocock,
        /// Planned looks with limits that fall.
        "obrien-fleming" => OBrienFleming,
        /// A confidence sequence, which may be looked at always.
        "confidence-sequence" => ConfidenceSequence,
    }
}
