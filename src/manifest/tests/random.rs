//! Reading a manifest, writing what was read, and reading that again comes to the same, whatever the manifest says; and
//! no text makes the reader panic.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::core::amount::Share;
use crate::core::rollout;
use crate::manifest::{Manifest, Metric, Options, Pod, Target, export, read};

/// What a manifest says of the rollout.
type Said = (String, rollout::Strategy, Pod);

fn said(manifest: Manifest) -> Said {
    (manifest.name, manifest.strategy, manifest.pod)
}

/// Reads `text`, writes it for `target`, reads that, and expects the same.
fn assert_fixed(text: &str, target: Target) {
    let options = Options { matches: Share::new(0.05).expect("a share"), ..super::options() };
    let first = read(text, "first", &options).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let first = said(first.into_iter().next().expect("there is a manifest"));
    let exported = export(&first.1, &first.2, &first.0, target).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"));
    let known = |(name, word): &(String, String)| (name.clone(), Metric::parse(word).expect("the word is known"));
    let options = Options { metrics: exported.metrics.iter().map(known).collect(), ..options };
    let second = read(&exported.text, "second", &options)
        .unwrap_or_else(|problems| panic!("{problems}\nfrom\n{text}\nto\n{}", exported.text));
    let second = said(second.into_iter().next().expect("there is a manifest"));
    assert_eq!(first, second, "from\n{text}\nto\n{}", exported.text);
}

/// `key: value` where there is a value.
fn field(key: &str, value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(String::new, |value| format!("{key}: {value}, "))
}

/// A number of instances or a percentage of at most `most`.
fn amount(most: u32) -> impl Strategy<Value = String> {
    prop_oneof![(1..20_u32).prop_map(|count| count.to_string()), (1..=most).prop_map(|percent| format!("{percent}%"))]
}

fn limits() -> impl Strategy<Value = String> {
    (option::of(amount(200)), option::of(amount(100)))
        .prop_map(|(surge, unavailable)| field("maxSurge", surge) + &field("maxUnavailable", unavailable))
}

fn template() -> impl Strategy<Value = String> {
    let probe = (0..60_u32, 1..60_u32, 1..5_u32).prop_map(|(delay, period, successes)| {
        format!("{{ initialDelaySeconds: {delay}, periodSeconds: {period}, successThreshold: {successes} }}")
    });
    let hook = (0..60_u32).prop_map(|seconds| format!("{{ preStop: {{ sleep: {{ seconds: {seconds} }} }} }}"));
    let container = (option::of(probe), option::of(hook)).prop_map(|(probe, hook)| {
        format!("{{ name: a, {}{} }}", field("readinessProbe", probe), field("lifecycle", hook))
    });
    (option::of(0..600_u32), container).prop_map(|(grace, container)| {
        let grace = field("terminationGracePeriodSeconds", grace);
        format!("{{ spec: {{ {grace} containers: [ {container} ] }} }}")
    })
}

/// The fields that a Deployment and a Rollout share.
fn common() -> impl Strategy<Value = String> {
    let times = (0..300_u32, 1..1_000_u32)
        .prop_map(|(ready, more)| format!("minReadySeconds: {ready}, progressDeadlineSeconds: {}, ", ready + more));
    (option::of(0..50_u32), option::of(times), option::of(template())).prop_map(|(replicas, times, template)| {
        field("replicas", replicas) + &times.unwrap_or_default() + &field("template", template)
    })
}

fn kubernetes(group: &str, kind: &str, spec: &str) -> String {
    format!("apiVersion: {group}\nkind: {kind}\nmetadata: {{ name: shop }}\nspec: {{ {spec} }}\n")
}

fn deployment() -> impl Strategy<Value = String> {
    let rolling = limits().prop_map(|limits| format!("{{ rollingUpdate: {{ {limits} }} }}"));
    let strategy = prop_oneof![Just("{ type: Recreate }".to_owned()), rolling];
    (common(), strategy, any::<bool>()).prop_map(|(common, strategy, waits)| {
        let waits =
            if waits && !strategy.contains("Recreate") { "podReplacementPolicy: TerminationComplete, " } else { "" };
        kubernetes("apps/v1", "Deployment", &format!("{common}{waits} strategy: {strategy}"))
    })
}

