use super::first_line;
use crate::core::time::Span;
use crate::scenario::plan::{Law, Scenario, Segment, Source};
use crate::scenario::{Problems, load};

/// A folder with a scenario that has `traffic: { trace: … }` and one version, and a file `trace.csv`.
struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(csv: &str, options: &str, service: &str) -> Fixture {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let text = format!(
            "name: traced\nhorizon: 10m\ntraffic: {{ trace: {{ file: trace.csv{options} }} }}\n\
             fleet: {{ size: 1, slots: 1 }}\nversions: {{ v1: {{ service: {service} }} }}\n"
        );
        std::fs::write(folder.path().join("x.yaml"), text).expect("the folder can be written to");
        std::fs::write(folder.path().join("trace.csv"), csv).expect("the folder can be written to");
        Fixture { folder }
    }

    fn load(&self) -> Result<Scenario, Problems> {
        load(&self.folder.path().join("x.yaml")).map(|loaded| loaded.scenario)
    }
}

#[track_caller]
fn segments(csv: &str, options: &str) -> Vec<(u64, f64)> {
    let fixture = Fixture::new(csv, options, "1ms");
    let scenario = fixture.load().unwrap_or_else(|problems| panic!("{problems}"));
    let Source::Open { segments, .. } = scenario.traffic.source else {
        panic!("counts make open traffic");
    };
    let shown = |segment: &Segment| (segment.lasts.nanos() / 1_000_000_000, segment.from.per_second());
    segments.iter().map(shown).collect()
}

#[track_caller]
fn requests(csv: &str, options: &str) -> Vec<(u64, f64)> {
    let fixture = Fixture::new(csv, options, "1ms");
    let scenario = fixture.load().unwrap_or_else(|problems| panic!("{problems}"));
    let Source::Requests(requests) = scenario.traffic.source else {
        panic!("timestamps make requests");
    };
    requests.iter().map(|request| (request.at.nanos() / 1_000_000, request.size)).collect()
}

/// The problems of a trace, without the path of the folder.
fn problems(csv: &str, options: &str) -> Vec<String> {
    let fixture = Fixture::new(csv, options, "1ms");
    let problems = fixture.load().err().unwrap_or_default();
    let folder = format!("{}/", fixture.folder.path().display());
    problems.iter().map(|problem| first_line(&problem.to_string()).replace(&folder, "")).collect()
}

const COUNTS: &str =
    "# from somewhere\nperiod,count\n1998-07-07 21:41:00,60\n1998-07-07 21:42:00,120\n1998-07-07 21:45:00,6\n";

#[test]
fn counts_become_rates_and_gaps_have_none() {
    assert_eq!(segments(COUNTS, ""), [(60, 1.0), (60, 2.0), (120, 0.0), (60, 0.1)]);
    assert_eq!(segments(COUNTS, ", scale: 0.5"), [(60, 0.5), (60, 1.0), (120, 0.0), (60, 0.05)]);
    assert_eq!(segments(COUNTS, ", start: 90s"), [(30, 2.0), (120, 0.0), (60, 0.1)]);
}

#[test]
fn counts_end_at_the_horizon() {
    let rows: String = (0..100).map(|row| format!("{},600\n", row * 60)).collect();
    let segments = segments(&format!("Period,Count\n{rows}"), ", start: 30s");
    assert_eq!(segments.len(), 11);
    assert_eq!(segments.iter().map(|(seconds, _)| seconds).sum::<u64>(), 600);
}

#[test]
fn periods_may_be_written_in_several_ways() {
    let cases = [
        ("0", "60"),
        ("1.5", "61.5"),
        ("1998-07-07 21:41:00", "1998-07-07 21:42:00"),
        ("1998-07-07T21:41", "1998-07-07T21:42"),
        ("1998-07-07T23:59:30Z", "1998-07-08T00:00:30Z"),
        ("1998-07-07T23:59:30+09:00", "1998-07-07T15:00:30+00:00"),
    ];
    for (first, second) in cases {
        let csv = format!("period,count\n{first},60\n{second},120\n");
        assert_eq!(segments(&csv, ""), [(60, 1.0), (60, 2.0)], "{first}");
    }
}