fn metric() -> impl Strategy<Value = String> {
    let condition = prop_oneof![
        (0..=100_u32).prop_map(|value| ("success-rate", f64::from(value) / 100.0)),
        (0..=1_000_u32).prop_map(|value| ("error-rate", f64::from(value) / 1_000.0)),
        (1..5_000_u32).prop_map(|value| ("latency", f64::from(value))),
    ];
    let limits = (0..5_u32, 0..5_u32, 0..8_u32, option::of(0..3_u32), option::of(10..20_u32));
    (condition, select(vec!["<=", ">", "<", ">="]), any::<bool>(), limits, 1..600_u32).prop_map(
        |((name, value), sign, success, (failures, inconclusive, errors, successes, count), interval)| {
            let key = if success { "successCondition" } else { "failureCondition" };
            let sign = if name == "latency" && sign.starts_with('<') { "<=" } else { sign };
            let rest = field("consecutiveSuccessLimit", successes) + &field("count", count);
            format!(
                "{{ name: {name}, {key}: 'result[0] {sign} {value}', interval: {interval}s, failureLimit: {failures}, inconclusiveLimit: {inconclusive}, consecutiveErrorLimit: {errors}, {rest} provider: {{ prometheus: {{ query: 'rate(x[{interval}s])' }} }} }}"
            )
        },
    )
}

fn template_document() -> impl Strategy<Value = String> {
    metric().prop_map(|metric| {
        let spec = format!("metrics: [ {metric} ], dryRun: [ {{ metricName: error-rate }} ]");
        "---\n".to_owned() + &kubernetes("argoproj.io/v1alpha1", "AnalysisTemplate", &spec).replace("shop", "good")
    })
}

const REFERENCE: &str = "templates: [ { templateName: good } ]";

fn step(routed: bool) -> impl Strategy<Value = String> {
    let weight = (0..=100_u32).prop_map(|weight| format!("{{ setWeight: {weight} }}"));
    let pause = (1..5_000_u32).prop_map(|seconds| format!("{{ pause: {{ duration: {seconds} }} }}"));
    let scale = prop_oneof![
        (0..20_u32).prop_map(|count| format!("replicas: {count}")),
        (0..=200_u32).prop_map(|weight| format!("weight: {weight}")),
        Just("matchTrafficWeight: true".to_owned()),
    ];
    let scale = scale.prop_map(move |scale| {
        if routed { format!("{{ setCanaryScale: {{ {scale} }} }}") } else { "{ setWeight: 7 }".to_owned() }
    });
    let analysis = Just(format!("{{ analysis: {{ {REFERENCE} }} }}"));
    prop_oneof![3 => weight, 2 => pause, 1 => Just("{ pause: {} }".to_owned()), 2 => scale, 1 => analysis]
}

fn argo_canary() -> impl Strategy<Value = String> {
    let parts = any::<bool>().prop_flat_map(|routed| {
        let steps = proptest::collection::vec(step(routed), 0..8);
        (Just(routed), steps, any::<(bool, bool)>(), option::of(0..100_u32), option::of(0..12_u32))
    });
    (common(), parts, limits(), template_document()).prop_map(|(common, parts, limits, template)| {
        let (routed, steps, (dynamic, aborts), delay, background) = parts;
        let start = background.map(|start| format!("{{ {REFERENCE}, startingStep: {start} }}"));
        let analysis = field("analysis", start);
        let steps = steps.join(", ");
        let router = match (routed, dynamic) {
            (false, _) => String::new(),
            (true, true) => {
                "trafficRouting: { smi: {} }, dynamicStableScale: true, minPodsPerReplicaSet: 2, ".to_owned()
            }
            (true, false) => {
                let delays = field("scaleDownDelaySeconds", delay) + &field("abortScaleDownDelaySeconds", delay);
                format!("trafficRouting: {{ smi: {{}} }}, {delays}")
            }
        };
        let canary = format!("canary: {{ {limits}{router}{analysis} steps: [ {steps} ] }}");
        let spec = format!("{common} progressDeadlineAbort: {aborts}, strategy: {{ {canary} }}");
        // Without steps it is a rolling update, which has no abort of its own.
        let spec = if steps.is_empty() { spec.replace("progressDeadlineAbort: true", "paused: false") } else { spec };
        kubernetes("argoproj.io/v1alpha1", "Rollout", &spec) + &template
    })
}