const REQUESTS: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0299600,3180,8\n2023-11-16 18:17:04.0299600,9,2.5\n2023-11-16 19:00:00.0,9,7\n";

#[test]
fn timestamps_become_requests_from_zero_to_the_horizon() {
    assert_eq!(requests(REQUESTS, ""), [(0, 1.0), (50, 1.0), (50, 1.0)]);
    assert_eq!(requests(REQUESTS, ", scale: 0.5"), [(0, 1.0), (100, 1.0), (100, 1.0)]);
    assert_eq!(requests(REQUESTS, ", size: generatedtokens"), [(0, 10.0), (50, 8.0), (50, 2.5)]);
    assert_eq!(requests(REQUESTS, ", start: 20ms"), [(30, 1.0), (30, 1.0)]);
    assert_eq!(requests("timestamp\n5.25\n6\n", ""), [(0, 1.0), (750, 1.0)]);
}

#[test]
fn a_law_per_size_needs_a_size() {
    let law = "{ per-size: { base: 10ms, each: 20ms } }";
    let scenario = Fixture::new(REQUESTS, ", size: GeneratedTokens", law).load();
    let [base, each] = [10, 20].map(Span::from_millis);
    let version = scenario.expect("the trace has sizes").versions.remove(0);
    assert_eq!(version.service, Law::PerSize { base, each });
    assert!(Fixture::new(REQUESTS, "", law).load().is_err());
}

#[test]
fn a_bad_row_is_reported_with_its_line() {
    let cases = [
        (
            "period,count\n0,1\n60,x\n120,1\n",
            "trace.csv:3:4: found 'x' in the column count, expected a number of requests",
        ),
        ("period,count\n0,1\n60,-1\n120,1\n", "trace.csv:3:4: found '-1'"),
        ("period,count\n0,1\n# note\n\nnoon,1\n60,1\n", "trace.csv:5:1: found 'noon' in the column period"),
        ("period,count\n0,1\n60,1\n60,1\n", "trace.csv:4:1: found '60' in the column period, expected a time after"),
        ("period,count\n0,1\n60,1\n30,1\n", "trace.csv:4:1: found '30'"),
        ("period,count\n0,1\n60,1\n150,1\n", "trace.csv:4:1: found a period 90s after"),
        ("period,count\n0,1\n60,1\n2020-01-01,1\n", "trace.csv:4:1: found '2020-01-01'"),
        ("period,count\r\n0,1\r\n60\r\n120,1\r\n", "trace.csv:3:1: found 1 columns, expected 2"),
        ("timestamp\n5\n4\n", "trace.csv:3:1: found '4' in the column timestamp, expected a time not before"),
        ("timestamp\n5\nnan\n6", "trace.csv:3:1: found 'nan'"),
        ("timestamp\n5\n6\n-7", "trace.csv:4:1: found '-7'"),
        (
            "\n# c\nwhen,what\n1,2\n",
            "trace.csv:3:1: found the columns 'when, what', expected either period and count, or timestamp",
        ),
        ("", "trace.csv"),
        ("period,count\n0,1\n", "x.yaml:3:27: traffic.trace.file: found counts with fewer than two rows"),
        ("period,count\n0,0\n60,0\n", "x.yaml:3:19: traffic.trace: found no request"),
        ("timestamp\n", "traffic.trace: found no request"),
        ("period,count\n0,1\n0.001,100000\n", "a peak of 100000000/s"),
    ];
    for (csv, part) in cases {
        let found = problems(csv, "");
        assert_eq!(found.len(), 1, "{csv:?}: {found:#?}");
        assert!(found[0].contains(part), "{csv:?}: {found:?}");
    }
}

#[test]
fn a_file_of_the_wrong_kind_does_not_flood() {
    let rows = "x,y\n".repeat(500);
    let found = problems(&format!("period,count\n0,1\n60,1\n{rows}"), "");
    assert_eq!(found.len(), 11);
    assert!(found[10].contains("trace.csv: and 490 more bad rows"), "{}", found[10]);
}

#[test]
fn options_of_a_trace_must_fit_it() {
    let cases = [
        (REQUESTS, ", size: GeneratedToken", "did you mean 'GeneratedTokens'?"),
        (COUNTS, ", size: count", "expected none, since this trace has counts"),
        (REQUESTS, ", start: 9h", "the trace lasts"),
        (COUNTS, ", start: 9h", "the trace lasts 5m"),
        (COUNTS, ", scale: 0", "expected a number above 0"),
        (COUNTS, ", scale: -1", "expected a number above 0"),
    ];
    for (csv, options, part) in cases {
        let found = problems(csv, options);
        assert_eq!(found.len(), 1, "{options}: {found:#?}");
        assert!(found[0].contains(part), "{options}: {found:?}");
    }
}

#[test]
fn a_missing_trace_is_a_problem_with_a_suggestion() {
    let fixture = Fixture::new(COUNTS, "", "1ms");
    let path = fixture.folder.path();
    std::fs::rename(path.join("trace.csv"), path.join("traces.csv")).expect("the file is there");
    let problems = fixture.load().expect_err("the trace is gone").to_string();
    assert!(problems.contains("traffic.trace.file: found 'trace.csv', which cannot be read"), "{problems}");
    assert!(problems.contains("did you mean 'traces.csv'?"), "{problems}");
}

#[test]
fn measured_durations_become_an_empirical_law() {
    let law = |unit: &str| format!("{{ empirical: {{ file: trace.csv, column: Latency{unit} }} }}");
    let load = |csv: &str, unit: &str| {
        let fixture = Fixture::new("timestamp\n0\n", "", &law(unit).replace("trace.csv", "law.csv"));
        std::fs::write(fixture.folder.path().join("law.csv"), csv).expect("the folder can be written to");
        fixture.load()
    };
    let scenario = load("n,latency\n1,1.5\n2,20\n", "").expect("the column is good");
    let nanos = [1_500_000, 20_000_000].map(Span::from_nanos);
    assert_eq!(scenario.versions[0].service, Law::Empirical(nanos.to_vec()));
    let scenario = load("n,latency\n1,1.5\n", ", unit: s").expect("the column is good");
    assert_eq!(scenario.versions[0].service, Law::Empirical(vec![Span::from_millis(1_500)]));
    for (csv, part) in [
        ("n,latency\n1,-1\n", "law.csv:2:3: found '-1' in the column latency"),
        ("n,latency\n1,0\n", "found no value above zero"),
        ("n,latency\n", "found no value above zero"),
        ("n,x\n1,1\n", "expected one of the columns: n, x"),
    ] {
        let problems = load(csv, "").expect_err("the column is bad").to_string();
        assert!(problems.contains(part), "{csv:?}: {problems}");
    }
}

#[test]
fn a_written_scenario_finds_its_trace_again() {
    let fixture = Fixture::new(COUNTS, ", scale: 2, start: 1m", "1ms");
    let root = fixture.folder.path();
    let loaded = load(&root.join("x.yaml")).unwrap_or_else(|problems| panic!("{problems}"));
    let output = root.join("output/traced-1");
    std::fs::create_dir_all(&output).expect("the folder can be written to");
    let text = loaded.run_yaml(&output);
    assert!(text.contains("file: \"../../trace.csv\""), "{text}");
    std::fs::write(output.join("run.yaml"), text).expect("the folder can be written to");
    let again = load(&output.join("run.yaml")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(again.scenario, loaded.scenario);
}