fn argo_blue_green() -> impl Strategy<Value = String> {
    let fields =
        (option::of(0..9_u32), any::<bool>(), option::of(0..90_u32), option::of(0..90_u32), any::<(bool, bool)>());
    (common(), fields, template_document()).prop_map(|(common, fields, template)| {
        let (preview, automatic, promotion, delay, (before, after)) = fields;
        let analysis = |wanted: bool| wanted.then(|| format!("{{ {REFERENCE} }}"));
        let fields = field("previewReplicaCount", preview)
            + &field("autoPromotionSeconds", promotion)
            + &field("scaleDownDelaySeconds", delay)
            + &field("abortScaleDownDelaySeconds", delay)
            + &field("prePromotionAnalysis", analysis(before))
            + &field("postPromotionAnalysis", analysis(after));
        let way = format!("blueGreen: {{ activeService: a, autoPromotionEnabled: {automatic}, {fields} }}");
        kubernetes("argoproj.io/v1alpha1", "Rollout", &format!("{common} strategy: {{ {way} }}")) + &template
    })
}

fn flagger() -> impl Strategy<Value = String> {
    let weights =
        (option::of(0..=100_u32), option::of(0..=100_u32), option::of(proptest::collection::vec(1..=100_u32, 1..6)));
    let counts = (10..600_u32, 1..20_u32, option::of(1..20_u32), option::of(0..=100_u32), option::of(1..=100_u32));
    let metric = prop_oneof![
        (0..=1_000_u32).prop_map(|min| format!(
            "{{ name: request-success-rate, thresholdRange: {{ min: {} }} }}",
            f64::from(min) / 10.0
        )),
        (0..5_000_u32)
            .prop_map(|max| format!("{{ name: request-duration, thresholdRange: {{ max: {max} }}, interval: 30s }}")),
        (0..=100_u32).prop_map(|max| format!(
            "{{ name: error-rate, templateRef: {{ name: e }}, thresholdRange: {{ max: {} }} }}",
            f64::from(max) / 100.0
        )),
    ];
    let flags = any::<(bool, bool, bool, bool)>();
    (weights, counts, proptest::collection::vec(metric, 0..4), flags, option::of(deployment())).prop_map(
        |((step, most, list), (interval, threshold, iterations, promotion, ready), metrics, flags, deployment)| {
            let (kubernetes_provider, mirror, matches, skip) = flags;
            let list = list.map(|list| format!("{list:?}"));
            let mirror = mirror.then_some("true");
            let matches = matches.then_some("[ { headers: {} } ]");
            let analysis = field("stepWeight", step)
                + &field("maxWeight", most)
                + &field("stepWeights", list)
                + &field("iterations", iterations)
                + &field("stepWeightPromotion", promotion)
                + &field("canaryReadyThreshold", ready)
                + &field("mirrorWeight", ready)
                + &field("mirror", mirror)
                + &field("match", matches);
            let metrics = metrics.join(", ");
            let provider = if kubernetes_provider { "provider: kubernetes, " } else { "" };
            let spec = format!(
                "{provider} targetRef: {{ kind: Deployment, name: shop }}, skipAnalysis: {skip}, analysis: {{ interval: {interval}s, threshold: {threshold}, {analysis} metrics: [ {metrics} ] }}"
            );
            // The Deployment that Flagger watches is updated in a rolling way in any case.
            let deployment = deployment.filter(|text| !text.contains("Recreate"));
            let deployment = deployment.map(|text| format!("---\n{text}")).unwrap_or_default();
            kubernetes("flagger.app/v1beta1", "Canary", &spec) + &deployment
        },
    )
}

fn ecs() -> impl Strategy<Value = String> {
    let breaker = (any::<(bool, bool, bool)>(), select(vec!["BOUNDED_PERCENT", "UNBOUNDED_PERCENT", "COUNT"]), 1..100_u32)
        .prop_map(|((enable, rollback, resets), kind, value)| {
            format!("{{ enable: {enable}, rollback: {rollback}, resetOnHealthyTask: {resets}, thresholdConfiguration: {{ type: {kind}, value: {value} }} }}")
        });
    let rolling = (0..100_u32, 101..400_u32, option::of(breaker)).prop_map(|(minimum, maximum, breaker)| {
        format!(
            "minimumHealthyPercent: {minimum}, maximumPercent: {maximum}, {}",
            field("deploymentCircuitBreaker", breaker)
        )
    });
    let linear = (30..=1_000_u32, 0..=1_440_u32, 0..=1_440_u32).prop_map(|(tenths, step, bake)| {
        format!("strategy: LINEAR, bakeTimeInMinutes: {bake}, linearConfiguration: {{ stepPercent: {}, stepBakeTimeInMinutes: {step} }}", f64::from(tenths) / 10.0)
    });
    let canary = (1..=1_000_u32, 0..=1_440_u32, 0..=1_440_u32).prop_map(|(tenths, step, bake)| {
        format!("strategy: CANARY, bakeTimeInMinutes: {bake}, canaryConfiguration: {{ canaryPercent: {}, canaryBakeTimeInMinutes: {step} }}", f64::from(tenths) / 10.0)
    });
    let blue_green = (0..=1_440_u32).prop_map(|bake| format!("strategy: BLUE_GREEN, bakeTimeInMinutes: {bake}"));
    let configuration = prop_oneof![rolling, linear, canary, blue_green];
    (configuration, option::of(0..50_u32), any::<bool>()).prop_map(|(configuration, count, balanced)| {
        let balanced = balanced.then_some("[ { targetGroupArn: a } ]");
        let fields = field("desiredCount", count) + &field("loadBalancers", balanced);
        format!("{{ serviceName: shop, {fields} deploymentConfiguration: {{ {configuration} }} }}\n")
    })
}

fn nomad() -> impl Strategy<Value = String> {
    let update = (0..9_u32, 0..9_u32, any::<(bool, bool)>(), 0..900_u32, 1..900_u32);
    let pod = (option::of(0..50_u32), option::of(1..60_u32), option::of(0..60_u32), option::of((1..60_u32, 1..4_u32)));
    (update, pod).prop_map(|((parallel, canaries, (promote, revert), ready, more), (count, delay, kill, check))| {
        let promote = promote && canaries > 0;
        let line = |key: &str, value: Option<String>| value.map_or_else(String::new, |value| format!("{key} = {value}\n"));
        let seconds = |value: u32| format!("\"{value}s\"");
        let check = check.map_or_else(String::new, |(interval, good)| {
            format!("service {{\n check {{\n interval = \"{interval}s\"\n success_before_passing = {good}\n }}\n }}\n")
        });
        let task = kill.map_or_else(String::new, |kill| format!("task \"a\" {{\n kill_timeout = \"{kill}s\"\n }}\n"));
        format!(
            "job \"shop\" {{\n group \"web\" {{\n{}{}{check}{task} update {{\n max_parallel = {parallel}\n canary = {canaries}\n auto_promote = {promote}\n auto_revert = {revert}\n min_healthy_time = \"{ready}s\"\n healthy_deadline = \"{}s\"\n progress_deadline = \"{}s\"\n }}\n }}\n}}\n",
            line("count", count.map(|count| count.to_string())),
            line("shutdown_delay", delay.map(seconds)),
            ready + more,
            ready + more + 7,
        )
    })
}

proptest! {
    #[test]
    fn deployments_come_back(text in deployment()) {
        assert_fixed(&text, Target::Kubernetes);
    }

    #[test]
    fn canaries_of_argo_come_back(text in argo_canary()) {
        assert_fixed(&text, Target::Argo);
    }

    #[test]
    fn blue_green_of_argo_comes_back(text in argo_blue_green()) {
        assert_fixed(&text, Target::Argo);
    }

    #[test]
    fn canaries_of_flagger_come_back(text in flagger()) {
        assert_fixed(&text, Target::Flagger);
    }

    #[test]
    fn services_of_ecs_come_back(text in ecs()) {
        assert_fixed(&text, Target::Ecs);
    }

    #[test]
    fn jobs_of_nomad_come_back(text in nomad()) {
        assert_fixed(&text, Target::Nomad);
    }
}
